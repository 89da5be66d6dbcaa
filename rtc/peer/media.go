package peer

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v2"

	"github.com/srsgo/srs/rtc/wire"
)

// ErrNotConnected: there are no keys yet, or the peer has gone.
var ErrNotConnected = errors.New("peer: not connected")

const (
	replayWindow = 1024 // packets; retransmissions are old
	overhead     = 32   // bytes that encryption adds at most: a tag, and RTCP's index
	maxSSRCs     = 128  // that a peer may use
)

// receiving decrypts.
type receiving struct {
	mu     sync.Mutex
	ctx    *srtp.Context
	header rtp.Header
	known  map[uint32]struct{} // SSRCs of packets that were genuine
	tries  int                 // packets of others: each makes the context keep something
}

func (r *receiving) open(k keying, profile srtp.ProtectionProfile) error {
	ctx, err := srtp.CreateContext(k.key, k.salt, profile, srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.known = ctx, map[uint32]struct{}{}
	return nil
}

// allows tells whether packets of an SSRC are looked at. The caller holds mu.
func (r *receiving) allows(ssrc uint32) bool {
	if _, ok := r.known[ssrc]; ok {
		return true
	}
	r.tries++
	return len(r.known) < maxSSRCs && r.tries < 16*maxSSRCs
}

// isRTCP tells RTCP from RTP (RFC 5761 4).
func isRTCP(b []byte) bool { return len(b) > 1 && b[1] >= 192 && b[1] <= 223 }

// media takes RTP or RTCP.
func (p *Peer) media(b []byte, now time.Time) {
	p.stats.received.Add(uint64(len(b)))
	r := &p.in
	r.mu.Lock()
	defer r.mu.Unlock()
	rtcp := isRTCP(b)
	if p.cfg.Plain {
		if p.Connected() {
			p.last.Store(now.UnixNano())
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
	if !r.allows(ssrc) {
		p.m.refused.forged.Add(1)
		return
	}
	var plain []byte
	var err error
	if rtcp {
		plain, err = r.ctx.DecryptRTCP(b, b, nil)
	} else {
		plain, err = r.ctx.DecryptRTP(b, b, &r.header)
	}
	if err != nil { // forged, or said twice
		p.m.refused.forged.Add(1)
		return
	}
	r.known[ssrc] = struct{}{}
	p.last.Store(now.UnixNano())
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
	header rtp.Header

	mu   sync.Mutex
	rtcp *srtp.Context
	buf  []byte
}

func newSending(k keying, profile srtp.ProtectionProfile) (*sending, error) {
	s := &sending{}
	var err error
	if s.rtp, err = srtp.CreateContext(k.key, k.salt, profile); err != nil {
		return nil, err
	}
	s.rtcp, err = srtp.CreateContext(k.key, k.salt, profile)
	return s, err
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
	copy(space[copy(space, header):], payload)
	sealed := space[:n]
	if out != nil {
		var err error
		if sealed, err = out.rtp.EncryptRTP(space, space[:n], &out.header); err != nil {
			return err
		}
	}
	b.Add(len(sealed))
	p.stats.sent.Add(uint64(len(sealed)))
	return nil
}

// appendTCP is AppendRTP over TCP.
func (p *Peer) appendTCP(t *stream, out *sending, header, payload []byte) error {
	b := make([]byte, 0, len(header)+len(payload)+overhead)
	b = append(append(b, header...), payload...)
	if out != nil {
		var err error
		if b, err = out.rtp.EncryptRTP(b[:cap(b)], b, &out.header); err != nil {
			return err
		}
	}
	if err := t.queue(b); err != nil {
		p.stats.dropped.Add(1)
		return err
	}
	p.stats.sent.Add(uint64(len(b)))
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
