package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v2/packetio"

	"github.com/srsgo/srs/rtc/wire"
)

// Config describes a peer: what the session descriptions of both sides say.
type Config struct {
	// Ufrag and Pwd are ours, RemoteUfrag and RemotePwd the peer's (RFC 8839 5.4).
	Ufrag, Pwd, RemoteUfrag, RemotePwd string
	// Fingerprints are those of the peer's certificate as SDP has them, of which one must fit: "sha-256 AA:BB:…".
	Fingerprints []string
	// Active makes us the DTLS client.
	Active bool
	// Plain sends and takes RTP as it is, without DTLS.
	Plain bool
	// Strict answers checks of who claims the ICE-CONTROLLED role, which is ours, with 487.
	Strict bool
	// Socket and Remote make us the one that checks, and nominates: a client of an ICE-lite server.
	Socket *wire.Socket
	Remote netip.AddrPort
	// Candidates and RemoteCandidates are the addresses that both sides have told, as the error of a peer that
	// does not connect names them.
	Candidates, RemoteCandidates []string
	// ConnectTimeout bounds the time until the peer is connected, and Timeout how long nothing may come
	// from it then; 0: 30 s both.
	ConnectTimeout, Timeout time.Duration

	// OnConnect is told that media can flow; OnRTP and OnRTCP take what the peer sends, decrypted: b is
	// valid during the call. They are called one at a time, on a reading goroutine, and must not block.
	OnConnect     func()
	OnRTP, OnRTCP func(b []byte, at time.Time)
	// OnClose is told of the end, once, with its cause: nil where the peer said that it leaves. It is not
	// told of Close.
	OnClose func(cause error)
}

// maxAddrs bounds the addresses that a peer is known at, and its TCP connections.
const maxAddrs = 16

// Peer is one of a Mux's. Its methods are safe for use by several goroutines, but for AppendRTP.
type Peer struct {
	m     *Mux
	cfg   Config
	ufrag string
	begun time.Time
	last  atomic.Int64 // when something valid came, Unix ns
	where atomic.Pointer[path]
	here  atomic.Int64 // when something valid came by where, Unix ns

	mu     sync.Mutex
	creds  []credentials // the newest last: at a restart, checks with the old ones are valid yet
	remote credentials
	addrs  []netip.AddrPort // the newest last; Mux.mu
	tcp    []*stream        // the newest last
	tried  []string         // what was tried to connect
	checks checks           // of a client

	state  atomic.Uint32
	ctx    context.Context
	cancel context.CancelFunc

	dtls  *packetio.Buffer           // records for the handshake; nil before it
	conn  interface{ Close() error } // nil until the handshake is over
	spent int                        // bytes of records that came
	in    receiving
	out   atomic.Pointer[sending]
	stats counters
}

// credentials are those of one side; checker is for the checks that name them.
type credentials struct {
	ufrag, pwd string
	*checker
}

func newCredentials(ufrag, pwd string) credentials { return credentials{ufrag, pwd, newChecker(pwd)} }

// The states of a peer.
const (
	fresh = iota
	connected
	closed
)

type counters struct {
	received, sent, dropped atomic.Uint64 // bytes in and out on the wire; packets that were not sent
}

// Stats are a peer's figures.
type Stats struct {
	// Received and Sent are bytes of datagrams; Dropped counts packets that could not be sent.
	Received, Sent, Dropped uint64
}

// path is the way to a peer.
type path struct {
	socket *wire.Socket
	route  wire.Route
	tcp    *stream
}

// String names the pair of addresses: the peer's, ours.
func (p path) String() string {
	at := "udp " + p.route.Remote.String()
	switch {
	case p.tcp != nil:
		return "tcp " + p.route.Remote.String() + " to " + p.tcp.conn.LocalAddr().String()
	case p.route.Local.IsValid():
		return at + " to " + p.route.Local.String()
	case p.socket != nil:
		return at + " to " + p.socket.LocalAddr().String()
	}
	return at
}

// same tells whether both lead to the same address. The socket on our side does not count.
func (p path) same(q path) bool { return p.route == q.route && p.tcp == q.tcp }

// gone tells whether nothing can go there any more.
func (p path) gone() bool { return p.tcp != nil && p.tcp.closed() }

// peer gives whose connection it is; nil for datagrams.
func (p path) peer() *Peer {
	if p.tcp == nil {
		return nil
	}
	return p.tcp.peer
}

// write sends one packet.
func (p path) write(b []byte) error {
	if p.tcp != nil {
		return p.tcp.queue(b)
	}
	return p.socket.WriteTo(b, p.route)
}

const defaultTimeout = 30 * time.Second

// New makes a peer that may connect from now on. Errors are those of the configuration, ErrFull and ErrInUse.
func (m *Mux) New(cfg Config) (*Peer, error) {
	if len(cfg.Ufrag) < 4 || len(cfg.Pwd) < 22 {
		return nil, errors.New("peer: ufrag or password too short")
	}
	if len(cfg.Fingerprints) == 0 && !cfg.Plain {
		return nil, errors.New("peer: no fingerprint")
	}
	for _, f := range cfg.Fingerprints {
		if err := checkFingerprint(f); err != nil {
			return nil, err
		}
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, defaultTimeout)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	p := &Peer{m: m, cfg: cfg, ufrag: cfg.Ufrag, begun: time.Now(), remote: newCredentials(cfg.RemoteUfrag, cfg.RemotePwd)}
	p.creds = []credentials{newCredentials(cfg.Ufrag, cfg.Pwd)}
	p.last.Store(p.begun.UnixNano())
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := m.add(p); err != nil {
		p.cancel()
		return nil, err
	}
	if cfg.Remote.IsValid() {
		at := path{socket: cfg.Socket, route: wire.Route{Remote: cfg.Remote}}
		p.where.Store(&at)
		m.know(cfg.Remote, p)
		m.work.Go(p.check)
	}
	return p, nil
}

