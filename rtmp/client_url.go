package rtmp

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/srsgo/srs/protocol"
)

// maxClientURL bounds what is taken from a redirect, too.
const maxClientURL = 4 << 10

// target is where a client goes: an RTMP URL taken apart.
type target struct {
	scheme string // rtmp or rtmps
	host   string // for TLS
	addr   string // to dial
	base   string // scheme and authority, as given
	app    string // with its query
	stream string // with its query
}

// parseTarget takes a URL apart; [DialPlay] has the forms.
func parseTarget(raw string) (target, error) {
	t, path, err := parseServer(raw)
	if err != nil {
		return target{}, err
	}
	if t.app, t.stream = splitPath(path); t.stream == "" {
		return badURL(raw, "no stream name")
	}
	return t, nil
}

// parseServer takes the server's part off a URL.
func parseServer(raw string) (t target, path string, err error) {
	bad := func(why string) (target, string, error) {
		t, err := badURL(raw, why)
		return t, "", err
	}
	if len(raw) > maxClientURL {
		return bad("too long")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return bad("spaces or control characters")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "rtmp" && scheme != "rtmps" {
		return bad("the scheme is neither rtmp nor rtmps")
	}
	authority, path, _ := strings.Cut(rest, "/")
	switch {
	case strings.Contains(authority, "@"):
		return bad("user and password are not supported")
	case strings.ContainsAny(authority, "?#"):
		return bad("no slash behind the host")
	}
	t = target{scheme: scheme, base: scheme + "://" + authority}
	r, err := protocol.ResolveRTMP(t.base+"/app", "stream") // for host and port alone
	if err != nil {
		return target{}, "", fmt.Errorf("rtmp: %w", err)
	}
	t.host, t.addr = r.Host, net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	return t, path, nil
}

func badURL(raw, why string) (target, error) {
	return target{}, fmt.Errorf("rtmp: URL %.200q: %s", redact(raw), why)
}

// splitPath finds the app and the stream. The last slash of the path divides them, not
// one in the stream's query; but where the path is a single segment, the query is the
// app's, and its last slash divides (the form for vhosts of Flash encoders).
func splitPath(path string) (app, stream string) {
	path = strings.TrimLeft(path, "/")
	end := strings.IndexAny(path, "?#")
	if end < 0 {
		path = strings.TrimRight(path, "/")
		end = len(path)
	}
	cut := strings.LastIndexByte(path[:end], '/')
	if cut < 0 {
		cut = strings.LastIndexByte(path, '/')
	}
	if cut < 0 {
		return protocol.DefaultApp, path
	}
	return path[:cut], path[cut+1:]
}

// tcURL is what connect names: the URL without the stream.
func (t target) tcURL() string { return t.base + "/" + t.app }

func (t target) String() string { return t.tcURL() + "/" + t.stream }

// public is the URL for errors and logs: without the stream's query, which has tokens.
func (t target) public() string {
	if i := strings.IndexAny(t.stream, "?#"); i >= 0 {
		t.stream = t.stream[:i]
	}
	return t.String()
}

// withTCURL is the same stream at another server, app or vhost.
func (t target) withTCURL(tcURL string) (target, error) {
	n, app, err := parseServer(tcURL)
	if err != nil {
		return target{}, err
	}
	if n.app = strings.Trim(app, "/"); n.app == "" {
		n.app = protocol.DefaultApp
	}
	n.stream = t.stream
	return n, nil
}

// redact leaves a password out of an error.
func redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	authority, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}
