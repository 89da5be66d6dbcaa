package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestAlgorithms(t *testing.T) {
	p := pairs()
	v := verifier(t, Config{Secrets: []string{another, secret}, PublicKeys: p.publicKeys})
	keys := map[jose.SignatureAlgorithm]any{
		jose.HS256: []byte(secret), jose.HS384: []byte(secret), jose.HS512: []byte(secret),
		jose.RS256: p.rsa, jose.RS384: p.rsa, jose.RS512: p.rsa, jose.PS256: p.rsa, jose.PS384: p.rsa, jose.PS512: p.rsa,
		jose.ES256: p.p256, jose.ES384: p.p384, jose.ES512: p.p521, jose.EdDSA: p.ed,
	}
	for alg, key := range keys {
		raw := sign(t, alg, key, "some", claims(nil))
		c, err := v.Verify(t.Context(), raw)
		check(t, string(alg), err, nil, raw)
		if c.Subject != "me" {
			t.Errorf("%s: claims %+v", alg, c)
		}
		// One bit of the signature, and of what is signed.
		dot := strings.LastIndexByte(raw, '.')
		for _, i := range []int{dot + 2, strings.IndexByte(raw, '.') + 4} {
			b := []byte(raw)
			b[i] ^= 1
			if b[i] == '.' || b[i] == raw[i] {
				continue
			}
			if _, err := v.Verify(t.Context(), string(b)); err == nil {
				t.Errorf("%s: changed at %d, and taken", alg, i)
			}
		}
		// A verifier without that key.
		other := Config{Secrets: []string{another}}
		want := ErrAlgorithm
		if strings.HasPrefix(string(alg), "HS") {
			want = ErrSignature
		}
		_, err = verifier(t, other).Verify(t.Context(), raw)
		check(t, string(alg)+" without its key", err, want, raw)
	}
	other := verifier(t, Config{PublicKeys: publicPEM(&p.p256b.PublicKey)})
	raw := sign(t, jose.ES256, p.p256, "", claims(nil))
	_, err := other.Verify(t.Context(), raw)
	check(t, "another key of the kind", err, ErrSignature, raw)
	only := verifier(t, Config{PublicKeys: p.publicKeys, Algorithms: []string{"ES384", "EdDSA"}})
	_, err = only.Verify(t.Context(), raw)
	check(t, "algorithm that is not listed", err, ErrAlgorithm, raw)
	raw = sign(t, jose.EdDSA, p.ed, "", claims(nil))
	_, err = only.Verify(t.Context(), raw)
	check(t, "algorithm that is listed", err, nil, raw)
}

func TestForgedAlgorithms(t *testing.T) {
	p := pairs()
	v := verifier(t, Config{Secrets: []string{secret}, PublicKeys: p.publicKeys})
	public := verifier(t, Config{PublicKeys: p.rsaPublicPEM})
	der, _ := pem.Decode([]byte(p.rsaPublicPEM))
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS1", "RS1", "ES256K", "dir", "hs256"} {
		for _, signature := range [][]byte{nil, make([]byte, 32)} {
			raw := forge(`{"alg":"`+alg+`","typ":"JWT"}`, claims(nil), signature)
			if _, err := v.Verify(t.Context(), raw); err == nil {
				t.Errorf("alg %q is taken", alg)
			} else if alg != "" && len(signature) > 0 {
				check(t, "alg "+alg, err, ErrAlgorithm, raw)
			}
		}
	}
	// The public key as an HMAC secret, in any form an attacker has it.
	for name, key := range map[string][]byte{
		"PEM": []byte(p.rsaPublicPEM), "trimmed PEM": []byte(strings.TrimSpace(p.rsaPublicPEM)), "DER": der.Bytes,
		"PKCS1": x509.MarshalPKCS1PublicKey(&p.rsa.PublicKey), "modulus": p.rsa.N.Bytes(),
	} {
		raw := sign(t, jose.HS256, key, "", claims(nil))
		_, err := public.Verify(t.Context(), raw)
		check(t, "key confusion without secrets: "+name, err, ErrAlgorithm, raw)
		_, err = v.Verify(t.Context(), raw)
		check(t, "key confusion with secrets: "+name, err, ErrSignature, raw)
	}
	// A key that the token brings itself.
	jwk, _ := (&jose.JSONWebKey{Key: &p.p256b.PublicKey}).MarshalJSON()
	for _, header := range []string{
		`{"alg":"ES256","jwk":` + string(jwk) + `}`, `{"alg":"ES256","jku":"http://127.0.0.1:1/"}`,
		`{"alg":"ES256","x5u":"http://127.0.0.1:1/"}`, `{"alg":"HS256","kid":"../../dev/null"}`,
	} {
		m := hmac.New(sha256.New, nil)
		raw := forge(header, claims(nil), append(m.Sum(nil), make([]byte, 32)...))
		if _, err := v.Verify(t.Context(), raw); err == nil {
			t.Errorf("taken: %s", header)
		}
	}
	if _, err := v.Verify(t.Context(), forge(`{"alg":"HS256","crit":["x"]}`, claims(nil), make([]byte, 32))); err == nil {
		t.Error("a critical header nobody knows is taken")
	}
}

