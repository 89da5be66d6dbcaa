package hls

import (
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/srsgo/srs/stream"
)

const maxCtx = 64 // bytes of a viewer's own hls_ctx

// session gives the viewer's session, and admits a new viewer under an id of ours or what hls_ctx says.
// known tells that there was one with that hls_ctx. If the viewer is refused that is answered, and ok
// false. keys are what the viewer may have begun with; a new one begins with the first. With anonymous,
// one without hls_ctx is known by address and query.
func (x *exchange) session(c *Vhost, anonymous bool, keys ...stream.Key) (s *stream.Session, known, ok bool) {
	if x.ctx != "" {
		for _, k := range keys {
			if s, found := x.m.viewers.Touch(x.ctx, k); found {
				return s, true, x.alive(s)
			}
		}
	}
	id := x.ctx
	switch {
	case validCtx(id) && !c.NoCtx:
	case anonymous || c.NoCtx:
		id = x.identity(keys[0])
	default:
		id = stream.NewID()
	}
	s, err := x.m.viewers.Begin(x.r.Context(), id, x.request(keys[0], id), 2*c.Window)
	if err != nil {
		x.m.logger().Warn("hls play refused", "id", id, "stream", keys[0], "remote", x.r.RemoteAddr, "url", requestURL(x.r), "err", err)
		refuse(x.w, err)
		return nil, false, false
	}
	return s, false, x.alive(s)
}

// alive answers those who were kicked, as SRS.
func (x *exchange) alive(s *stream.Session) bool {
	if s.Err() != nil {
		say(x.w, http.StatusNotFound, "Not Found")
		return false
	}
	return true
}

// touch counts a request for a file of the viewer's; false if it was kicked, which is answered.
func (x *exchange) touch(c *channel) (s *stream.Session, ok bool) {
	if x.ctx == "" {
		return nil, true
	}
	for _, k := range c.keysOf() {
		if s, found := x.m.viewers.Touch(x.ctx, k); found {
			return s, x.alive(s)
		}
	}
	return nil, true
}

// validCtx tells whether an id that a viewer brought may be one of a session.
func validCtx(id string) bool {
	return id != "" && len(id) <= maxCtx && !strings.ContainsFunc(id, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
	})
}

// identity tells viewers without hls_ctx apart.
func (x *exchange) identity(key stream.Key) string {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		host = x.r.RemoteAddr
	}
	var h maphash.Hash
	h.SetSeed(x.m.seed)
	for _, s := range [...]string{host, x.param(), x.r.UserAgent(), key.Vhost, key.App, key.Name} {
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// ours are the parameters of a playlist's URL that are not the viewer's own: they change from request to
// request.
var ours = [...]string{"hls_ctx", "_HLS_msn", "_HLS_part", "_HLS_skip", "_HLS_push"}

// param gives the viewer's own query, without what players and this package add, as it came.
func (x *exchange) param() string {
	out := make([]byte, 0, len(x.r.URL.RawQuery))
	for f := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(f, "=")
		if f == "" || slices.Contains(ours[:], name) {
			continue
		}
		if len(out) > 0 {
			out = append(out, '&')
		}
		for i := range len(f) {
			if c := f[i]; c <= ' ' || c == '"' || c >= 0x7f { // what would end a URI in a playlist
				out = fmt.Appendf(out, "%%%02X", c)
			} else {
				out = append(out, c)
			}
		}
	}
	return string(out)
}

// request describes the viewer to the hub. It copies what would keep the request in memory.
func (x *exchange) request(key stream.Key, id string) stream.Request {
	r := x.r
	out := stream.Request{
		Key: key, ID: strings.Clone(id), Protocol: "hls", Type: "hls-play", Remote: r.RemoteAddr, TLS: r.TLS != nil,
		URL: requestURL(r), PageURL: strings.Clone(r.Referer()), UserAgent: strings.Clone(r.UserAgent()),
	}
	if r.URL.RawQuery != "" {
		out.Param = "?" + r.URL.RawQuery
	}
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		out.Local = a.String()
	}
	return out
}

// requestURL gives the whole URL of a request.
func requestURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}

// keysOf gives the keys that a viewer of the channel may have: the stream's, and its group's.
func (c *channel) keysOf() []stream.Key {
	if c.rank < 0 {
		return []stream.Key{c.key}
	}
	return []stream.Key{c.key, c.group}
}
