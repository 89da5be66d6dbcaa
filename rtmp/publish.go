package rtmp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

// badLimit is how many malformed messages in a row end a publisher.
const badLimit = 50

// publishing is a publication on a connection.
type publishing struct {
	c       *conn
	pub     *stream.Publisher
	dec     flv.Decoder
	packets []*stream.Packet // reused
	time    int64            // of the last audio or video, without wraps; data often says 0
	begun   bool

	stop func() bool // of watching the session's end

	bad    int // malformed messages in a row
	told   int // kinds of trouble that were logged
	ahead  *protocol.CoalescingConn
	window time.Duration
	bytes  int
}

// publish answers the publish command (§7.2.2.6).
func (c *conn) publish(ctx context.Context, cmd *command) error {
	if c.pub != nil || c.play != nil {
		return errors.New("rtmp: publish while a stream is in use")
	}
	res, err := c.m.host.ResolveRTMP(c.tcURL, cmd.str(0))
	if err != nil {
		return c.refusePublish(&res, err)
	}
	if c.fmle >= sawFMLE {
		c.send(appendCommand(nil, csStatus, 1, c.chunk, "onFCPublish", 0.0, nil, amf.Object{
			{Name: "code", Value: "NetStream.Publish.Start"}, {Name: "description", Value: "Started publishing stream."},
		}))
		if err := c.flush(); err != nil {
			return err
		}
	}
	r := c.request(res.Key, res.Param)
	r.Type = c.fmle.clientType()
	ask, stop := protocol.UntilGone(ctx, c.net)
	pub, err := c.m.host.Hub.Publish(ask, r)
	stop()
	if err != nil {
		return c.refusePublish(&res, err)
	}
	c.pub = &publishing{c: c, pub: pub, ahead: protocol.Coalescing(c.net)}
	c.pub.stop = context.AfterFunc(pub.Context(), c.interrupt)
	pub.SetManualFlush(true)
	c.read.SetMaxMessage(0)
	c.read.SetBufferSize(publishBuffer)
	c.log.Info("rtmp publishes", c.streamAttrs(&res, r.Type)...)
	c.send(appendStatus(nil, 1, c.chunk, "status", "NetStream.Publish.Start", "Started publishing stream.",
		amf.Field{Name: "clientid", Value: clientID}))
	return nil
}

// clientID is what SRS says, for whoever looks at it.
const clientID = "ASAICiss"

func (c *conn) refusePublish(res *protocol.Resolved, err error) error {
	c.log.Warn("rtmp publish refused", append(c.streamAttrs(res, c.fmle.clientType()), "err", err)...)
	var to *stream.RedirectError
	if errors.As(err, &to) {
		c.send(appendCommand(nil, csStatus, 0, c.chunk, "onStatus", 0.0, nil, redirectInfo(to.URL, "")))
		return errSaid
	}
	r := publishRefusal(err)
	c.send(appendStatus(nil, 1, c.chunk, "error", r.code, r.text, amf.Field{Name: "clientid", Value: clientID}))
	return errSaid
}

// tellPublisher says why the server ends a publication.
func (c *conn) tellPublisher(err error) {
	if clean(err) {
		return
	}
	r := publishRefusal(err)
	c.send(appendStatus(nil, 1, c.chunk, "error", r.code, r.text))
}

// stopPublish ends the publication; the connection may go on.
func (c *conn) stopPublish(err error) {
	if clean(err) {
		err = nil
	}
	p := c.pub
	c.pub = nil
	p.stop()
	if p.ahead != nil {
		_ = p.ahead.SetReadWindow(0, 0)
	}
	_ = p.pub.Close(err)
	c.read.SetMaxMessage(commandLimit)
	s := p.pub.Stats()
	c.log.Info("rtmp publish ended", "stream", p.pub.Stream().Key(), "packets", s.Packets, "bytes", s.Bytes,
		"time", time.Since(p.pub.Start).Round(time.Millisecond), "cause", reason(p.pub.Err()))
}

// media takes an audio, video, data or aggregate message.
func (p *publishing) media(m *chunk.Message) error {
	if m.Type == chunk.Aggregate {
		err := m.Split(func(part chunk.Message) error { return p.media(&part) })
		if err != nil && p.pub.Err() == nil {
			return p.trouble(err)
		}
		return err
	}
	typ, body := m.Type, m.Payload
	if typ == chunk.Data3 {
		if len(body) == 0 {
			return nil
		}
		body = body[1:] // the format selector; AMF0 follows
	}
	if typ == chunk.Data0 || typ == chunk.Data3 {
		typ = flv.TagScript
	}
	at := p.unwrap(m.Timestamp)
	if typ != flv.TagScript {
		p.begun, p.time = true, at
	}
	var err error
	p.packets, err = p.dec.Decode(p.packets[:0], typ, time.Duration(at)*time.Millisecond, body)
	for i, pkt := range p.packets {
		p.packets[i] = nil
		if werr := p.pub.WritePacket(pkt); werr != nil {
			return werr
		}
	}
	if err != nil {
		return p.trouble(err)
	}
	if len(p.packets) > 0 {
		p.bad = 0
	} else {
		p.pub.Touch()
	}
	return nil
}

// unwrap gives a message's time, continued beyond its 32 bits.
func (p *publishing) unwrap(ts uint32) int64 {
	if !p.begun {
		return int64(ts)
	}
	return p.time + int64(int32(ts-uint32(p.time)))
}

// trouble deals with a message that could not be read: an unknown codec is left out, a
// malformed message too unless there is no end of them.
func (p *publishing) trouble(err error) error {
	if p.told < 5 {
		p.told++
		p.c.log.Warn("rtmp message dropped", "stream", p.pub.Stream().Key(), "err", err)
	}
	if errors.Is(err, stream.ErrUnsupported) {
		p.pub.Touch()
		return nil
	}
	if p.bad++; p.bad > badLimit {
		return fmt.Errorf("rtmp: %d malformed messages in a row, the last: %w", p.bad, err)
	}
	return nil
}

// readAhead lets the socket gather as much as the load asks for.
func (p *publishing) readAhead() {
	if p.ahead == nil {
		return
	}
	n, w := p.pub.ReadAhead()
	if w == p.window && near(n, p.bytes) {
		return
	}
	p.window, p.bytes = w, n
	_ = p.ahead.SetReadWindow(n, w)
}

// near tells amounts that differ by less than a quarter: not worth a system call.
func near(a, b int) bool { return a == b || a*4 > b*3 && a*4 < b*5 }
