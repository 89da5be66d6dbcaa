package peer

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"

	"github.com/srsgo/srs/rtc/wire"
)

// ErrNotConnected: there are no keys yet, or the peer has gone.
var ErrNotConnected = errors.New("peer: not connected")

const (
	overhead = 32  // bytes that encryption adds at most: a tag, and RTCP's index
	maxSSRCs = 128 // that a peer may use
)

// receiving decrypts.
type receiving struct {
	mu     sync.Mutex
	ctx    *srtp.Context
	rtp    *gcm // nil, as ctx is then not: another profile
	rtcp   *gcm
	header rtp.Header
	known  []uint32 // SSRCs of packets that were genuine: few, but with a peer that is up to something
	tries  int      // packets of others: each makes the context keep something
}

func (r *receiving) open(k keying, profile srtp.ProtectionProfile) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
	var err error
	if r.rtp, err = newGCM(k, profile, forRTP); err != nil {
		return err
	}
	if r.rtcp, err = newGCM(k, profile, forRTCP); err != nil || r.rtcp != nil {
		return err
	}
	r.ctx, err = srtp.CreateContext(k.key, k.salt, profile, srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	return err
}

// allows tells whether packets of an SSRC that is not known are looked at. The caller holds mu.
func (r *receiving) allows() bool {
	r.tries++
	return len(r.known) < maxSSRCs && r.tries < 16*maxSSRCs
}

// isRTCP tells RTCP from RTP (RFC 5761 4).
func isRTCP(b []byte) bool { return len(b) > 1 && b[1] >= 192 && b[1] <= 223 }

// media takes RTP or RTCP.
func (p *Peer) media(b []byte, from path, now time.Time) {
	p.stats.received.Add(uint64(len(b)))
	r := &p.in
	r.mu.Lock()
	defer r.mu.Unlock()
	rtcp := isRTCP(b)
	if p.cfg.Plain {
		if p.Connected() {
			p.alive(from, now)
			p.deliver(b, rtcp, now)
		}
		return
	}
	if r.ctx == nil && r.rtcp == nil || len(b) < 12 {
		return
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	if rtcp {
		ssrc = binary.BigEndian.Uint32(b[4:])
	}
	known := slices.Contains(r.known, ssrc)
	if !known && !r.allows() {
		p.m.refused.count(forged, from)
		return
	}
	plain, err := r.decrypt(b, rtcp)
	if err != nil { // forged, or said twice
		p.m.refused.count(forged, from)
		return
	}
	if !known {
		r.known = append(r.known, ssrc)
	}
	p.alive(from, now)
	p.deliver(plain, rtcp, now)
}

// decrypt takes the protection off a packet, in its place. The caller holds mu.
func (r *receiving) decrypt(b []byte, rtcp bool) ([]byte, error) {
	switch {
	case rtcp && r.rtcp != nil:
		return r.rtcp.openRTCP(b)
	case rtcp:
		return r.ctx.DecryptRTCP(b, b, nil)
	case r.rtp != nil:
		return r.rtp.open(b)
	default:
		return r.ctx.DecryptRTP(b, b, &r.header)
	}
}

func (p *Peer) deliver(b []byte, rtcp bool, now time.Time) {
	f := p.cfg.OnRTP
	if rtcp {
		f = p.cfg.OnRTCP
	}
	if f != nil && !p.isClosed() {
		f(b, now)
	}
}

// sending encrypts. RTP belongs to one goroutine, RTCP has a context of its own.
type sending struct {
	rtp    *gcm          // nil, as ctx is then not: another profile
	ctx    *srtp.Context // of RTP
	header rtp.Header

	mu      sync.Mutex
	rtcp    *gcm
	ctxRTCP *srtp.Context
	buf     []byte
}

func newSending(k keying, profile srtp.ProtectionProfile) (*sending, error) {
	s := &sending{}
	var err error
	if s.rtp, err = newGCM(k, profile, forRTP); err != nil {
		return nil, err
	}
	if s.rtcp, err = newGCM(k, profile, forRTCP); err != nil || s.rtcp != nil {
		return s, err
	}
	if s.ctx, err = srtp.CreateContext(k.key, k.salt, profile); err != nil {
		return nil, err
	}
	s.ctxRTCP, err = srtp.CreateContext(k.key, k.salt, profile)
	return s, err
}

// seal writes a packet to dst, protected, and gives its length. dst has overhead bytes more than it needs.
func (s *sending) seal(dst, header, payload []byte) (int, error) {
	if s != nil && s.rtp != nil {
		return s.rtp.seal(dst, header, payload), nil
	}
	n := copy(dst, header)
	n += copy(dst[n:], payload)
	if s == nil { // plain
		return n, nil
	}
	b, err := s.ctx.EncryptRTP(dst, dst[:n], &s.header)
	return len(b), err
}

// AppendRTP adds an RTP packet, encrypted, to a batch. It keeps neither header nor payload, and is called by
// one goroutine at a time. What goes over TCP is queued there. The error is ErrNotConnected, or tells that
// the packet is lost.
func (p *Peer) AppendRTP(b *wire.Batch, header, payload []byte) error {
	at := p.where.Load()
	out := p.out.Load()
	if at == nil || !p.Connected() || out == nil && !p.cfg.Plain {
		return ErrNotConnected
	}
	if at.tcp != nil {
		return p.appendTCP(at.tcp, out, header, payload)
	}
	n := len(header) + len(payload)
	space := b.SpaceOn(at.socket, at.route, n+overhead)
	if len(space) < n+overhead {
		return errors.New("peer: the packet is too long")
	}
	n, err := out.seal(space, header, payload)
	if err != nil {
		return err
	}
	b.Add(n)
	p.stats.sent.Add(uint64(n))
	return nil
}

// appendTCP is AppendRTP over TCP.
func (p *Peer) appendTCP(t *stream, out *sending, header, payload []byte) error {
	b := make([]byte, len(header)+len(payload)+overhead)
	n, err := out.seal(b, header, payload)
	if err != nil {
		return err
	}
	if err := t.queue(b[:n]); err != nil {
		p.stats.dropped.Add(1)
		return err
	}
	p.stats.sent.Add(uint64(n))
	return nil
}

// WriteRTCP sends a compound packet. It does not keep b.
func (p *Peer) WriteRTCP(b []byte) error {
	at := p.where.Load()
	out := p.out.Load()
	if at == nil || !p.Connected() || out == nil && !p.cfg.Plain {
		return ErrNotConnected
	}
	if out == nil {
		p.stats.sent.Add(uint64(len(b)))
		return at.write(b)
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	var sealed []byte
	var err error
	if out.rtcp != nil {
		sealed, err = out.rtcp.sealRTCP(out.buf[:0], b)
	} else {
		sealed, err = out.ctxRTCP.EncryptRTCP(out.buf[:0], b, nil)
	}
	if err != nil {
		return err
	}
	out.buf = sealed
	p.stats.sent.Add(uint64(len(sealed)))
	return at.write(sealed)
}
