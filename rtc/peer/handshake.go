package peer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of fingerprints
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/logging"
	"github.com/pion/srtp/v2"
	"github.com/pion/transport/v2/packetio"
)

// NewCertificate makes a self-signed certificate with an ECDSA P-256 key, or an RSA one of 2,048 bits.
func NewCertificate(rsaKey bool) (*tls.Certificate, error) {
	var key crypto.Signer
	var err error
	if rsaKey {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	now := time.Now()
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "WebRTC"}, NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// checkCertificate tells whether handshakes can be made with a certificate.
func checkCertificate(c *tls.Certificate) error {
	if len(c.Certificate) == 0 {
		return errors.New("peer: certificate: there is none")
	}
	switch c.PrivateKey.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
		return nil
	}
	return fmt.Errorf("peer: certificate: the key is neither ECDSA's nor RSA's but a %T", c.PrivateKey)
}

// hashes are those that a fingerprint may be made with (RFC 8122 5). SHA-1 and MD5 are not among them.
var hashes = map[string]crypto.Hash{"sha-224": crypto.SHA224, "sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

// fingerprintOf gives the fingerprint of a certificate: its bytes in upper case.
func fingerprintOf(der []byte, hash string) (string, error) {
	h, ok := hashes[strings.ToLower(hash)]
	if !ok {
		return "", fmt.Errorf("peer: fingerprint: the hash %.20q is not supported", hash)
	}
	d := h.New()
	d.Write(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", d.Sum(nil)), " ", ":"), nil
}

// checkFingerprint tells whether a fingerprint can be compared with.
func checkFingerprint(f string) error {
	hash, value, ok := strings.Cut(f, " ")
	h, known := hashes[strings.ToLower(hash)]
	if !ok || !known || len(value) != 3*h.Size()-1 {
		return fmt.Errorf("peer: fingerprint %.20q is not supported", f)
	}
	return nil
}

// verify compares the peer's certificate with what signalling has told.
func (p *Peer) verify(certs [][]byte, _ [][]*x509.Certificate) error {
	if len(certs) == 0 {
		return errors.New("peer: no certificate")
	}
	for _, f := range p.cfg.Fingerprints {
		hash, want, _ := strings.Cut(f, " ")
		if got, err := fingerprintOf(certs[0], hash); err == nil && strings.EqualFold(got, want) {
			return nil
		}
	}
	return errors.New("peer: the certificate's fingerprint is not the one that was signalled")
}

// Bounds of DTLS.
const (
	maxRecords     = 32              // that wait, as datagrams
	maxRecordBytes = 64 << 10        // that wait
	maxSpent       = 128 << 10       // that a peer may send: it has a few KB to say, now and then once more
	handshakeTurn  = 3 * time.Second // for which a handshake counts that waits for its peer
)

// Types of records (RFC 5246 6.2.1).
const (
	recordCipher, recordAlert, recordHandshake = 20, 21, 22
)

// wanted tells whether DTLS is to see a datagram. What is not protected could be anybody's: once there are keys
// only the handshake's last messages count of it, which a peer repeats that has missed our answer. And when a
// peer has spent its bytes, which DTLS may have kept, all that counts is a farewell.
func wanted(b []byte, keys, spent bool) bool {
	const head = 13 // RFC 6347 4.1
	for len(b) > 0 {
		if len(b) < head {
			return false
		}
		kind, epoch, n := b[0], binary.BigEndian.Uint16(b[3:]), int(binary.BigEndian.Uint16(b[11:]))
		version := b[1] == 254 && (b[2] == 253 || b[2] == 255) // 1.2 and 1.0
		if !version || n == 0 || len(b) < head+n || spent && (epoch == 0 || kind != recordAlert) {
			return false
		}
		cipher := kind == recordCipher && n == 1 && b[head] == 1
		if keys && epoch == 0 && kind != recordHandshake && !cipher {
			return false
		}
		b = b[head+n:]
	}
	return true
}

// records takes DTLS records. The first ones of a client begin the handshake.
func (p *Peer) records(b []byte, from path) {
	p.mu.Lock()
	buf, keys := p.dtls, p.conn != nil
	p.spent += len(b)
	spent := p.spent > maxSpent
	p.mu.Unlock()
	if (keys || spent) && !wanted(b, keys, spent) {
		p.m.refused.count(malformed, from)
		return
	}
	if keys && b[0] != recordAlert && buf.Count() > 0 {
		return // DTLS takes its time to answer what was answered before: a farewell must not wait for that, or find no room
	}
	if buf == nil {
		if p.cfg.Active || b[0] != recordHandshake || p.cfg.Plain {
			return
		}
		if at := p.where.Load(); at == nil || at.route != from.route {
			p.where.Store(&from) // where it speaks from is where it wants to be answered
		}
		if buf = p.shake(); buf == nil {
			p.m.refused.count(busy, from)
			return
		}
	}
	_, _ = buf.Write(b) // a full buffer drops, as the network does
}

// shake begins the handshake, unless it has begun, or too many go on: the peer tries again then. It gives
// the buffer of records.
func (p *Peer) shake() *packetio.Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dtls != nil || p.isClosed() {
		return p.dtls
	}
	select {
	case p.m.handshakes <- struct{}{}:
	default:
		return nil
	}
	p.dtls = packetio.NewBuffer()
	p.dtls.SetLimitCount(maxRecords)
	p.dtls.SetLimitSize(maxRecordBytes)
	p.m.work.Go(p.handshake)
	return p.dtls
}

// handshake makes the keys, and then waits for the peer's farewell.
func (p *Peer) handshake() {
	done := sync.OnceFunc(func() { <-p.m.handshakes })
	turn := time.AfterFunc(handshakeTurn, done) // peers that say nothing more keep nobody out
	conn, err := p.negotiate()
	turn.Stop()
	done()
	if err != nil {
		p.end(fmt.Errorf("peer: DTLS with %s: %w", p.Remote(), err), true)
		return
	}
	p.connect()
	var b [256]byte
	for {
		if _, err := conn.Read(b[:]); err != nil { // no application data is taken
			if errors.Is(err, io.EOF) || p.isClosed() {
				err = nil
			}
			p.end(err, true)
			return
		}
	}
}

func (p *Peer) negotiate() (*dtls.Conn, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.ConnectTimeout)
	defer cancel()
	cfg := &dtls.Config{
		Certificates: []tls.Certificate{*p.m.cfg.Certificate}, SRTPProtectionProfiles: profiles,
		ClientAuth: dtls.RequireAnyClientCert, InsecureSkipVerify: true, VerifyPeerCertificate: p.verify,
		ExtendedMasterSecret: dtls.RequestExtendedMasterSecret, FlightInterval: 200 * time.Millisecond, MTU: 1200,
		// The address was proven by ICE.
		InsecureSkipVerifyHello: true,
		LoggerFactory:           silent{},
	}
	dial, records := dtls.ServerWithContext, &recordConn{p: p}
	if p.cfg.Active {
		dial = dtls.ClientWithContext
	} else {
		cfg.SRTPProtectionProfiles = records.choose()
	}
	conn, err := dial(ctx, records, cfg)
	if err != nil {
		return nil, err
	}
	records.done.Store(true)
	p.mu.Lock()
	p.conn = conn
	p.mu.Unlock()
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		err = errors.New("no SRTP profile in common")
	} else {
		err = p.keys(conn, srtp.ProtectionProfile(profile))
	}
	if err != nil || p.isClosed() {
		_ = conn.Close()
		return nil, errors.Join(err, context.Cause(p.ctx))
	}
	return conn, nil
}

// keys makes the contexts of both directions (RFC 5764 4.2).
func (p *Peer) keys(conn *dtls.Conn, profile srtp.ProtectionProfile) error {
	key, err := profile.KeyLen()
	if err != nil {
		return err
	}
	salt, err := profile.SaltLen()
	if err != nil {
		return err
	}
	state := conn.ConnectionState()
	b, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(key+salt))
	if err != nil {
		return err
	}
	client := keying{b[:key], b[2*key : 2*key+salt]}
	server := keying{b[key : 2*key], b[2*key+salt:]}
	if p.cfg.Active {
		client, server = server, client
	}
	// client is the peer's side from here.
	if err := p.in.open(client, profile); err != nil {
		return err
	}
	out, err := newSending(server, profile)
	if err == nil {
		p.out.Store(out)
	}
	return err
}

type keying struct{ key, salt []byte }

// silent is a logger of DTLS: its errors are told by what it returns.
type silent struct{}

// NewLogger implements logging.LoggerFactory.
func (silent) NewLogger(string) logging.LeveledLogger { return nothing }

var nothing = logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, io.Discard)
