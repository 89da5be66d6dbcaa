package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Converter makes sound of another coding, for viewers that cannot play what is published.
type Converter interface {
	// To tells what a track should become for a viewer that plays the codecs in accept, the one
	// that it likes best first; false where that cannot be done, or need not be.
	To(from Track, accept []Codec) (Codec, bool)
	// New makes a sink that gives dst what it gets, with the sound coded as to. One that has a
	// method EndPublication() error is told when the publisher has left, and goes on with the next;
	// one that is an io.Closer is closed when nobody reads any more.
	New(to Codec, dst Sink) Sink
}

// conversion is what a stream that another one feeds has besides.
type conversion struct {
	of      *Stream
	to      Codec
	running context.CancelFunc // nil while nobody uses it; Hub.mu
}

// As gives the stream as it is for those who can play the codecs of sound in accept, the one that
// they like best first: the stream itself, unless Settings.Convert can do better; then one whose sound
// is converted, once for all who ask for it, while somebody reads it. As waits until the tracks are
// known (see [Player.Tracks]). What it gives shows up nowhere else, and goes on through the next
// publications, whatever their sound.
func (s *Stream) As(ctx context.Context, accept ...Codec) (*Stream, error) {
	s.mu.Lock()
	c := s.set.Convert
	s.mu.Unlock()
	if c == nil || s.conv != nil || len(accept) == 0 {
		return s, nil
	}
	p := s.Open(ctx, Begin)
	defer p.Close()
	p.openPackets() // what comes meanwhile is kept for who reads next
	t, err := p.Tracks(ctx)
	if err != nil {
		return nil, err
	}
	if to, ok := better(c, t, accept); ok {
		return s.hub.converted(s, to)
	}
	return s, nil
}

// Sound gives the stream with its sound coded as to, if Settings.Convert is set: what it cannot convert,
// and what is coded so already, passes as it is. Other than with As, it stays the same whatever the next
// publications bring, and need not be waited for.
func (s *Stream) Sound(to Codec) (*Stream, error) {
	s.mu.Lock()
	c := s.set.Convert
	s.mu.Unlock()
	if c == nil || s.conv != nil {
		return s, nil
	}
	return s.hub.converted(s, to)
}

// better tells what the sound of tracks should become for who plays the codecs in accept.
func better(c Converter, t *Tracks, accept []Codec) (to Codec, ok bool) {
	i := t.First(KindAudio)
	if c == nil || i < 0 || len(accept) == 0 || slices.Contains(accept, t.List[i].Codec) {
		return 0, false
	}
	return c.To(t.List[i], accept)
}

// Accept tells which codecs of sound the viewer can play, the one that it likes best first. Where the
// stream's is none of them, Serve gives what [Stream.As] makes of it. It comes before Tracks and Serve.
func (p *Player) Accept(accept ...Codec) { p.accept = accept }

// errSound ends serving a stream whose sound the viewer cannot play.
var errSound = errors.New("stream: the viewer needs other sound")

// suits tells whether the viewer can play tracks, or nothing can be done about it.
func (p *Player) suits(t *Tracks) bool {
	s := p.media.Load()
	if len(p.accept) == 0 || s.conv != nil {
		return true
	}
	s.mu.Lock()
	c := s.set.Convert
	s.mu.Unlock()
	_, ok := better(c, t, p.accept)
	return !ok
}

// convert has the player read the stream with other sound.
func (p *Player) convert() error {
	s, err := p.home.As(p.ctx, p.accept...)
	if err != nil {
		return err
	}
	h := p.home
	if s != h { // or the tracks have changed again
		s.hub.enter(s)
		s.mu.Lock()
		s.players[p] = struct{}{}
		s.mu.Unlock()
	}
	h.mu.Lock()
	closed := p.done.Load() // by somebody who knows of h alone
	if !closed {
		p.detach()
		p.wire, p.view, p.fast = nil, nil, nil
		p.media.Store(s)
	}
	h.mu.Unlock()
	if closed && s != h {
		s.removePlayer(p)
	}
	if closed {
		return ErrClosed
	}
	return nil
}

