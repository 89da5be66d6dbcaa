package hook

import (
	"context"
	"fmt"

	"github.com/srsgo/srs/stream"
)

// opened is a connection for which on_connect was reached: its end is told.
type opened struct {
	key stream.Key // what was asked for last
	// owed is a publisher that on_publish let in and that has not begun. With SRT its
	// on_unpublish is told even if it never does, being refused as busy.
	owed *stream.Session
}

// admit is the gate.
func (m *Module) admit(ctx context.Context, s *stream.Session) error {
	switch s.Action {
	case stream.ActionOpen:
		return m.open(ctx, s)
	case stream.ActionPublish:
		return m.publish(ctx, s)
	case stream.ActionPlay, stream.ActionView:
		v := m.vhost(s.Request.Key)
		return m.ask(ctx, &v, onPlay, s)
	}
	return nil
}

func (m *Module) vhost(k stream.Key) Vhost { return m.cfg.Load().vhost(k.Vhost) }

// open asks on_connect. A connection that it refuses is told of by on_close, unless it is an SRT one.
func (m *Module) open(ctx context.Context, s *stream.Session) error {
	owed, err := m.enter(s)
	if err != nil {
		return err
	}
	m.giveUp(owed)
	v := m.vhost(s.Request.Key)
	if err = m.ask(ctx, &v, onConnect, s); err != nil && s.Request.Protocol == "srt" {
		m.leave(s.ID)
	}
	return err
}

// enter notes what a connection asks for, and gives the publisher that it owes.
func (m *Module) enter(s *stream.Session) (owed *stream.Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.conns[s.ID]
	if o == nil {
		if err := s.Request.Conn.Err(); err != nil { // its end, which would forget it, may have been told
			return nil, err
		}
		o = &opened{}
		m.conns[s.ID] = o
	}
	owed = o.owed
	o.key, o.owed = s.Request.Key, nil
	return owed, nil
}

func (m *Module) leave(id string) (o *opened) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o = m.conns[id]
	delete(m.conns, id)
	return o
}

// owe sets or takes back what an SRT connection owes.
func (m *Module) owe(id string, s *stream.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.conns[id]; o != nil {
		o.owed = s
	}
}

// publish asks on_publish, once the end of who published the stream before has been told.
func (m *Module) publish(ctx context.Context, s *stream.Session) error {
	v := m.vhost(s.Request.Key)
	if len(v.OnPublish) > 0 {
		wait, stop := context.WithTimeout(ctx, v.Timeout)
		m.facts.ended(wait, s.Request.Key)
		stop()
	}
	err := m.ask(ctx, &v, onPublish, s)
	if err == nil && s.Request.Protocol == "srt" {
		m.owe(s.ID, s)
	}
	return err
}

// ask has the callees of a hook decide.
func (m *Module) ask(ctx context.Context, v *Vhost, hook string, s *stream.Session) error {
	q := v.call(hook, nil)
	if len(q.urls) == 0 {
		return nil
	}
	q.body = m.write.body(hook, s)
	if v.OnError == Allow {
		q.waive = func(err error) {
			m.waived.tell(m.host.Logger, "no answer to a callback: let in", "id", s.ID, "stream", s.Request.Key, "err", err)
		}
	}
	err := m.caller.do(ctx, q)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("hook: %s: the client left: %w", hook, context.Cause(ctx))
	}
	if err != nil {
		return &stream.DeniedError{Public: "Refused by " + hook + ".", Err: err}
	}
	return nil
}

// observe takes the hub's events.
func (m *Module) observe(e stream.Event) {
	s := e.Session
	switch e.Type {
	case stream.EventPublish:
		m.owe(s.ID, nil)
	case stream.EventUnpublish:
		m.tell(onUnpublish, s)
	case stream.EventStop:
		m.tell(onStop, s)
	case stream.EventClose:
		o := m.leave(s.ID)
		if o == nil {
			return
		}
		m.giveUp(o.owed)
		if v := m.vhost(o.key); len(v.OnClose) > 0 {
			m.queue(s, v.call(onClose, m.write.closed(s, o.key)), stream.Key{})
		}
	}
}

// giveUp tells the end of a publisher that never began.
func (m *Module) giveUp(owed *stream.Session) {
	if owed != nil {
		m.tell(onUnpublish, owed)
	}
}

// tell queues on_unpublish or on_stop.
func (m *Module) tell(hook string, s *stream.Session) {
	v := m.vhost(s.Request.Key)
	q := v.call(hook, nil)
	if len(q.urls) == 0 {
		return
	}
	q.body = m.write.body(hook, s)
	var ends stream.Key
	if hook == onUnpublish {
		ends = s.Request.Key
	}
	m.queue(s, q, ends)
}

// queue has a fact about a session told; ends is the stream whose on_unpublish it is.
func (m *Module) queue(s *stream.Session, q *call, ends stream.Key) {
	log := m.host.Logger
	whole := m.facts.push(&fact{client: s.ID, ends: ends, size: len(q.body), tell: func(ctx context.Context) {
		if err := m.caller.do(ctx, q); err != nil {
			m.failed.tell(log, "callback failed", "id", s.ID, "err", err)
		}
	}})
	if !whole {
		_, dropped := m.facts.figures()
		m.full.tell(log, "too many facts wait for callbacks: the oldest are dropped", "dropped", dropped)
	}
}
