package srslog

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/srsgo/srs/stream"
)

// entry is a line that is written for a record.
type entry struct {
	level slog.Level
	text  string
}

// events are the messages of the library for which SRS has lines that its users search logs for, and
// what makes those lines of the record's attributes. The levels are SRS's.
var events = map[string]func(*event) []entry{
	"rtmp client connected": (*event).connected,
	"rtmp connect refused":  func(e *event) []entry { return append(e.connected(), e.failed("connect")) },
	"rtmp publishes":        func(e *event) []entry { return append(e.identified(), e.source()) },
	"rtmp publish refused":  func(e *event) []entry { return append(e.identified(), e.failed("publish")) },
	"rtmp plays":            func(e *event) []entry { return append(e.identified(), e.source()) },
	"rtmp play refused":     func(e *event) []entry { return append(e.identified(), e.failed("play")) },
	"rtmp connection ended": (*event).ended,
	"flv plays":             func(e *event) []entry { return []entry{e.request()} },
	"flv play refused":      func(e *event) []entry { return []entry{e.request(), e.failed("play")} },
	"flv play ended":        (*event).playEnded,
}

// clientLeft is the end of a client that closes its connection. SRS warns of it, with the code of a
// read that failed.
var clientLeft = entry{LevelWarn, "client disconnect peer. ret=1007"}

// event is a record of the library.
type event struct {
	h      *Handler
	record *slog.Record
	attrs  map[string]slog.Value
	plain  string // the record's line as it is without an entry in events
}

// text gives an attribute as it is written; empty where there is none.
func (e *event) text(name string) string {
	v, ok := e.attrs[name]
	if !ok {
		return ""
	}
	return string(appendEscaped(nil, maskAttr(name, text(v.Resolve()))))
}

// stream gives the stream that the record is about.
func (e *event) stream() (k stream.Key, ok bool) {
	k, ok = e.attrs["stream"].Any().(stream.Key)
	return k, ok
}

func (e *event) connected() []entry {
	transport := "plaintext"
	if e.text("tls") == "true" {
		transport = "ssl"
	}
	return []entry{
		{LevelInfo, fmt.Sprintf("RTMP client ip=%s, transport=%s", e.text("ip"), transport)},
		{LevelInfo, fmt.Sprintf("connect app, tcUrl=%s, pageUrl=%s, swfUrl=%s, schema=%s, vhost=%s, port=%s, app=%s, args=null",
			e.text("tcUrl"), e.text("pageUrl"), e.text("swfUrl"), e.text("schema"), e.text("vhost"), e.text("port"), e.text("app"))},
	}
}

// identified gives nothing for a stream whose name could not be read, as SRS does.
func (e *event) identified() []entry {
	k, ok := e.stream()
	if !ok {
		return nil
	}
	var wait int64
	if v, ok := e.attrs["duration"]; ok {
		wait = v.Duration().Milliseconds()
	}
	return []entry{{LevelInfo, fmt.Sprintf("client identified, type=%s, vhost=%s, app=%s, stream=%s, param=%s, duration=%dms",
		e.text("type"), e.text("vhost"), appendEscaped(nil, k.App), appendEscaped(nil, k.Name), e.text("param"), wait)}}
}

func (e *event) source() entry {
	k, _ := e.stream()
	ip := e.text("ip")
	if host, _, err := net.SplitHostPort(ip); err == nil {
		ip = host
	}
	cache, frames := e.h.o.gopCache(k)
	return entry{LevelInfo, fmt.Sprintf("source url=%s, ip=%s, cache=%d/%d, is_edge=0, source_id=/", e.text("stream"), ip, cache, frames)}
}

// failed is what ends a session that was refused or went wrong.
func (e *event) failed(doing string) entry {
	err, _ := e.attrs["err"].Any().(error)
	return entry{LevelError, fmt.Sprintf("serve error %s : %s : %s", codeOf(err), doing, e.text("err"))}
}

// ended is a client's leaving, a warning to SRS, or the server's ending of a session.
func (e *event) ended() []entry {
	err, _ := e.attrs["err"].Any().(error)
	switch {
	case err != nil && !isShutdown(err):
		return []entry{e.failed("service cycle")}
	case e.text("by") == "client":
		return []entry{clientLeft}
	}
	return []entry{{LevelInfo, "client finished."}}
}

// playEnded leaves the totals, for which SRS has no line, and adds SRS's own.
func (e *event) playEnded() []entry {
	list := []entry{{e.record.Level, e.plain}}
	switch e.text("reason") {
	case "client left":
		list = append(list, clientLeft)
	case "stream ended":
		list = append(list, entry{LevelWarn, "server disconnect. ret=4040"})
	}
	return list
}

// request is a request for a stream; it has no body, which SRS writes as -1.
func (e *event) request() entry {
	return entry{LevelInfo, fmt.Sprintf("HTTP #0 %s %s %s, content-length=-1", e.text("remote"), e.text("method"), e.text("url"))}
}
