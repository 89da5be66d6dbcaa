package protocol

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/srsgo/srs/stream"
)

// DefaultApp is the app of a URL that names none.
const DefaultApp = "__defaultApp__"

// What a URL can be refused for.
var (
	// ErrURL: the URL cannot be parsed, or a name in it is too long or not allowed.
	ErrURL = errors.New("protocol: bad URL")
	// ErrStreamName: the URL names no stream.
	ErrStreamName = errors.New("protocol: no stream name")
	// ErrVhost: there is no such vhost, or it is disabled. It wraps stream.ErrNotFound.
	ErrVhost = fmt.Errorf("protocol: no such vhost: %w", stream.ErrNotFound)
)

// The bounds of what a peer may name.
const (
	maxURL   = 8 << 10 // with its query
	maxNames = 1 << 10 // vhost, app and stream together
)

// Resolved is what a URL says about a stream.
type Resolved struct {
	// Key names the stream. Its Vhost is what the URL asks for until VhostSet.Lookup
	// has said which one that is, as [Host.ResolveRTMP] and [Host.ResolveHTTP] do. Its
	// Name is Stream without extension: SRS gives a.flv and a one identity.
	Key    stream.Key
	Scheme string
	Host   string // without port and brackets
	Port   int    // the scheme's where the URL has none; 0 if that is not known
	Vhost  string // as asked for
	App    string
	Stream string // with its extension, if it has one
	Param  string // "?" and the query, "#" and the fragment; empty for none
}

// ResolveRTMP reads the tcUrl of an RTMP connection and the name of a play or publish
// command, which together make the URL; either may have the query. It follows SRS in
// what it makes of all the forms in use:
//
//	rtmp://host/app/stream?vhost=v         also domain=v, and in the tcUrl: app?vhost=v
//	rtmp://host/app...vhost...v/stream     as ?vhost=v
//	rtmp://host/app#k=v/stream             as ?
//	rtmp://host/a/b/stream                 app a/b
//	rtmp://host/app/_definst_/stream       app
//	rtmp://host/stream                     DefaultApp
//	tcUrl rtmp://host/app/stream, no name  app, stream
//
// The last slash ends the app, even one inside a query. A vhost that is the default
// one's name means the host. Errors wrap ErrURL or ErrStreamName.
func ResolveRTMP(tcURL, name string) (Resolved, error) {
	if len(tcURL)+len(name) > maxURL {
		return Resolved{}, fmt.Errorf("%w: longer than %d bytes", ErrURL, maxURL)
	}
	full, name := strings.Trim(tcURL, blank), strings.Trim(name, blank)
	if !strings.HasPrefix(name, "/") {
		full += "/"
	}
	full = queryForm.Replace(full + name)
	// FMLE has the query before the last slash; move it behind the stream.
	query, slash := strings.IndexAny(full, "?#"), strings.LastIndexByte(full, '/')
	if query >= 0 && query < slash {
		moved := full[query:slash]
		if strings.ContainsAny(full[slash:], "?#") {
			moved = "&" + moved[1:] // behind the stream's own
		}
		full = full[:query] + full[slash:] + moved
	}
	full = strings.ReplaceAll(full, "/_definst_", "")

	r, path, err := splitURL(full)
	if err != nil {
		return Resolved{}, err
	}
	slash = strings.LastIndexByte(path, '/')
	r.App, r.Stream = strings.Trim(path[:max(slash, 0)], slashes), strings.Trim(path[slash+1:], slashes)
	if r.Stream == "" {
		r.guessStream()
	}
	if r.App == "" {
		r.App = DefaultApp
	}
	r.Vhost = queryVhost(r.Param)
	if r.Vhost == stream.DefaultVhost && !strings.Contains(r.Param, "&") {
		r.Param = ""
	}
	return r.finish()
}

const (
	blank   = " \t\r\n"
	slashes = "/" + blank
)

// queryForm turns the way to write a vhost for clients that cut a "?" off.
var queryForm = strings.NewReplacer("...vhost...", "?vhost=", "...domain...", "?domain=")

// guessStream finds the stream in an app or query that swallowed it: some encoders send
// the whole URL as the tcUrl.
func (r *Resolved) guessStream() {
	if app, rest, ok := strings.Cut(r.App, "/"); ok {
		r.App, r.Stream = app, rest
	} else if param, rest, ok := strings.Cut(r.Param, "/"); ok {
		r.Param, r.Stream = param, rest
	}
	r.App, r.Stream = strings.Trim(r.App, slashes), strings.Trim(r.Stream, slashes)
}

