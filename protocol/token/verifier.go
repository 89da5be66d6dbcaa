package token

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Config configures a Verifier. It needs keys of one kind at least.
type Config struct {
	// Secrets are HMAC secrets, of 32 bytes at least (RFC 7518, 3.2); several for a time of
	// change. HS384 needs 48 bytes, HS512 64.
	Secrets []string
	// PublicKeys are public keys and certificates in PEM: RSA from 2048 bits, ECDSA on P-256,
	// P-384 and P-521, Ed25519.
	PublicKeys string
	// JWKS is a set of public keys (RFC 7517). Keys in it of other kinds, or for other use, are
	// left out: secrets too, for which Secrets is.
	JWKS string
	// JWKSURL is where such a set is fetched, by http or https, when a token first needs it, once
	// an hour, and when a token names a key that is not in it. A set of 1 MB and 100 keys at most
	// is taken. While it cannot be fetched the last one stays in use.
	JWKSURL string
	// MinRefresh is the least time between two fetches; 0: 1 min.
	MinRefresh time.Duration
	// Client fetches; nil: one that takes 5 s at most and follows 3 redirects, none from https to
	// http.
	Client *http.Client
	// Algorithms are the names of those allowed (RFC 7518, 3.1): HS256, RS256, PS256, ES256,
	// EdDSA, …; empty: those of the configured kinds of keys. Whatever is listed, secrets verify
	// HS… alone, and public keys never do.
	Algorithms []string
	// Issuer is what iss has to be; empty: anything.
	Issuer string
	// Audience lists values of which aud has to have one; empty: anything.
	Audience []string
	// Leeway is by how much clocks may differ; 0: 60 s, negative: not at all.
	Leeway time.Duration
	// AllowNoExpiry takes tokens without exp, which are good for ever.
	AllowNoExpiry bool
}

// maxToken bounds a token's length in bytes.
const maxToken = 8 << 10

// Verifier checks JSON Web Tokens (RFC 7519) that are signed and compact. It may be used by many
// goroutines at once.
type Verifier struct {
	secrets    [][]byte
	keys       []publicKey
	remote     *remoteSet // nil for none
	algorithms []jose.SignatureAlgorithm
	expected   jwt.Expected
	leeway     time.Duration
	noExpiry   bool
}

// NewVerifier makes a Verifier. Errors say which part of the configuration is wrong, and nothing of
// secrets. Nothing is fetched yet.
func NewVerifier(cfg Config) (*Verifier, error) {
	v := &Verifier{
		expected: jwt.Expected{Issuer: cfg.Issuer, AnyAudience: cfg.Audience},
		leeway:   max(cmp.Or(cfg.Leeway, time.Minute), 0), noExpiry: cfg.AllowNoExpiry,
	}
	for i, s := range cfg.Secrets {
		if len(s) < 32 {
			return nil, fmt.Errorf("token: secret %d is too short: %d bytes, 32 are needed", i+1, len(s))
		}
		v.secrets = append(v.secrets, []byte(s))
	}
	var err error
	if v.keys, err = parsePEM(cfg.PublicKeys); err != nil {
		return nil, fmt.Errorf("token: public keys: %w", err)
	}
	if cfg.JWKS != "" {
		set, err := parseSet([]byte(cfg.JWKS))
		if err != nil {
			return nil, fmt.Errorf("token: JWKS: %w", err)
		}
		v.keys = append(v.keys, set...)
	}
	if cfg.JWKSURL != "" {
		if v.remote, err = newRemoteSet(cfg.JWKSURL, cfg.MinRefresh, cfg.Client); err != nil {
			return nil, err
		}
	}
	if len(v.secrets) == 0 && len(v.keys) == 0 && v.remote == nil {
		return nil, errors.New("token: no secret, public key or JWKS")
	}
	v.algorithms, err = v.allowed(cfg.Algorithms)
	return v, err
}

// allowed gives the algorithms that tokens may have.
func (v *Verifier) allowed(names []string) ([]jose.SignatureAlgorithm, error) {
	var known, have []jose.SignatureAlgorithm
	for _, k := range kinds {
		known = append(known, k.algorithms...)
		if v.remote != nil && k.public || k.public && slices.ContainsFunc(v.keys, func(p publicKey) bool { return k.is(p.key) }) ||
			!k.public && len(v.secrets) > 0 {
			have = append(have, k.algorithms...)
		}
	}
	if len(names) == 0 {
		return have, nil
	}
	var out []jose.SignatureAlgorithm
	for _, name := range names {
		a := jose.SignatureAlgorithm(name)
		if !slices.Contains(known, a) {
			return nil, fmt.Errorf("token: algorithm %.20q is none that is allowed", name)
		}
		if !slices.Contains(have, a) {
			return nil, fmt.Errorf("token: algorithm %s has no key", name)
		}
		out = append(out, a)
	}
	return out, nil
}

