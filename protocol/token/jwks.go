package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// The bounds of fetching a set of keys.
const (
	maxSet       = 1 << 20
	maxRedirects = 3
	fetchTimeout = 5 * time.Second
	fetchEvery   = time.Hour
)

// remoteSet is the set of keys at a URL.
type remoteSet struct {
	url    string
	client *http.Client
	least  time.Duration // between fetches

	mu       sync.Mutex
	keys     []publicKey
	fetched  time.Time     // when keys came
	tried    time.Time     // when a fetch began
	err      error         // of the last fetch
	fetching chan struct{} // closed at the end of the fetch under way; nil for none
}

func newRemoteSet(raw string, least time.Duration, client *http.Client) (*remoteSet, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("token: JWKS URL is not one of http or https") // it may have a password
	}
	if client == nil {
		client = &http.Client{Timeout: fetchTimeout, CheckRedirect: sameSecurity}
	}
	return &remoteSet{url: raw, client: client, least: cmp.Or(least, time.Minute)}, nil
}

// sameSecurity follows few redirects, and none to where anybody on the way can put in keys.
func sameSecurity(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("redirect from https to http")
	}
	return nil
}

// get gives the set, fetched anew if it is old or has no key of that id, unless it was fetched a
// moment ago.
func (s *remoteSet) get(ctx context.Context, id string) ([]publicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.has(id) {
		if s.fetching == nil {
			if now := time.Now(); s.tried.IsZero() || now.Sub(s.tried) >= s.least {
				s.fetch(ctx, now)
			}
			break
		}
		running := s.fetching
		s.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
		}
		s.mu.Lock()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ErrKeys, context.Cause(ctx))
		}
	}
	if s.keys == nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, s.err)
	}
	return s.keys, nil
}

// has tells whether the set will do for a key id. An old set does while a fetch is under way.
func (s *remoteSet) has(id string) bool {
	return s.keys != nil && (time.Since(s.fetched) < fetchEvery || s.fetching != nil) &&
		(id == "" || slices.ContainsFunc(s.keys, func(k publicKey) bool { return k.id == id }))
}

// fetch is called with mu, which it gives up for the while. Others wait for it too, so that its
// caller's leaving does not end it.
func (s *remoteSet) fetch(ctx context.Context, now time.Time) {
	s.tried, s.fetching = now, make(chan struct{})
	s.mu.Unlock()
	keys, err := s.load(context.WithoutCancel(ctx))
	s.mu.Lock()
	if s.err = err; err == nil {
		s.keys, s.fetched = keys, now
	}
	close(s.fetching)
	s.fetching = nil
}

func (s *remoteSet) load(ctx context.Context) ([]publicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, errors.New("the JWKS URL is no URL")
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	r.Close = true
	res, err := s.client.Do(r)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) { // it has the URL, and that may have a password
			err = where.Err
		}
		return nil, fmt.Errorf("fetching the JWKS: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the JWKS: status %d", res.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxSet+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetching the JWKS: %w", err)
	case len(b) > maxSet:
		return nil, fmt.Errorf("fetching the JWKS: more than %d bytes", maxSet)
	}
	keys, err := parseSet(b)
	if err != nil {
		return nil, fmt.Errorf("fetched JWKS: %w", err)
	}
	return keys, nil
}