// Connected tells whether media can flow.
func (p *Peer) Connected() bool { return p.state.Load() == connected }

func (p *Peer) isClosed() bool { return p.state.Load() == closed }

// Remote gives the address that the peer is at, as text; empty if it has not been heard of.
func (p *Peer) Remote() string {
	if at := p.where.Load(); at != nil {
		return at.route.Remote.String()
	}
	return ""
}

// Stats gives the figures up to now.
func (p *Peer) Stats() Stats {
	return Stats{Received: p.stats.received.Load(), Sent: p.stats.sent.Load(), Dropped: p.stats.dropped.Load()}
}

// Restart takes new credentials of both sides (an ICE restart, RFC 8445 9). Media goes on.
func (p *Peer) Restart(ufrag, pwd, remoteUfrag, remotePwd string) error {
	if len(ufrag) < 4 || len(pwd) < 22 {
		return errors.New("peer: ufrag or password too short")
	}
	m := p.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.isClosed() || m.closed {
		return errors.New("peer: closed")
	}
	if m.ufrags[ufrag] != nil {
		return fmt.Errorf("%w: %q", ErrInUse, ufrag)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.creds) == 2 { // of the restart before
		if m.ufrags[p.creds[0].ufrag] == p {
			delete(m.ufrags, p.creds[0].ufrag)
		}
		p.creds = p.creds[1:]
	}
	p.creds = append(p.creds, newCredentials(ufrag, pwd))
	p.remote = newCredentials(remoteUfrag, remotePwd)
	m.ufrags[ufrag] = p
	return nil
}

// Close ends the peer, which is told by DTLS.
func (p *Peer) Close(cause error) { p.end(cause, false) }

// end closes once.
func (p *Peer) end(cause error, tell bool) {
	if p.state.Swap(closed) == closed {
		return
	}
	p.cancel()
	p.m.remove(p)
	p.mu.Lock()
	conn, records, streams := p.conn, p.dtls, p.tcp
	p.tcp = nil
	p.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	if records != nil {
		_ = records.Close()
	}
	for _, s := range streams {
		s.close()
	}
	if tell && p.cfg.OnClose != nil {
		p.cfg.OnClose(cause)
	}
}

// tick looks at the timers.
func (p *Peer) tick(now time.Time) {
	switch silent := now.Sub(time.Unix(0, p.last.Load())); {
	case p.state.Load() == fresh && now.Sub(p.begun) > p.cfg.ConnectTimeout:
		p.end(p.unconnected(), true)
	case p.state.Load() == connected && silent > p.cfg.Timeout:
		p.end(fmt.Errorf("peer: nothing came from %s for %v", p.Remote(), silent.Round(time.Second)), true)
	case p.cfg.Remote.IsValid():
		p.consent(now)
	}
}

// unconnected says what was tried.
func (p *Peer) unconnected() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := strings.Join(p.tried, "; ")
	switch {
	case what == "":
		what = fmt.Sprintf("no check came for ufrag %q; are the candidates reachable?", p.ufrag)
	case p.dtls == nil && !p.cfg.Plain:
		what += "; no DTLS came"
	}
	return fmt.Errorf("peer: not connected within %v: %s (candidates: %s; of the peer: %s)", p.cfg.ConnectTimeout, what,
		cmp.Or(strings.Join(p.cfg.Candidates, ", "), "none"), cmp.Or(strings.Join(p.cfg.RemoteCandidates, ", "), "none"))
}

// alive notes that something valid came.
func (p *Peer) alive(from path, now time.Time) {
	p.last.Store(now.UnixNano())
	if at := p.where.Load(); at != nil && at.same(from) {
		p.here.Store(now.UnixNano())
	}
}

// try notes what was tried before there is a connection.
func (p *Peer) try(from path, what string) {
	if p.Connected() {
		return
	}
	what = from.String() + ": " + what
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tried) < 2*maxAddrs && !slices.Contains(p.tried, what) {
		p.tried = append(p.tried, what)
	}
}

// connect is the end of the beginning.
func (p *Peer) connect() {
	if p.state.CompareAndSwap(fresh, connected) {
		p.last.Store(time.Now().UnixNano())
		if p.cfg.OnConnect != nil {
			p.cfg.OnConnect()
		}
	}
}

// remember notes an address, and gives one that is forgotten for it. The caller holds Mux.mu, as those of
// the following do.
func (p *Peer) remember(a netip.AddrPort) (gone netip.AddrPort) {
	if i := slices.Index(p.addrs, a); i >= 0 {
		p.addrs = slices.Delete(p.addrs, i, i+1)
	} else if len(p.addrs) == maxAddrs {
		gone = p.addrs[0]
		p.addrs = slices.Delete(p.addrs, 0, 1)
	}
	p.addrs = append(p.addrs, a)
	return gone
}

func (p *Peer) forget(a netip.AddrPort) {
	p.addrs = slices.DeleteFunc(p.addrs, func(x netip.AddrPort) bool { return x == a })
}

func (p *Peer) addresses() []netip.AddrPort { return p.addrs }

func (p *Peer) ufrags() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.creds {
		list = append(list, c.ufrag)
	}
	return list
}