func TestClaims(t *testing.T) {
	now := time.Now().Unix()
	base := Config{Secrets: []string{secret}, Issuer: "us", Audience: []string{"live", "vod"}}
	exact, eternal, loose := base, base, base
	exact.Leeway = -1
	eternal.AllowNoExpiry = true
	loose.Leeway = 10 * time.Minute
	good := map[string]any{"iss": "us", "aud": "live"}
	with := func(k string, v any) map[string]any {
		m := claims(good)
		if m[k] = v; v == nil {
			delete(m, k)
		}
		return m
	}
	for _, tt := range []struct {
		name   string
		cfg    Config
		claims map[string]any
		want   error
	}{
		{"good", base, with("x", 1), nil},
		{"audience in a list", base, with("aud", []string{"x", "vod"}), nil},
		{"other issuer", base, with("iss", "them"), ErrClaims},
		{"no issuer", base, with("iss", nil), ErrClaims},
		{"other audience", base, with("aud", "other"), ErrClaims},
		{"no audience", base, with("aud", nil), ErrClaims},
		{"audience of another type", base, with("aud", 5), ErrMalformed},
		{"no expiry", base, with("exp", nil), ErrClaims},
		{"no expiry is allowed", eternal, with("exp", nil), nil},
		{"allowed, but expired", eternal, with("exp", now-3600), ErrExpired},
		{"expired", base, with("exp", now-3600), ErrExpired},
		{"expired within the leeway", base, with("exp", now-30), nil},
		{"expired beyond the leeway", base, with("exp", now-90), ErrExpired},
		{"expired without leeway", exact, with("exp", now-5), ErrExpired},
		{"expired within more leeway", loose, with("exp", now-90), nil},
		{"expiry is no number", base, with("exp", "soon"), ErrMalformed},
		{"not yet", base, with("nbf", now+3600), ErrNotYet},
		{"not yet within the leeway", base, with("nbf", now+30), nil},
		{"not yet without leeway", exact, with("nbf", now+30), ErrNotYet},
		{"made in the future", base, with("iat", now+3600), ErrNotYet},
		{"made a little in the future", base, with("iat", now+30), nil},
	} {
		raw := sign(t, jose.HS256, []byte(secret), "", tt.claims)
		_, err := verifier(t, tt.cfg).Verify(t.Context(), raw)
		check(t, tt.name, err, tt.want, raw)
	}
}

func TestClaimsValues(t *testing.T) {
	m := claims(map[string]any{"iss": "us", "jti": "7", "aud": []string{"a", "b"}, "nbf": 1, "iat": 2, "exp": 4102444800,
		"app": "live", "actions": []string{"publish"}})
	c, err := verifier(t, Config{Secrets: []string{secret}}).Verify(t.Context(), sign(t, jose.HS512, []byte(secret), "", m))
	if err != nil {
		t.Fatal(err)
	}
	payload := c.payload
	c.payload = nil
	if want := (Claims{Issuer: "us", Subject: "me", ID: "7", Audience: []string{"a", "b"}, Expiry: time.Unix(4102444800, 0).UTC(),
		NotBefore: time.Unix(1, 0).UTC(), IssuedAt: time.Unix(2, 0).UTC()}); fmt.Sprintf("%+v", c) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if c.Bind(&struct{}{}) == nil || c.Map() != nil {
		t.Error("no claims, and no error")
	}
	c.payload = payload
	var own struct {
		App     string
		Actions []string `json:"actions"`
	}
	if err := c.Bind(&own); err != nil || own.Actions[0] != "publish" {
		t.Errorf("%+v, %v", own, err)
	}
	if err := c.Bind(&struct {
		App int `json:"app"`
	}{}); err == nil {
		t.Error("a text in a number")
	}
	if c.Map()["app"] != "live" {
		t.Errorf("%v", c.Map())
	}
}

