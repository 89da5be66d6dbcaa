package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/token"
)

// credential is what a request brings.
type credential struct {
	basic        bool
	user, secret string
}

// given finds the credential of a request: in its header, or in the query for a route that browsers
// ask for with an EventSource, which cannot set one.
func given(r *http.Request, query bool) (credential, bool) {
	h := r.Header.Get("Authorization")
	if h == "" && query {
		t := r.URL.Query().Get("access_token")
		return credential{secret: t}, t != ""
	}
	if user, password, ok := r.BasicAuth(); ok {
		return credential{basic: true, user: user, secret: password}, true
	}
	// What is of another scheme, or broken, is a wrong credential.
	scheme, t, _ := strings.Cut(h, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		t = ""
	}
	return credential{secret: strings.TrimSpace(t)}, h != ""
}

// permit is what a credential is good for.
type permit struct {
	name        string // for the log
	read, write bool
}

var errCredential = errors.New("wrong credential")

// check finds out what a credential is good for.
func (g *guard) check(ctx context.Context, c credential) (permit, error) {
	if c.basic {
		// Both are compared whatever the first one gives.
		user, password := token.Equal(c.user, g.Username), token.Equal(c.secret, g.Password)
		if g.Username == "" || !user || !password {
			return permit{}, errCredential
		}
		return permit{g.Username, true, true}, nil
	}
	found := -1
	for i, t := range g.Tokens {
		if token.Equal(c.secret, t) {
			found = i
		}
	}
	if found >= 0 {
		return permit{"token " + strconv.Itoa(found+1), true, true}, nil
	}
	if g.jwt == nil || c.secret == "" {
		return permit{}, errCredential
	}
	claims, err := g.jwt.Verify(ctx, c.secret)
	if err != nil {
		return permit{}, err
	}
	p := permit{name: claims.Subject}
	p.read, p.write = scope(claims.Map())
	return p, nil
}

// scope reads the claim of that name: words of a text (RFC 8693, 4.2), or a list of them.
func scope(claims map[string]any) (read, write bool) {
	v, ok := claims["scope"]
	if !ok {
		return true, true
	}
	var words []string
	switch v := v.(type) {
	case string:
		words = strings.Fields(v)
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				words = append(words, s)
			}
		}
	}
	write = slices.Contains(words, "api:write")
	return write || slices.Contains(words, "api:read"), write
}

// changes tells whether a request may change something: by its method, by the one that JSONP has in
// the query, and by the operation of SRS's raw API, which goes by GET.
func changes(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	q := r.URL.Query()
	if m := q.Get("method"); m != "" && m != http.MethodGet {
		return true
	}
	if !strings.HasPrefix(r.URL.Path, "/api/v1/raw") {
		return false
	}
	switch q.Get("rpc") {
	case "", "raw", "query", "reload-fetch":
		return false
	}
	return true
}

// wrongs counts wrong credentials, and tells of them now and then: whoever guesses would fill the
// log.
type wrongs struct {
	mu   sync.Mutex
	n    int // since the last line
	last time.Time
	all  atomic.Uint64
}

const wrongsEvery = 10 * time.Second

func (x *wrongs) tell(l *slog.Logger, remote string, err error) {
	x.all.Add(1)
	x.mu.Lock()
	x.n++
	n := x.n
	quiet := !x.last.IsZero() && time.Since(x.last) < wrongsEvery
	if !quiet {
		x.n, x.last = 0, time.Now()
	}
	x.mu.Unlock()
	if !quiet {
		l.Warn("api: wrong credential", "remote", remote, "err", err, "times", n)
	}
}