// splitURL takes scheme, host, port and query out of a URL. It does not decode: the
// names of RTMP are not URL-encoded, and package url refuses some of those in use.
func splitURL(s string) (r Resolved, path string, err error) {
	bad := func(why string) (Resolved, string, error) {
		return Resolved{}, "", fmt.Errorf("%w: %.200q: %s", ErrURL, s, why)
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" || strings.ContainsFunc(scheme, notSchemeChar) {
		return bad("no scheme")
	}
	r.Scheme = strings.ToLower(scheme)
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, rest = rest[:i], rest[i:]
	} else {
		rest = ""
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	r.Host, r.Port = authority, defaultPort(r.Scheme)
	if host, port, err := net.SplitHostPort(authority); err == nil {
		r.Host = host
		if port != "" {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil || n == 0 {
				return bad("port")
			}
			r.Port = int(n)
		}
	} else if strings.HasPrefix(authority, "[") && strings.HasSuffix(authority, "]") {
		r.Host = authority[1 : len(authority)-1]
	} else if strings.Contains(authority, ":") {
		return bad("host")
	}
	if r.Host = strings.Trim(r.Host, slashes); r.Host == "" {
		return bad("no host")
	}
	path = rest
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		path, r.Param = rest[:i], rest[i:]
	}
	if r.Param == "?" || r.Param == "#" {
		r.Param = ""
	}
	return r, path, nil
}

func notSchemeChar(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')
}

func defaultPort(scheme string) int {
	switch scheme {
	case "rtmp":
		return 1935
	case "rtmps", "https", "wss":
		return 443
	case "http", "ws":
		return 80
	case "rtsp":
		return 554
	case "srt":
		return 10080
	}
	return 0
}

// queryVhost finds vhost= or, without that, domain= in a query. A fragment counts as
// query.
func queryVhost(param string) string {
	vhost, domain := "", ""
	for f := range strings.FieldsFuncSeq(param, func(c rune) bool { return c == '?' || c == '&' || c == '#' }) {
		k, v, _ := strings.Cut(f, "=")
		if u, err := url.QueryUnescape(v); err == nil {
			v = u
		}
		switch {
		case k == "vhost" && vhost == "":
			vhost = v
		case k == "domain" && domain == "":
			domain = v
		}
	}
	if vhost == "" {
		vhost = domain
	}
	return strings.Trim(vhost, slashes)
}

// finish checks the names and makes the key.
func (r Resolved) finish() (Resolved, error) {
	if r.Vhost == "" || r.Vhost == stream.DefaultVhost {
		r.Vhost = r.Host
	}
	if r.Stream == "" {
		return Resolved{}, fmt.Errorf("%w: app %.100q", ErrStreamName, r.App)
	}
	if len(r.Vhost)+len(r.App)+len(r.Stream) > maxNames {
		return Resolved{}, fmt.Errorf("%w: the names are longer than %d bytes", ErrURL, maxNames)
	}
	for _, s := range [...]string{r.Host, r.Vhost, r.App, r.Stream} {
		if err := checkName(s); err != nil {
			return Resolved{}, err
		}
	}
	if strings.ContainsAny(r.Vhost, `/\`) || strings.ContainsFunc(r.Param, isControl) {
		return Resolved{}, fmt.Errorf("%w: vhost %.100q or query", ErrURL, r.Vhost)
	}
	r.Key = stream.Key{Vhost: r.Vhost, App: r.App, Name: withoutExt(r.Stream)}
	return r, nil
}

// checkName refuses what would be dangerous as part of a file's path or a log line.
func checkName(s string) error {
	if strings.ContainsFunc(s, isControl) {
		return fmt.Errorf("%w: a name has control characters", ErrURL)
	}
	for seg := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == '/' || c == '\\' }) {
		if seg = strings.Trim(seg, blank); seg == ".." || seg == "." {
			return fmt.Errorf("%w: %.100q has a path segment %q", ErrURL, s, seg)
		}
	}
	return nil
}

// withoutExt cuts the extension off, unless nothing would be left.
func withoutExt(s string) string {
	dot, slash := strings.LastIndexByte(s, '.'), strings.LastIndexByte(s, '/')
	if dot <= slash+1 {
		return s
	}
	if short := strings.TrimRight(s[:dot], blank); len(short) > slash+1 && checkName(short) == nil {
		return short
	}
	return s
}

// ResolveHTTP reads the path of a request for a stream, ext being the extension that
// names the form (.flv): /app/stream.flv. The vhost is the Host header's name, or what
// ?vhost= or ?domain= says. A path with another extension, or no stream before it, is an
// error that wraps ErrURL or ErrStreamName.
func ResolveHTTP(r *http.Request, ext string) (Resolved, error) {
	path, ok := strings.CutSuffix(r.URL.Path, ext)
	if !ok {
		return Resolved{}, fmt.Errorf("%w: %.200q has not the extension %s", ErrURL, r.URL.Path, ext)
	}
	if len(path)+len(r.URL.RawQuery) > maxURL {
		return Resolved{}, fmt.Errorf("%w: longer than %d bytes", ErrURL, maxURL)
	}
	host := r.Host
	if host == "" {
		host = stream.DefaultVhost // HTTP/1.0 need not name one
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	// The path is decoded: a "?" in it is a character of a name.
	out, _, err := splitURL(scheme + "://" + host + "/")
	if err != nil {
		return Resolved{}, err
	}
	slash := strings.LastIndexByte(path, '/')
	out.App, out.Stream = strings.Trim(path[:max(slash, 0)], slashes), strings.Trim(path[slash+1:], slashes)
	if out.App == "" {
		out.App = DefaultApp
	}
	if r.URL.RawQuery != "" {
		out.Param = "?" + r.URL.RawQuery
	}
	out.Vhost = queryVhost(out.Param)
	return out.finish()
}