// converted gives the stream that s is converted to.
func (h *Hub) converted(s *Stream, to Codec) (*Stream, error) {
	k := streamID{s.key, to}
	s.mu.Lock()
	set := forConverted(s.set)
	s.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrShutdown
	}
	if have := h.streams[k]; have != nil && have.conv.of == s {
		return have, nil
	}
	n := newStream(h, s.key, set)
	n.id, n.conv = k, &conversion{of: s, to: to}
	n.unused = n.start
	h.streams[k] = n
	return n, nil
}

// forConverted gives the settings of a stream that is fed from within: its time is right, and it ends
// with who reads it.
func forConverted(set Settings) Settings {
	set.Jitter, set.ATC, set.MixCorrect = JitterOff, false, false
	set.FirstPacket, set.Idle, set.KickIdle = -1, -1, 0
	return set
}

// enter counts a user of a stream that exists, and starts what feeds it.
func (h *Hub) enter(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.users++
	if h.closed {
		return
	}
	if h.streams[s.id] == nil {
		h.streams[s.id] = s
	}
	if c := s.conv; c != nil && c.running == nil {
		var ctx context.Context
		ctx, c.running = context.WithCancel(h.ctx)
		h.work.Go(func() { s.convert(ctx) })
	}
}

// convert feeds a converted stream until nobody reads it.
func (s *Stream) convert(ctx context.Context) {
	err := s.feed(ctx)
	if ctx.Err() != nil {
		return
	}
	s.hub.cfg.Logger.Error("conversion ended", "stream", s.key, "to", s.conv.to, "err", err)
	s.hub.mu.Lock()
	if s.hub.streams[s.id] == s { // who asks again gets another one
		delete(s.hub.streams, s.id)
	}
	s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring.Close(err)
	for _, w := range s.wires.active {
		w.ring.Close(err)
	}
}

func (s *Stream) feed(ctx context.Context) (err error) {
	src := s.conv.of.Open(ctx, Begin)
	defer src.Close()
	out := &converted{to: s, src: src}
	defer out.finish()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("stream: conversion panicked: %v\n%s", r, stack())
		}
	}()
	s.mu.Lock()
	c := s.set.Convert
	s.mu.Unlock()
	sink := c.New(s.conv.to, out)
	if end, ok := sink.(io.Closer); ok {
		defer func() { _ = end.Close() }()
	}
	ender, _ := sink.(interface{ EndPublication() error })
	for {
		p, err := src.ReadPacket()
		switch {
		case errors.Is(err, io.EOF):
			if ender != nil {
				err = ender.EndPublication()
			} else {
				err = nil
			}
			out.finish()
		case err == nil:
			err = sink.WritePacket(p)
		}
		if err != nil && !errors.Is(err, ErrUnsupported) {
			return err
		}
	}
}

// converted writes what a converter gives.
type converted struct {
	to  *Stream
	src *Player
	pub *Publisher // nil between publications
}

// WritePacket begins a publication if there is none.
func (c *converted) WritePacket(p *Packet) error {
	if c.pub == nil {
		c.pub = c.to.feeder(c.src)
	}
	return c.pub.WritePacket(p)
}

// finish ends the publication.
func (c *converted) finish() {
	if c.pub != nil {
		c.to.finish(c.pub)
		c.pub = nil
	}
}

// feeder begins a publication that no gate is asked for, and that nobody is told of.
func (s *Stream) feeder(src *Player) *Publisher {
	of := s.conv.of
	ses := &Session{Action: ActionPublish, Start: s.start, hub: s.hub, ctx: src.ctx, cancel: func(error) {}}
	if p := of.Publisher(); p != nil {
		ses.ID, ses.Request, ses.Start = p.ID, p.Request, p.Start
	}
	ses.stream.Store(s)
	p := &Publisher{Session: ses, stream: s}
	p.OnKeyFrameRequest(src.RequestKeyFrame)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(p, s.set)
	return p
}
