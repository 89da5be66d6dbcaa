package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// kind is a kind of key, and what it verifies. That it verifies nothing else is what keeps a public
// key from being taken for an HMAC secret.
type kind struct {
	public     bool
	is         func(crypto.PublicKey) bool
	algorithms []jose.SignatureAlgorithm
}

var kinds = []kind{
	{false, nil, []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}},
	{true, isRSA, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}},
	{true, onCurve("P-256"), []jose.SignatureAlgorithm{jose.ES256}},
	{true, onCurve("P-384"), []jose.SignatureAlgorithm{jose.ES384}},
	{true, onCurve("P-521"), []jose.SignatureAlgorithm{jose.ES512}},
	{true, isEd25519, []jose.SignatureAlgorithm{jose.EdDSA}},
}

func isRSA(k crypto.PublicKey) bool {
	r, ok := k.(*rsa.PublicKey)
	return ok && r.N.BitLen() >= minRSA && r.N.BitLen() <= maxRSA
}

func onCurve(name string) func(crypto.PublicKey) bool {
	return func(k crypto.PublicKey) bool {
		e, ok := k.(*ecdsa.PublicKey)
		return ok && e.Curve.Params().Name == name
	}
}

func isEd25519(k crypto.PublicKey) bool {
	e, ok := k.(ed25519.PublicKey)
	return ok && len(e) == ed25519.PublicKeySize
}

// The sizes of RSA keys in bits: what is shorter can be broken, what is longer costs time.
const (
	minRSA = 2048
	maxRSA = 8192
)

// maxKeys bounds how many public keys there are: a token without kid is tried with each.
const maxKeys = 100

var errTooManyKeys = fmt.Errorf("more than %d keys", maxKeys)

func usable(k crypto.PublicKey) bool {
	for _, x := range kinds {
		if x.public && x.is(k) {
			return true
		}
	}
	return false
}

// parsePEM gives the keys of all blocks.
func parsePEM(text string) ([]publicKey, error) {
	var out []publicKey
	rest := []byte(text)
	for len(bytes.TrimSpace(rest)) > 0 {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return nil, fmt.Errorf("no PEM block after %d keys", len(out))
		}
		k, err := parseBlock(b)
		if err != nil {
			return nil, fmt.Errorf("block %d (%.30s): %w", len(out)+1, b.Type, err)
		}
		if len(out) == maxKeys {
			return nil, errTooManyKeys
		}
		out = append(out, publicKey{key: k})
	}
	return out, nil
}

func parseBlock(b *pem.Block) (k crypto.PublicKey, err error) {
	switch b.Type {
	case "PUBLIC KEY":
		k, err = x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		k, err = x509.ParsePKCS1PublicKey(b.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(b.Bytes); err == nil {
			k = c.PublicKey
		}
	default: // a private key has no place on a server that only verifies
		return nil, errors.New("not a public key or certificate")
	}
	if err != nil {
		return nil, err
	}
	if !usable(k) {
		return nil, errors.New("not RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519")
	}
	return k, nil
}

// parseSet gives the usable keys of a JWKS (RFC 7517, 5: others are passed over).
func parseSet(b []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, errors.New("not a JSON Web Key Set") // the cause may quote it
	}
	if len(set.Keys) > maxKeys {
		return nil, errTooManyKeys
	}
	var out []publicKey
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(one, &k) != nil || k.Use != "" && k.Use != "sig" || !usable(k.Key) {
			continue
		}
		out = append(out, publicKey{k.Key, k.KeyID, jose.SignatureAlgorithm(k.Algorithm)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("none of its %d keys is a public key to verify with", len(set.Keys))
	}
	return out, nil
}
