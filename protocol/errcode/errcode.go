// Package errcode has the numeric error codes of SRS, by which its users search logs and read the
// answers of its API: a number, a short name and what it means.
//
// An error carries its code by a method
//
//	Code() int
//
// anywhere in its chain; [Of] finds it, and knows the errors of this module that have none.
package errcode

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"slices"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// Other is the code of an error that none of SRS's stands for. It is not in the table.
const Other = 1

// Code is one row of the table.
type Code struct {
	Number int
	Name   string // as SRS's logs have it: StreamBusy
	Text   string // what went wrong, in a few words
}

// String gives the code as SRS writes it: code=1028(StreamBusy)(the stream has a publisher).
func (c Code) String() string { return fmt.Sprintf("code=%d(%s)(%s)", c.Number, c.Name, c.Text) }

// Lookup finds a code by its number. For a number that SRS does not have, ok is false and the code is
// that of Other.
func Lookup(number int) (c Code, ok bool) {
	for _, t := range tables() {
		i, ok := slices.BinarySearchFunc(t, number, func(c Code, n int) int { return cmp.Compare(c.Number, n) })
		if ok {
			return t[i], true
		}
	}
	return Code{Other, "Failed", "the session failed"}, false
}

// All ranges over the table, from the lowest number.
func All() iter.Seq[Code] {
	return func(yield func(Code) bool) {
		for _, t := range tables() {
			for _, c := range t {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// tables are the parts of the table, in order.
func tables() [6][]Code {
	return [...][]Code{systemCodes, rtmpCodes, appCodes, httpCodes, rtcCodes, srtCodes}
}

// known are the errors of the library, asked in order: stream.ErrNotFound is in protocol.ErrVhost too.
var known = []struct {
	err    error
	number int
}{
	{stream.ErrBusy, 1028},
	{stream.ErrTakenOver, 1028},
	{stream.ErrKicked, 1070}, // how SRS ends a session that is kicked
	{protocol.ErrVhost, 2014},
	{protocol.ErrURL, 2006},
	{protocol.ErrStreamName, 2051},
	{stream.ErrNotFound, 2048},
	{stream.ErrIdle, 1011},
	{stream.ErrSlow, 1011},
	{os.ErrDeadlineExceeded, 1011},
}

// Of gives the code of an error: the one that its chain carries, else that of a known error, else
// Other. A refusal without a code is 2015.
func Of(err error) Code {
	var own interface{ Code() int }
	if errors.As(err, &own) {
		if c, ok := Lookup(own.Code()); ok {
			return c
		}
	}
	number := Other
	var denied *stream.DeniedError
	var dns *net.DNSError
	switch {
	case errors.As(err, &denied): // whatever the gate's own reason is
		number = 2015
	case errors.As(err, &dns):
		number = 1066
	default:
		for _, k := range known {
			if errors.Is(err, k.err) {
				number = k.number
				break
			}
		}
	}
	c, _ := Lookup(number)
	return c
}
