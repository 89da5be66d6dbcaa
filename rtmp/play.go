package rtmp

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

// playing is a player on a connection.
type playing struct {
	player  *stream.Player
	done    chan struct{}
	err     error       // of Serve; read after done
	stopped atomic.Bool // by stopPlay: the connection may go on
	timer   *time.Timer
}

// playType is SRS's name of a player's kind.
const playType = "rtmp-play"

// errPlayed ends a play command that named a duration.
var errPlayed = errors.New("rtmp: the requested duration is over")

// ended gives why Serve ended, nil if it has not.
func (p *playing) ended() error {
	select {
	case <-p.done:
		return cmp(p.err, errSaid)
	default:
		return nil
	}
}

func cmp(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// startPlay answers the play command (§7.2.2.1).
func (c *conn) startPlay(ctx context.Context, cmd *command) error {
	if c.pub != nil || c.play != nil {
		return errors.New("rtmp: play while a stream is in use")
	}
	res, err := c.m.host.ResolveRTMP(c.tcURL, cmd.str(0))
	if err != nil {
		return c.refusePlay(&res, err)
	}
	r := c.request(res.Key, res.Param)
	r.Type, r.Persist = playType, true
	ask, stop := protocol.UntilGone(ctx, c.net)
	player, err := c.m.host.Hub.Play(ask, r)
	stop()
	var to *stream.RedirectError
	if errors.As(err, &to) {
		return c.redirect(to.URL)
	}
	if err != nil {
		return c.refusePlay(&res, err)
	}
	duration := time.Duration(max(cmd.number(2, 0), 0)) * time.Millisecond
	c.log.Info("rtmp plays", append(c.streamAttrs(&res, playType), "duration", duration,
		"source_id", player.Stream().PublisherID())...)
	c.send(c.playStatus(nil))
	if err := c.flush(); err != nil {
		_ = player.CloseCause(err)
		return err
	}
	_ = protocol.SetSendBuffer(c.net, player.SendBuffer())
	if !player.NoDelay() {
		_ = protocol.SetNoDelay(c.net, false)
	}
	p := &playing{player: player, done: make(chan struct{})}
	c.play = p
	c.player.Store(player)
	player.Accept(c.sound()...)
	enc := Encoder{ChunkSize: c.chunk, Multitrack: c.caps&capMultitrack != 0, Meta: c.cfg.MetaData}
	go c.servePlayer(p, enc.Format())
	if duration > 0 {
		p.timer = time.AfterFunc(duration, func() { player.Session().Kick(errPlayed) })
	}
	return nil
}

func (c *conn) servePlayer(p *playing, f *stream.Format) {
	defer func() {
		// In this order: whoever reads looks at done after each change of the deadline.
		close(p.done)
		if !p.stopped.Load() {
			c.interrupt()
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("panic in a player", "panic", r)
			p.err = errors.New("rtmp: player panicked")
		}
	}()
	p.err = p.player.Serve(c.writer(), f)
}

// playStatus is what precedes media.
func (c *conn) playStatus(b []byte) []byte {
	details := []amf.Field{{Name: "details", Value: "stream"}, {Name: "clientid", Value: clientID}}
	b = appendEvent(b, eventStreamBegin, 1)
	b = appendStatus(b, 1, c.chunk, "status", "NetStream.Play.Reset", "Playing and resetting stream.", details...)
	b = appendStatus(b, 1, c.chunk, "status", "NetStream.Play.Start", "Started playing stream.", details...)
	m := chunk.Message{Header: chunk.Header{Type: chunk.Data0, ChunkStream: csStatus, StreamID: 1}}
	m.Payload = amf.AppendAll(nil, "|RtmpSampleAccess", true, true)
	return chunk.AppendMessage(b, &m, c.chunk)
}

// redirectWait is how long a redirected client may take to leave.
const redirectWait = 3 * time.Second

// redirect sends a player elsewhere, after the play status as SRS does.
func (c *conn) redirect(url string) error {
	c.log.Info("rtmp player redirected", "to", url)
	c.send(c.playStatus(nil))
	c.send(appendCommand(nil, csStatus, 0, c.chunk, "onStatus", 0.0, nil, redirectInfo(url, "")))
	if err := c.flush(); err != nil {
		return err
	}
	_ = c.net.SetReadDeadline(time.Now().Add(redirectWait))
	for {
		m, err := c.read.ReadMessage()
		if err != nil || m.Type == chunk.Command0 || m.Type == chunk.Command3 {
			return errSaid
		}
	}
}

func (c *conn) refusePlay(res *protocol.Resolved, err error) error {
	c.log.Warn("rtmp play refused", append(c.streamAttrs(res, playType), "err", err)...)
	r := playRefusal(err)
	c.send(appendStatus(nil, 1, c.chunk, "error", r.code, r.text, amf.Field{Name: "clientid", Value: clientID}))
	return errSaid
}

// stopPlay ends the player; the connection may go on.
func (c *conn) stopPlay(err error) {
	p := c.play
	if clean(err) {
		err = nil
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	cause := p.player.Session().Err()
	p.stopped.Store(true)
	_ = p.player.CloseCause(err)
	<-p.done
	c.broken = c.broken || !p.player.Intact()
	c.play = nil
	c.player.Store(nil)
	s := p.player.Session().Stats()
	c.log.Info("rtmp play ended", "stream", p.player.Stream().Key(), "bytes", s.Bytes, "dropped", s.Dropped,
		"lapped", s.Lapped, "time", time.Since(p.player.Session().Start).Round(time.Millisecond), "cause", reason(cmp(cause, err)))
	if cause != nil || errors.Is(err, stream.ErrShutdown) {
		r := playRefusal(cmp(cause, err))
		c.send(appendStatus(nil, 1, c.chunk, "status", r.code, r.text))
	}
}

// pause answers the pause command (§7.2.2.8).
func (c *conn) pause(cmd *command) error {
	if c.play == nil {
		return nil
	}
	on := len(cmd.args) > 0 && cmd.args[0] == true
	if on {
		b := appendStatus(nil, 1, c.chunk, "status", "NetStream.Pause.Notify", "Paused stream.")
		c.send(appendEvent(b, eventStreamEOF, 1))
	} else {
		b := appendStatus(nil, 1, c.chunk, "status", "NetStream.Unpause.Notify", "Unpaused stream.")
		c.send(appendEvent(b, eventStreamBegin, 1))
	}
	c.play.player.Pause(on)
	return nil
}
