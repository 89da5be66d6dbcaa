package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Derived is another form of a stream, made once for all readers that ask for it with the
// same configuration C: parts of CMAF, RTP packets. It is for forms that are read piece by
// piece; bytes that go to viewers as they are made are a [Format].
type Derived[T any, C comparable] struct {
	// Name and the configuration tell the forms of a stream apart.
	Name string
	// New makes the sink that packets go to. It calls give, on its own goroutine, for each
	// piece; key marks one at which a reader may begin. A sink that has a method
	// EndPublication() error is told when the publisher has left, and goes on with the next.
	New func(cfg C, give func(v *T, key bool)) Sink
	// Size gives the bytes that a piece holds, so that readers which do not read cannot
	// make the stream hold more than Settings.CacheBytes; nil counts nothing.
	Size func(*T) int
}

// derivedLimit bounds the pieces that a slow reader may be behind.
const derivedLimit = 4096

// derivedKey names a derivation of a stream.
type derivedKey struct {
	name string
	cfg  any
}

// derivation is a derived form in the making.
type derivation[T any, C comparable] struct {
	stream *Stream
	key    derivedKey
	size   func(*T) int
	ring   *Ring[T]
	end    *T // stands in the ring where a publication ends
	cancel context.CancelFunc

	mu      sync.Mutex
	cursors map[*Cursor[T]]struct{}
	bytes   int // in ring
	idle    *time.Timer
	over    bool
}

// Derive reads a derived form of the stream, which is made for the first reader and ends
// Settings.Linger after the last has closed its cursor. The cursor begins at the newest
// key piece, and gives [io.EOF] where a publication ends: reading on gives the next one's.
// A form that fails ends with its error for all its readers, and for nobody else; asking
// again makes it anew.
func Derive[T any, C comparable](s *Stream, d *Derived[T, C], cfg C) *Cursor[T] {
	s.derivedMu.Lock()
	defer s.derivedMu.Unlock()
	k := derivedKey{d.Name, cfg}
	if old, ok := s.derived[k]; ok {
		same, ok := old.(*derivation[T, C])
		if !ok {
			panic(fmt.Sprintf("stream: derive %s: two forms have this name", d.Name))
		}
		if c := same.join(); c != nil {
			return c
		}
	}
	ctx, cancel := context.WithCancel(s.hub.ctx)
	v := &derivation[T, C]{stream: s, key: k, size: d.Size, ring: NewRing[T](derivedLimit), end: new(T), cancel: cancel,
		cursors: map[*Cursor[T]]struct{}{}}
	if s.derived == nil {
		s.derived = map[derivedKey]any{}
	}
	s.derived[k] = v
	c := v.join()
	src := s.Open(ctx, FromKey)
	if !s.hub.spawn(func() { v.run(src, d, cfg) }) {
		v.stop(src, ErrShutdown)
		delete(s.derived, k)
	}
	return c
}

// join makes a cursor; nil if the derivation has ended.
func (v *derivation[T, C]) join() *Cursor[T] {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return nil
	}
	if v.idle != nil {
		v.idle.Stop()
		v.idle = nil
	}
	c := v.ring.Cursor(FromKey)
	c.eof = v.end
	c.release = func() { v.leave(c) }
	v.cursors[c] = struct{}{}
	return c
}

// leave lets go of a cursor.
func (v *derivation[T, C]) leave(c *Cursor[T]) {
	v.stream.mu.Lock()
	linger := v.stream.set.Linger
	v.stream.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.cursors, c)
	if len(v.cursors) == 0 && !v.over && v.idle == nil {
		v.idle = time.AfterFunc(linger, v.expire)
	}
}

// expire ends the derivation unless somebody has come back.
func (v *derivation[T, C]) expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.cursors) == 0 {
		v.over = true
		v.cancel()
	}
}

// run feeds the sink until nobody reads what it makes.
func (v *derivation[T, C]) run(src *Player, d *Derived[T, C], cfg C) {
	err := v.feed(src, d, cfg)
	if src.ctx.Err() == nil {
		v.stream.hub.cfg.Logger.Error("derived form ended", "stream", v.stream.key, "form", d.Name, "err", err)
	}
	v.finish(src, err)
}

func (v *derivation[T, C]) feed(src *Player, d *Derived[T, C], cfg C) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("stream: derived form %s panicked: %v\n%s", d.Name, r, stack())
		}
	}()
	sink := d.New(cfg, v.give)
	ender, _ := sink.(interface{ EndPublication() error })
	for {
		p, err := src.ReadPacket()
		switch {
		case errors.Is(err, io.EOF):
			if ender != nil {
				if err := ender.EndPublication(); err != nil {
					return err
				}
			}
			v.ring.push(v.end, true)
			v.ring.Forget()
			v.flush()
		case err != nil:
			return err
		default:
			if err := sink.WritePacket(p); err != nil && !errors.Is(err, ErrUnsupported) {
				return err
			}
			v.flush()
		}
	}
}

// give takes a piece from the sink.
func (v *derivation[T, C]) give(p *T, key bool) {
	v.ring.Push(p, key)
	if v.size != nil {
		v.bytes += v.size(p)
	}
}

// flush shows the new pieces to the readers, and drops those that nobody needs.
func (v *derivation[T, C]) flush() {
	if v.ring.flushed.Load() == v.ring.head {
		return
	}
	v.ring.Flush()
	need := v.ring.head
	if k, ok := v.ring.keyPos(); ok {
		need = k
	}
	v.mu.Lock()
	for c := range v.cursors {
		need = min(need, c.pos.Load())
	}
	v.mu.Unlock()
	v.stream.mu.Lock()
	limit := v.stream.set.CacheBytes
	v.stream.mu.Unlock()
	for pos := v.ring.tail.Load(); pos < v.ring.head && (pos < need || v.bytes > limit); pos++ {
		if p := v.ring.at(pos); p != nil && p != v.end && v.size != nil {
			v.bytes -= v.size(p)
		}
		v.ring.Trim(pos + 1)
	}
}

// stop ends the ring.
func (v *derivation[T, C]) stop(src *Player, err error) {
	v.mu.Lock()
	v.over = true
	v.mu.Unlock()
	v.cancel()
	_ = src.Close()
	v.ring.Close(err)
}

// finish ends the ring and forgets the derivation.
func (v *derivation[T, C]) finish(src *Player, err error) {
	v.stop(src, err)
	s := v.stream
	s.derivedMu.Lock()
	defer s.derivedMu.Unlock()
	if s.derived[v.key] == any(v) {
		delete(s.derived, v.key)
	}
}
