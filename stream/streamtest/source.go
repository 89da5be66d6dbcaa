package streamtest

import (
	"io"
	"time"

	"github.com/srsgo/srs/stream"
)

// Source gives the packets of the clip once, then io.EOF, as fast as they are read.
// It is for one goroutine, as any source.
func (c *Clip) Source() stream.Source { return c.Loop(1) }

// Loop gives the packets of the clip n times, or without end if n is below 1, as fast
// as they are read. Time goes on from one round to the next, in steps of
// [Clip.Duration]: no track's DTS goes back. A round begins with the clip's first
// Tracks, without a mark of discontinuity, as if an encoder went on.
func (c *Clip) Loop(n int) stream.Source { return &loop{clip: c, left: n, endless: n < 1} }

type loop struct {
	clip    *Clip
	left    int
	endless bool
	next    int
	shift   time.Duration
}

func (l *loop) ReadPacket() (*stream.Packet, error) {
	if l.next == len(l.clip.packets) {
		l.next = 0
		l.shift += l.clip.duration
		l.left--
	}
	if l.left <= 0 && !l.endless {
		return nil, io.EOF
	}
	p := l.clip.packets[l.next]
	l.next++
	if l.shift == 0 {
		return p, nil
	}
	moved := *p
	moved.DTS += l.shift
	moved.PTS += l.shift
	return &moved, nil
}

// Source gives the packets, then io.EOF.
func Source(packets ...*stream.Packet) stream.Source {
	s := list(packets)
	return &s
}

type list []*stream.Packet

func (l *list) ReadPacket() (*stream.Packet, error) {
	if len(*l) == 0 {
		return nil, io.EOF
	}
	p := (*l)[0]
	*l = (*l)[1:]
	return p, nil
}
