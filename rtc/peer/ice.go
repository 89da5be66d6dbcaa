package peer

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun"
)

// binding takes a STUN message.
func (m *Mux) binding(b []byte, from path, now time.Time) {
	if from.tcp == nil && m.toldBy(from.route.Remote, b) {
		return
	}
	msg, err := parseBinding(b)
	if err != nil {
		m.refused.count(malformed, from)
		return
	}
	switch msg.class {
	case classRequest:
		m.request(&msg, from, now)
	case classSuccess, classError:
		p := m.from(from)
		if p == nil || !p.cfg.Remote.IsValid() {
			m.refused.count(strange, from)
			return
		}
		p.answered(&msg, now)
	}
}

// request is a check of a peer's (RFC 8445 7.3).
func (m *Mux) request(msg *binding, from path, now time.Time) {
	ours, _, ok := msg.names()
	if !ok {
		m.refused.count(malformed, from)
		return
	}
	m.mu.RLock()
	p := m.ufrags[string(ours)]
	m.mu.RUnlock()
	if p == nil || from.peer() != nil && from.peer() != p {
		m.refused.count(unknown, from)
		return
	}
	c := p.checker(ours)
	if c == nil {
		m.refused.count(unknown, from)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.verify(msg) {
		m.refused.count(forged, from)
		p.try(from, "a check with wrong integrity")
		return
	}
	if p.cfg.Strict && msg.controlled {
		p.try(from, "the peer claims the role ICE-CONTROLLED")
		_ = from.write(c.conflict(msg)) // who gets no answer asks again
		return
	}
	if p.isClosed() {
		return
	}
	if from.tcp != nil {
		if !from.tcp.bind(p) {
			return
		}
	} else {
		m.know(from.route.Remote, p)
	}
	p.heard(from, msg.useCandidate, now)
	_ = from.write(c.success(msg, from.route.Remote))
}

// checker gives what verifies checks that name one of our ufrags; nil for none.
func (p *Peer) checker(ufrag []byte) *checker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.creds {
		if c.ufrag == string(ufrag) {
			return c.checker
		}
	}
	return nil
}

// elsewhere is after how long a way by which nothing came is given up for one that was not nominated.
const elsewhere = 3 * time.Second

// heard notes a valid check. A peer is where it has nominated a way (RFC 8445 8.1.1), which may change at any
// time; before that, where it was heard of first. Clients that have nominated once, and whose address is changed
// by what is between, check again without saying so.
func (p *Peer) heard(from path, nominated bool, now time.Time) {
	p.try(from, "checked")
	switch at := p.where.Load(); {
	case at == nil:
		p.where.CompareAndSwap(nil, from.kept())
	case nominated && *at != from:
		p.where.Store(from.kept())
	case !at.same(from) && (at.gone() || now.Sub(time.Unix(0, p.here.Load())) > elsewhere):
		p.where.CompareAndSwap(at, from.kept()) // not over what was nominated meanwhile, at another socket
	}
	p.alive(from, now)
	switch {
	case p.cfg.Plain:
		p.connect()
	case p.cfg.Active:
		p.shake()
	}
}

// kept is a copy that outlives the datagram.
func (p path) kept() *path { return &p }

// checks are those of a client.
type checks struct {
	id    [stun.TransactionIDSize]byte
	sent  time.Time
	valid bool // one was answered
}

// check asks the server until it answers.
func (p *Peer) check() {
	wait := 20 * time.Millisecond
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-t.C:
		}
		p.mu.Lock()
		done := p.checks.valid
		p.mu.Unlock()
		if done {
			return
		}
		p.ask(time.Now())
		t.Reset(wait)
		wait = min(2*wait, time.Second)
	}
}

// consent repeats the check now and then (RFC 7675).
func (p *Peer) consent(now time.Time) {
	p.mu.Lock()
	due := p.checks.valid && now.Sub(p.checks.sent) > 4*time.Second
	p.mu.Unlock()
	if due {
		p.ask(now)
	}
}

// ask sends a check.
func (p *Peer) ask(now time.Time) {
	at := p.where.Load()
	p.mu.Lock()
	remote, ours := p.remote, p.creds[len(p.creds)-1]
	id := stun.NewTransactionID()
	p.checks.id, p.checks.sent = id, now
	p.mu.Unlock()
	var tie [8]byte
	binary.BigEndian.PutUint64(tie[:], uint64(p.begun.UnixNano()))
	msg, err := stun.Build(stun.NewTransactionIDSetter(id), stun.BindingRequest, stun.NewUsername(remote.ufrag+":"+ours.ufrag),
		attribute{stun.AttrICEControlling, tie[:]}, attribute{stun.AttrUseCandidate, nil}, attribute{stun.AttrPriority, []byte{0x7e, 0xff, 0xff, 0xff}},
		stun.NewShortTermIntegrity(remote.pwd), stun.Fingerprint)
	if err == nil {
		_ = at.write(msg.Raw)
	}
}

// attribute is one of ICE's.
type attribute struct {
	t stun.AttrType
	v []byte
}

// AddTo implements stun.Setter.
func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.t, a.v)
	return nil
}

// answered takes the answer to a check.
func (p *Peer) answered(msg *binding, now time.Time) {
	p.mu.Lock()
	fits := [stun.TransactionIDSize]byte(msg.raw[8:]) == p.checks.id
	c := p.remote.checker
	p.mu.Unlock()
	if !fits || msg.class != classSuccess || !c.verifies(msg) {
		p.m.refused.count(forged, *p.where.Load())
		return
	}
	p.last.Store(now.UnixNano())
	p.mu.Lock()
	p.checks.valid = true
	p.mu.Unlock()
	switch {
	case p.cfg.Plain:
		p.connect()
	case p.cfg.Active:
		p.shake()
	}
}

// unmapped gives an address in the form in which sockets tell them.
func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
