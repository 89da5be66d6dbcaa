package peer

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/stun"
)

// maxBinding bounds a STUN message.
const maxBinding = 1200

// bindingUser gives the two halves of a USERNAME, ours first (RFC 8445 7.2.2).
func bindingUser(m *stun.Message) (ours, theirs string, ok bool) {
	v, err := m.Get(stun.AttrUsername)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(v), ":")
}

// binding takes a STUN message.
func (m *Mux) binding(b []byte, from path, now time.Time) {
	msg := &stun.Message{}
	if len(b) <= maxBinding {
		msg.Raw = append(msg.Raw, b...)
	}
	if msg.Decode() != nil || msg.Type.Method != stun.MethodBinding {
		m.refused.count(malformed, from)
		return
	}
	switch msg.Type.Class {
	case stun.ClassRequest:
		m.request(msg, from, now)
	case stun.ClassSuccessResponse, stun.ClassErrorResponse:
		if from.tcp == nil && m.toldBy(from.route.Remote, msg) {
			return
		}
		p := m.from(from)
		if p == nil || !p.cfg.Remote.IsValid() {
			m.refused.count(strange, from)
			return
		}
		p.answered(msg, now)
	}
}

// request is a check of a peer's (RFC 8445 7.3).
func (m *Mux) request(msg *stun.Message, from path, now time.Time) {
	ours, _, ok := bindingUser(msg)
	if !ok {
		m.refused.count(malformed, from)
		return
	}
	m.mu.RLock()
	p := m.ufrags[ours]
	m.mu.RUnlock()
	if p == nil || from.peer() != nil && from.peer() != p {
		m.refused.count(unknown, from)
		return
	}
	pwd := p.password(ours)
	integrity := stun.NewShortTermIntegrity(pwd)
	if integrity.Check(msg) != nil || stun.Fingerprint.Check(msg) != nil { // in constant time
		m.refused.count(forged, from)
		p.try(from.String() + ": a check with wrong integrity")
		return
	}
	if p.cfg.Strict && msg.Contains(stun.AttrICEControlled) {
		p.try(from.String() + ": the peer claims the role ICE-CONTROLLED")
		p.answer(msg, from, integrity, stun.BindingError, stun.CodeRoleConflict)
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
	p.heard(from, msg.Contains(stun.AttrUseCandidate), now)
	remote := from.route.Remote
	p.answer(msg, from, integrity, stun.BindingSuccess, &stun.XORMappedAddress{IP: remote.Addr().AsSlice(), Port: int(remote.Port())})
}

func (p *Peer) password(ufrag string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.creds {
		if c.ufrag == ufrag {
			return c.pwd
		}
	}
	return ""
}

// answer sends a response to a check. Who does not get it asks again.
func (p *Peer) answer(to *stun.Message, at path, integrity stun.MessageIntegrity, typ stun.MessageType, what stun.Setter) {
	r, err := stun.Build(stun.NewTransactionIDSetter(to.TransactionID), typ, what, integrity, stun.Fingerprint)
	if err == nil {
		_ = at.write(r.Raw)
	}
}

// elsewhere is after how long a way by which nothing came is given up for one that was not nominated.
const elsewhere = 3 * time.Second

// heard notes a valid check. A peer is where it has nominated a way (RFC 8445 8.1.1), which may change at any
// time; before that, where it was heard of first. Clients that have nominated once, and whose address is changed
// by what is between, check again without saying so.
func (p *Peer) heard(from path, nominated bool, now time.Time) {
	if !p.Connected() {
		p.try(from.String() + ": checked")
	}
	switch at := p.where.Load(); {
	case at == nil:
		p.where.CompareAndSwap(nil, &from)
	case nominated && *at != from:
		p.where.Store(&from)
	case !at.same(from) && (at.gone() || now.Sub(time.Unix(0, p.here.Load())) > elsewhere):
		p.where.CompareAndSwap(at, &from) // not over what was nominated meanwhile, at another socket
	}
	p.alive(from, now)
	switch {
	case p.cfg.Plain:
		p.connect()
	case p.cfg.Active:
		p.shake()
	}
}

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
func (p *Peer) answered(msg *stun.Message, now time.Time) {
	p.mu.Lock()
	fits := msg.TransactionID == p.checks.id
	pwd := p.remote.pwd
	p.mu.Unlock()
	if !fits || stun.NewShortTermIntegrity(pwd).Check(msg) != nil || msg.Type.Class != stun.ClassSuccessResponse {
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
