package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

const (
	secret  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	another = "another-another-another-another-another-another-another-another-"
)

// pair is keys of each kind; they take time to make.
type pair struct {
	rsa          *rsa.PrivateKey
	p256, p384   *ecdsa.PrivateKey
	p521, p256b  *ecdsa.PrivateKey
	ed           ed25519.PrivateKey
	weak         *rsa.PrivateKey
	publicKeys   string // PEM of rsa, p256, p384, p521 and ed
	rsaPublicPEM string
}

var pairs = sync.OnceValue(func() (p pair) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	p.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	p.weak, err = rsa.GenerateKey(rand.Reader, 1024)
	must(err)
	for to, curve := range map[**ecdsa.PrivateKey]elliptic.Curve{
		&p.p256: elliptic.P256(), &p.p384: elliptic.P384(), &p.p521: elliptic.P521(), &p.p256b: elliptic.P256(),
	} {
		*to, err = ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
	}
	_, p.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	p.rsaPublicPEM = publicPEM(&p.rsa.PublicKey)
	p.publicKeys = p.rsaPublicPEM + publicPEM(&p.p256.PublicKey) + publicPEM(&p.p384.PublicKey) +
		publicPEM(&p.p521.PublicKey) + publicPEM(p.ed.Public())
	return p
})

func publicPEM(k crypto.PublicKey) string {
	b, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

// claims are those of a token that is good for a while, with changes.
func claims(change map[string]any) map[string]any {
	m := map[string]any{"exp": time.Now().Add(time.Hour).Unix(), "sub": "me"}
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return m
}

// sign makes a token.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, m map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(m)
	sig, err := s.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// forge makes a token with any header and signature.
func forge(header string, m map[string]any, signature []byte) string {
	b, _ := json.Marshal(m)
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(header)) + "." + enc(b) + "." + enc(signature)
}

func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	v, err := NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// check holds an error against what it should be, and that it tells nothing of a credential.
func check(t testing.TB, what string, err, want error, credential string) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	if err == nil {
		return
	}
	for part := range strings.FieldsFuncSeq(credential, func(r rune) bool { return strings.ContainsRune(".?&=", r) }) {
		if len(part) > 12 && strings.Contains(err.Error(), part) {
			t.Errorf("%s: the error has the credential: %v", what, err)
		}
	}
}
