package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The actions of a Grant.
const (
	Play    = "play"
	Publish = "publish"
)

// Grant is what a signed URL allows.
type Grant struct {
	// Path names the stream: /app/stream, or vhost/app/stream, as stream.Key's String gives it.
	Path string
	// Expires is when it ends, in whole seconds.
	Expires time.Time
	// Action is Play or Publish; empty: Play.
	Action string
	// IP is the one address that may use it; the zero value: any.
	IP netip.Addr
}

// params gives the part of the query that is signed.
func (g Grant) params() string {
	p := "expires=" + strconv.FormatInt(g.Expires.Unix(), 10)
	if g.Action != "" {
		p += "&action=" + g.Action
	}
	if g.IP.IsValid() {
		p += "&ip=" + g.IP.String()
	}
	return p
}

// Sign gives the query for a stream's URL, without "?": expires, action, ip as far as they are set,
// and sign. The key is any secret; 32 random bytes as text are a good one.
func Sign(key string, g Grant) (query string) {
	p := g.params()
	return p + "&sign=" + hex.EncodeToString(mac(key, g.Path, p))
}

func mac(key, path, params string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(path + "?" + params))
	return h.Sum(nil)
}

// maxQuery bounds the query that is looked at.
const maxQuery = 8 << 10

// VerifySigned checks that the query of a URL, with or without its "?", is signed for a path with one
// of the keys, and has not expired at the time now. What it allows is then for the caller to compare:
// [Grant.Allows]. Errors wrap one of the package's.
func VerifySigned(keys []string, path, query string, now time.Time) (Grant, error) {
	g, sign, err := parseSigned(query)
	if err != nil {
		return Grant{}, err
	}
	g.Path = path
	ok := false
	for _, k := range keys {
		if k != "" && hmac.Equal(sign, mac(k, path, g.params())) {
			ok = true
		}
	}
	switch {
	case !ok:
		return Grant{}, ErrSignature
	case !now.Before(g.Expires):
		return Grant{}, fmt.Errorf("%w: at %s", ErrExpired, g.Expires.UTC().Format(time.RFC3339))
	}
	return g, nil
}

// parseSigned takes a query apart. What it accepts has one form alone, that of params: so the text
// that was signed has one meaning.
func parseSigned(query string) (g Grant, sign []byte, err error) {
	if len(query) > maxQuery {
		return g, nil, fmt.Errorf("%w: query of %d bytes", ErrMalformed, len(query))
	}
	values := map[string]string{}
	for p := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '?' || r == '&' || r == '#' }) {
		name, value, _ := strings.Cut(p, "=")
		switch name {
		case "expires", "action", "ip", "sign":
			if value, err = url.QueryUnescape(value); err != nil {
				return g, nil, fmt.Errorf("%w: escapes of %s", ErrMalformed, name)
			}
			if old, twice := values[name]; twice && old != value {
				return g, nil, fmt.Errorf("%w: two values of %s", ErrMalformed, name)
			}
			values[name] = value
		}
	}
	sec, err := strconv.ParseInt(values["expires"], 10, 64)
	if err != nil || values["expires"] != strconv.FormatInt(sec, 10) {
		return g, nil, fmt.Errorf("%w: expires is no time", ErrMalformed)
	}
	g.Expires, g.Action = time.Unix(sec, 0), values["action"]
	if a, given := values["action"]; given && a != Play && a != Publish {
		return g, nil, fmt.Errorf("%w: action is neither play nor publish", ErrMalformed)
	}
	if ip, given := values["ip"]; given {
		if g.IP, err = netip.ParseAddr(ip); err != nil || g.IP.String() != ip {
			return g, nil, fmt.Errorf("%w: ip is no address", ErrMalformed)
		}
	}
	if sign, err = hex.DecodeString(values["sign"]); err != nil || len(sign) != sha256.Size {
		return g, nil, fmt.Errorf("%w: sign is no signature", ErrMalformed)
	}
	return g, sign, nil
}

// Allows tells whether the grant is for an action, Play or Publish, of the client at an address,
// host:port or host. Errors wrap ErrClaims.
func (g Grant) Allows(action, remote string) error {
	granted := g.Action
	if granted == "" {
		granted = Play
	}
	if granted != action {
		return fmt.Errorf("%w: it is to %s", ErrClaims, granted)
	}
	if g.IP.IsValid() && g.IP.Unmap() != Addr(remote) {
		return fmt.Errorf("%w: another address", ErrClaims)
	}
	return nil
}
