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
	gcm    *gcm // of RTP; nil: ctx does it
	header rtp.Header
	known  []uint32 // SSRCs of packets that were genuine: few, but with a peer that is up to something
	tries  int      // packets of others: each makes the context keep something
}

func (r *receiving) open(k keying, profile srtp.ProtectionProfile) error {
	ctx, err := srtp.CreateContext(k.key, k.salt, profile, srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return err
	}
	g, err := newGCM(k, profile)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.gcm, r.known = ctx, g, nil
	return nil
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
	if r.ctx == nil || len(b) < 12 {
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
	var plain []byte
	var err error
	switch {
	case rtcp:
		plain, err = r.ctx.DecryptRTCP(b, b, nil)
	case r.gcm != nil:
		plain, err = r.gcm.open(b)
	default:
		plain, err = r.ctx.DecryptRTP(b, b, &r.header)
	}
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
	rtp    *srtp.Context
	gcm    *gcm // nil: rtp does it
	header rtp.Header

	mu   sync.Mutex
	rtcp *srtp.Context
	buf  []byte
}

func newSending(k keying, profile srtp.ProtectionProfile) (*sending, error) {
	s := &sending{}
	var err error
	if s.gcm, err = newGCM(k, profile); err != nil {
		return nil, err
	}
	if s.gcm == nil {
		if s.rtp, err = srtp.CreateContext(k.key, k.salt, profile); err != nil {
			return nil, err
		}
	}
	s.rtcp, err = srtp.CreateContext(k.key, k.salt, profile)
	return s, err
}

// seal writes a packet to dst, protected, and gives its length. dst has overhead bytes more than it needs.
func (s *sending) seal(dst, header, payload []byte) (int, error) {
	if s != nil && s.gcm != nil {
		return s.gcm.seal(dst, header, payload), nil
	}
	n := copy(dst, header)
	n += copy(dst[n:], payload)
	if s == nil { // plain
		return n, nil
	}
	b, err := s.rtp.EncryptRTP(dst, dst[:n], &s.header)
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
	sealed, err := out.rtcp.EncryptRTCP(out.buf[:0], b, nil)
	if err != nil {
		return err
	}
	out.buf = sealed
	p.stats.sent.Add(uint64(len(sealed)))
	return at.write(sealed)
}
