package token

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyServer serves a set of keys, or whatever else it is told to.
type keyServer struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func newKeyServer(t *testing.T, keys ...jose.JSONWebKey) *keyServer {
	k := &keyServer{}
	k.serve(keys...)
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		(*k.answer.Load())(w, r)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) handle(f http.HandlerFunc) { k.answer.Store(&f) }

func (k *keyServer) serve(keys ...jose.JSONWebKey) {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		panic(err)
	}
	k.handle(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
}

func TestJWKSRotation(t *testing.T) {
	p := pairs()
	old, young := jose.JSONWebKey{Key: &p.p256.PublicKey, KeyID: "old", Use: "sig"}, jose.JSONWebKey{Key: &p.p256b.PublicKey, KeyID: "young"}
	s := newKeyServer(t, old)
	v := verifier(t, Config{JWKSURL: s.URL, MinRefresh: time.Nanosecond})
	first, second := sign(t, jose.ES256, p.p256, "old", claims(nil)), sign(t, jose.ES256, p.p256b, "young", claims(nil))
	if s.asked.Load() != 0 {
		t.Error("fetched before it was needed")
	}
	for range 3 {
		_, err := v.Verify(t.Context(), first)
		check(t, "first key", err, nil, first)
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("%d fetches for a key that was there", n)
	}
	_, err := v.Verify(t.Context(), second)
	check(t, "key to come", err, ErrSignature, second)
	s.serve(old, young)
	for _, raw := range []string{second, first} {
		_, err = v.Verify(t.Context(), raw)
		check(t, "both keys", err, nil, raw)
	}
	s.serve(young)
	v.remote.fetched = time.Now().Add(-2 * fetchEvery)
	_, err = v.Verify(t.Context(), first)
	check(t, "key withdrawn", err, ErrSignature, first)
	// A known name is not enough.
	stolen := sign(t, jose.ES256, p.p256, "young", claims(nil))
	_, err = v.Verify(t.Context(), stolen)
	check(t, "another's name", err, ErrSignature, stolen)
}

// Tokens that name keys nobody has cost one fetch an interval.
func TestJWKSUnknownKeys(t *testing.T) {
	p := pairs()
	s := newKeyServer(t, jose.JSONWebKey{Key: &p.p256.PublicKey, KeyID: "a"})
	v := verifier(t, Config{JWKSURL: s.URL, MinRefresh: time.Hour})
	bad := sign(t, jose.ES256, p.p256b, "nobody's", claims(nil))
	good := sign(t, jose.ES256, p.p256, "a", claims(nil))
	var work sync.WaitGroup
	for i := range 20 {
		work.Go(func() {
			raw, want := bad, ErrSignature
			if i%2 == 0 {
				raw, want = good, nil
			}
			_, err := v.Verify(t.Context(), raw)
			check(t, "many at once", err, want, raw)
		})
	}
	work.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestJWKSOutage(t *testing.T) {
	p := pairs()
	s := newKeyServer(t, jose.JSONWebKey{Key: p.ed.Public(), KeyID: "a"})
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	s.handle(down)
	v := verifier(t, Config{JWKSURL: s.URL, MinRefresh: time.Nanosecond})
	raw := sign(t, jose.EdDSA, p.ed, "a", claims(nil))
	_, err := v.Verify(t.Context(), raw)
	check(t, "never up", err, ErrKeys, raw)
	s.serve(jose.JSONWebKey{Key: p.ed.Public(), KeyID: "a"})
	_, err = v.Verify(t.Context(), raw)
	check(t, "up", err, nil, raw)
	asked := s.asked.Load()
	for name, f := range map[string]http.HandlerFunc{
		"error":    down,
		"too much": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat(" ", maxSet+1)) },
		"not JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"no keys":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		"too many": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[`+strings.Repeat("{},", maxKeys)+`{}]}`)
		},
		"loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) },
		"file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/hosts", http.StatusFound)
		},
		"closed": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		s.handle(f)
		v.remote.fetched = time.Now().Add(-2 * fetchEvery)
		_, err := v.Verify(t.Context(), raw)
		check(t, name, err, nil, raw)
		if v.remote.err == nil {
			t.Errorf("%s: fetched", name)
		}
		if now := s.asked.Load(); now <= asked || now > asked+maxRedirects+1 {
			t.Errorf("%s: asked %d times", name, now-asked)
		}
		asked = s.asked.Load()
	}
}

// Who leaves while keys are fetched neither waits nor ends the fetch for the others.
func TestJWKSLeaving(t *testing.T) {
	p := pairs()
	s := newKeyServer(t)
	begun, goOn := make(chan struct{}, 1), make(chan struct{})
	set, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.ed.Public(), KeyID: "a"}}})
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-goOn
		_, _ = w.Write(set)
	})
	v := verifier(t, Config{JWKSURL: s.URL, Client: &http.Client{Timeout: time.Minute}})
	raw := sign(t, jose.EdDSA, p.ed, "a", claims(nil))
	first, leave := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { _, err := v.Verify(first, raw); result <- err }()
	<-begun
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Verify(gone, raw)
	check(t, "who waits and leaves", err, context.Canceled, raw)
	leave()
	close(goOn)
	if err := <-result; err != nil {
		t.Errorf("the one who fetched: %v", err)
	}
	_, err = v.Verify(t.Context(), raw)
	check(t, "next", err, nil, raw)
}

func TestParseSet(t *testing.T) {
	p := pairs()
	one := func(k jose.JSONWebKey) string {
		b, err := k.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	set := `{"keys":[` + strings.Join([]string{
		one(jose.JSONWebKey{Key: &p.rsa.PublicKey, KeyID: "rsa", Algorithm: "RS256", Use: "sig"}),
		one(jose.JSONWebKey{Key: &p.p384.PublicKey, KeyID: "ec"}),
		one(jose.JSONWebKey{Key: &p.p256.PublicKey, KeyID: "for encryption", Use: "enc"}),
		one(jose.JSONWebKey{Key: []byte(secret), KeyID: "secret"}),
		one(jose.JSONWebKey{Key: p.ed, KeyID: "private"}),
		one(jose.JSONWebKey{Key: &p.weak.PublicKey, KeyID: "weak"}),
		`{"kty":"OKP","crv":"X25519","x":"AAAA"}`, `{"kty":"future"}`, `{}`,
	}, ",") + `]}`
	keys, err := parseSet([]byte(set))
	if err != nil || len(keys) != 2 || keys[0].id != "rsa" || keys[1].id != "ec" {
		t.Fatalf("%+v, %v", keys, err)
	}
	v := verifier(t, Config{JWKS: set})
	raw := sign(t, jose.RS256, p.rsa, "rsa", claims(nil))
	_, err = v.Verify(t.Context(), raw)
	check(t, "its algorithm", err, nil, raw)
	raw = sign(t, jose.RS512, p.rsa, "rsa", claims(nil))
	_, err = v.Verify(t.Context(), raw)
	check(t, "not the algorithm its set names", err, ErrSignature, raw)
	raw = sign(t, jose.HS256, []byte(secret), "secret", claims(nil))
	_, err = v.Verify(t.Context(), raw)
	check(t, "secret of a set", err, ErrAlgorithm, raw)
}

func TestRedirects(t *testing.T) {
	secure, plain := httptest.NewRequest("GET", "https://a/", nil), httptest.NewRequest("GET", "http://a/", nil)
	if sameSecurity(plain, []*http.Request{secure}) == nil {
		t.Error("from https to http")
	}
	if err := sameSecurity(secure, []*http.Request{plain}); err != nil {
		t.Error(err)
	}
}