func TestMalformed(t *testing.T) {
	v := verifier(t, Config{Secrets: []string{secret}, AllowNoExpiry: true})
	good := sign(t, jose.HS256, []byte(secret), "", claims(nil))
	long := sign(t, jose.HS256, []byte(secret), "", claims(map[string]any{"x": strings.Repeat("y", maxToken)}))
	deep := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 5000)))
	for name, raw := range map[string]string{
		"empty": "", "oversized": long, "garbage": "garbage", "dots": "...", "two parts": good[:strings.LastIndexByte(good, '.')],
		"four parts": good + ".x", "binary": "\x00\xff\x80", "JSON": `{"payload":"","signatures":[]}`, "deep": deep + "." + deep + "." + deep,
		"padding": good + "=", "encrypted": good + ".a.b",
	} {
		_, err := v.Verify(t.Context(), raw)
		check(t, name, err, ErrMalformed, raw)
	}
	for name, payload := range map[string]string{"a list": `[]`, "text": `"x"`, "nothing": ``, "twice": `{"exp":1,"exp":9999999999}`} {
		s, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, nil)
		sig, _ := s.Sign([]byte(payload))
		raw, _ := sig.CompactSerialize()
		_, err := v.Verify(t.Context(), raw)
		check(t, name, err, ErrMalformed, raw)
	}
}

func TestNewVerifier(t *testing.T) {
	p := pairs()
	private, _ := x509.MarshalPKCS8PrivateKey(p.p256)
	oct, _ := (&jose.JSONWebKey{Key: []byte(secret), KeyID: "o"}).MarshalJSON()
	for name, cfg := range map[string]Config{
		"no key":                   {},
		"short secret":             {Secrets: []string{secret, "hunter2"}},
		"no PEM":                   {PublicKeys: "x"},
		"PEM with something after": {PublicKeys: p.rsaPublicPEM + "x"},
		"private key":              {PublicKeys: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))},
		"bad DER":                  {PublicKeys: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}))},
		"short RSA":                {PublicKeys: publicPEM(&p.weak.PublicKey)},
		"too many":                 {PublicKeys: strings.Repeat(publicPEM(p.ed.Public()), maxKeys+1)},
		"JWKS is no JSON":          {JWKS: "x"},
		"JWKS without keys":        {JWKS: "{}"},
		"JWKS of a secret":         {JWKS: `{"keys":[` + string(oct) + `]}`},
		"file URL":                 {JWKSURL: "file:///etc/passwd"},
		"no host":                  {JWKSURL: "http:///x"},
		"no URL":                   {JWKSURL: "http://a b"},
		"unknown algorithm":        {Secrets: []string{secret}, Algorithms: []string{"HS257"}},
		"none":                     {Secrets: []string{secret}, Algorithms: []string{"none"}},
		"algorithm without a key":  {Secrets: []string{secret}, Algorithms: []string{"HS256", "RS256"}},
		"secrets alone for public": {PublicKeys: p.rsaPublicPEM, Algorithms: []string{"HS256"}},
	} {
		if _, err := NewVerifier(cfg); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewVerifier(Config{PublicKeys: "\n" + p.publicKeys + "\n\n"}); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	p := pairs()
	v := verifier(f, Config{Secrets: []string{secret}, PublicKeys: p.publicKeys})
	f.Add(sign(f, jose.HS256, []byte(secret), "a", claims(nil)))
	f.Add(sign(f, jose.ES256, p.p256, "", claims(map[string]any{"exp": nil})))
	f.Add(forge(`{"alg":"none"}`, claims(nil), nil))
	f.Add(forge(`{"alg":"HS256","b64":false,"crit":["b64"]}`, claims(nil), make([]byte, 32)))
	f.Fuzz(func(t *testing.T, raw string) {
		if c, err := v.Verify(t.Context(), raw); err == nil && (c.Expiry.IsZero() || c.Map() == nil) {
			t.Fatalf("taken without an end: %+v", c)
		}
	})
}

func FuzzKeys(f *testing.F) {
	p := pairs()
	jwk, _ := (&jose.JSONWebKey{Key: &p.p256.PublicKey, KeyID: "a", Use: "sig"}).MarshalJSON()
	f.Add(p.publicKeys, []byte(`{"keys":[`+string(jwk)+`]}`))
	f.Add("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", []byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQ"}]}`))
	f.Fuzz(func(t *testing.T, text string, set []byte) {
		a, _ := parsePEM(text)
		b, _ := parseSet(set)
		for _, k := range append(a, b...) {
			if !usable(k.key) {
				t.Fatalf("%T", k.key)
			}
		}
	})
}