// Verify checks a token, and gives what it says. It may fetch keys, until ctx ends. Errors wrap one of
// the package's, and do not contain the token.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	if raw == "" || len(raw) > maxToken {
		return Claims{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	}
	sig, err := jose.ParseSignedCompact(raw, v.algorithms)
	if err != nil {
		var other *jose.ErrUnexpectedSignatureAlgorithm
		if errors.As(err, &other) {
			return Claims{}, fmt.Errorf("%w: %.20q", ErrAlgorithm, other.Got)
		}
		return Claims{}, ErrMalformed // the cause may quote the token
	}
	payload, err := v.payload(ctx, sig)
	if err != nil {
		return Claims{}, err
	}
	return v.claims(payload)
}

// payload gives what the token says if one of the keys has signed it.
func (v *Verifier) payload(ctx context.Context, sig *jose.JSONWebSignature) ([]byte, error) {
	h := sig.Signatures[0].Protected
	alg := jose.SignatureAlgorithm(h.Algorithm)
	if strings.HasPrefix(h.Algorithm, "HS") {
		for _, s := range v.secrets {
			if p, err := sig.Verify(s); err == nil {
				return p, nil
			}
		}
		return nil, ErrSignature
	}
	if p, ok := verifyAny(sig, v.keys, alg, h.KeyID); ok {
		return p, nil
	}
	if v.remote == nil {
		return nil, ErrSignature
	}
	set, err := v.remote.get(ctx, h.KeyID)
	if err != nil {
		return nil, err
	}
	if p, ok := verifyAny(sig, set, alg, h.KeyID); ok {
		return p, nil
	}
	return nil, ErrSignature
}

// verifyAny tries the keys that the token may mean.
func verifyAny(sig *jose.JSONWebSignature, keys []publicKey, alg jose.SignatureAlgorithm, kid string) ([]byte, bool) {
	for _, k := range keys {
		if !k.verifies(alg) || k.id != "" && kid != "" && k.id != kid {
			continue
		}
		if p, err := sig.Verify(k.key); err == nil {
			return p, true
		}
	}
	return nil, false
}

func (v *Verifier) claims(payload []byte) (Claims, error) {
	var std jwt.Claims
	if err := json.Unmarshal(payload, &std); err != nil {
		return Claims{}, fmt.Errorf("%w: claims", ErrMalformed)
	}
	if std.Expiry == nil && !v.noExpiry {
		return Claims{}, fmt.Errorf("%w: no exp", ErrClaims)
	}
	switch err := std.ValidateWithLeeway(v.expected, v.leeway); {
	case err == nil:
	case errors.Is(err, jwt.ErrExpired):
		return Claims{}, ErrExpired
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return Claims{}, ErrNotYet
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return Claims{}, fmt.Errorf("%w: another issuer", ErrClaims)
	default:
		return Claims{}, fmt.Errorf("%w: another audience", ErrClaims)
	}
	return Claims{
		Issuer: std.Issuer, Subject: std.Subject, Audience: std.Audience, ID: std.ID,
		Expiry: timeOf(std.Expiry), NotBefore: timeOf(std.NotBefore), IssuedAt: timeOf(std.IssuedAt), payload: payload,
	}, nil
}

func timeOf(d *jwt.NumericDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.Time()
}

// Claims is what a genuine token says.
type Claims struct {
	// The registered claims (RFC 7519, 4.1); zero where the token has none.
	Issuer, Subject, ID         string
	Audience                    []string
	Expiry, NotBefore, IssuedAt time.Time

	payload []byte
}

// Bind decodes all claims into a value, as package json does; names match in their case alone.
func (c Claims) Bind(v any) error {
	if c.payload == nil {
		return fmt.Errorf("%w: no claims", ErrMalformed)
	}
	if err := json.Unmarshal(c.payload, v); err != nil {
		return fmt.Errorf("%w: claims of another type", ErrMalformed)
	}
	return nil
}

// Map gives all claims by name, the values as package json decodes them; nil if there are none.
func (c Claims) Map() map[string]any {
	var m map[string]any
	if c.Bind(&m) != nil {
		return nil
	}
	return m
}

// publicKey is a key with what its set says of it.
type publicKey struct {
	key crypto.PublicKey
	id  string                  // kid; empty: unknown
	alg jose.SignatureAlgorithm // the only one; empty: any of its kind
}

func (k publicKey) verifies(a jose.SignatureAlgorithm) bool {
	if k.alg != "" && k.alg != a {
		return false
	}
	i := slices.IndexFunc(kinds, func(x kind) bool { return x.public && x.is(k.key) })
	return i >= 0 && slices.Contains(kinds[i].algorithms, a)
}
