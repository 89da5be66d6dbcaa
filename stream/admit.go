package stream

import (
	"context"
	"errors"
	"time"
)

// admit asks the gates and registers the session.
func (h *Hub) admit(ctx context.Context, a Action, r Request) (*Session, error) {
	s := &Session{ID: r.ID, Action: a, Request: r, Start: time.Now(), hub: h}
	if c := r.Conn; c != nil {
		s.ID = c.ID // one id from the connection to what it does
	} else {
		h.reserveID(s)
		defer h.releaseID(s.ID)
	}
	parent := context.Background()
	if r.Conn != nil {
		parent = r.Conn.ctx
	}
	s.ctx, s.cancel = context.WithCancelCause(parent)
	if err := h.ask(ctx, s); err != nil {
		s.cancel(err)
		return nil, err
	}
	if c := r.Conn; c != nil { // what it brought for earlier sessions is not this one's
		s.base.received, s.base.sent = c.traffic.received.Load(), c.traffic.sent.Load()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		s.cancel(ErrShutdown)
		return nil, ErrShutdown
	}
	h.sessions[sessionKey(s)] = s
	if a != ActionConnect {
		h.clients++
		if len(h.vhosts) < maxVhosts && h.vhosts[r.Key.Vhost] == nil {
			h.vhosts[r.Key.Vhost] = &traffic{}
		}
	}
	return s, nil
}

// reserveID gives a session its id, which must not change any more once a gate has seen it.
func (h *Hub) reserveID(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s.ID == "" || h.sessions[s.ID] != nil || h.reserved[s.ID] {
		s.ID = NewID()
	}
	h.reserved[s.ID] = true
}

// releaseID ends what reserveID began: the session has its place, or none.
func (h *Hub) releaseID(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.reserved, id)
}

// maxVhosts bounds for how many vhosts traffic is counted: where no settings say which
// vhosts there are, peers make them up.
const maxVhosts = 10_000

// ask has all gates decide.
func (h *Hub) ask(ctx context.Context, s *Session) error {
	stages := []Action{s.Action}
	if s.Action != ActionConnect && s.Request.Conn != nil {
		stages = []Action{ActionOpen, s.Action}
	}
	for _, s.Action = range stages {
		for _, g := range h.gates.all() {
			if err := (*g).Admit(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// sessionKey tells a connection from the sessions on it, which share its id.
func sessionKey(s *Session) string {
	if s.Action != ActionConnect && s.Request.Conn != nil {
		return s.ID + s.Action.String() + s.Request.Key.String()
	}
	return s.ID
}

// end closes a session once; an event of type 0 (EventConnect) means that its start
// was not told either.
func (h *Hub) end(s *Session, ev EventType, cause error) {
	s.once.Do(func() {
		if c := s.Err(); c != nil && (cause == nil || errors.Is(cause, context.Canceled)) {
			cause = c // who kicked it knows more than who found it closed
		}
		s.cancel(cmpErr(cause, ErrClosed))
		h.forget(s, cause)
		if st := s.stream.Load(); st != nil && s.Action == ActionView {
			st.mu.Lock()
			st.removeViewer()
			st.mu.Unlock()
			h.release(st)
		}
		if ev != EventConnect {
			h.tell(Event{Type: ev, Time: time.Now(), Session: s, Err: cause})
		}
	})
}

// forget takes a session out of the books, and its figures into the totals.
func (h *Hub) forget(s *Session, cause error) {
	received, sent := s.wire()
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := sessionKey(s); h.sessions[k] == s {
		delete(h.sessions, k)
	}
	if s.Action == ActionConnect {
		return
	}
	if cause != nil {
		h.failed++
	}
	for _, t := range []*traffic{&h.total, h.vhosts[s.Request.Key.Vhost]} {
		if t != nil {
			t.add(received, sent)
		}
	}
	if st := s.stream.Load(); st != nil && s.Action != ActionView { // whose bytes are booked as they are sent
		s.booked.Store(true)
		st.total.add(received, sent)
	}
	if c := s.Request.Conn; c != nil && s.Action == ActionPlay {
		c.traffic.sent.Add(s.bytes.Load())
	}
}

func (h *Hub) tell(e Event) {
	for _, f := range h.watchers.all() {
		(*f)(e)
	}
}
