package srslog

import (
	"errors"
	"fmt"
	"os"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// code is an error of SRS, by which its users know what went wrong.
type code struct {
	number     int
	name, text string
}

func (c code) String() string { return fmt.Sprintf("code=%d(%s)(%s)", c.number, c.name, c.text) }

var (
	codeDenied = code{2015, "SecurityDenied", "the client is not let in"}
	codeOther  = code{1, "Failed", "the session failed"}
)

// codes are asked in order: stream.ErrNotFound is in protocol.ErrVhost too.
var codes = []struct {
	err error
	code
}{
	{stream.ErrBusy, code{1028, "StreamBusy", "the stream has a publisher"}},
	{stream.ErrTakenOver, code{1028, "StreamBusy", "another publisher took the stream over"}},
	{protocol.ErrVhost, code{2014, "NoVhost", "there is no such vhost"}},
	{protocol.ErrURL, code{2006, "RtmpTcUrl", "the URL cannot be used"}},
	{protocol.ErrStreamName, code{2051, "StreamNameEmpty", "the stream has no name"}},
	{stream.ErrNotFound, code{2048, "StreamNotFound", "there is no such stream"}},
	{stream.ErrIdle, code{1011, "SocketTimeout", "the publisher was idle for too long"}},
	{stream.ErrSlow, code{1011, "SocketTimeout", "the client reads too slowly"}},
	{os.ErrDeadlineExceeded, code{1011, "SocketTimeout", "the client was silent for too long"}},
}

// codeOf gives what SRS says of an error.
func codeOf(err error) code {
	var denied *stream.DeniedError
	if errors.As(err, &denied) { // whatever the gate's own reason is
		return codeDenied
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return codeOther
}

func isShutdown(err error) bool { return errors.Is(err, stream.ErrShutdown) }
