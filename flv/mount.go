package flv

import (
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

const (
	extension = ".flv"
	maxPath   = 1 << 10
)

// demand is what a request for a mount asks for.
type demand struct {
	protocol.Resolved
	remux  Remux   // of its vhost
	cfg    *Config // as it was when the request came
	format *Format
}

// resolve finds what a request asks for; nil if its path is no mount.
func (m *Module) resolve(r *http.Request, cfg *Config) *demand {
	ext := path.Ext(r.URL.Path)
	format := cfg.format(ext)
	if format == nil || len(r.URL.Path) > maxPath {
		return nil
	}
	res, err := m.host.ResolveHTTP(r, ext)
	if err != nil {
		return nil
	}
	x := cfg.remux(res.Key.Vhost)
	if !x.Enabled {
		return nil
	}
	for _, mount := range x.mounts() {
		if d := m.resolveMount(r, res, mount, ext); d != nil {
			d.remux, d.cfg, d.format = x, cfg, format
			return d
		}
	}
	return nil
}

// resolveMount is resolve for one mount.
func (m *Module) resolveMount(r *http.Request, res protocol.Resolved, mount, ext string) *demand {
	pattern, ok := mountPath(mount, ext, res.Key.Vhost, r.Host)
	if !ok {
		return nil
	}
	app, name, ok := matchPath(pattern, r.URL.Path, false)
	// An app of several segments is only taken for one when there is such a stream:
	// players that come before it get what SRS gives them, a static file.
	deep := !ok
	if deep {
		if app, name, ok = matchPath(pattern, r.URL.Path, true); !ok {
			return nil
		}
	}
	if !strings.Contains(pattern, "[app]") {
		app = m.appOf(stream.Key{Vhost: res.Key.Vhost, App: res.App, Name: name})
	}
	if app != res.App || name != res.Stream {
		var err error
		if res, err = m.host.ResolveHTTP(withPath(r, app, name+ext), ext); err != nil {
			return nil
		}
	}
	if deep && !m.published(res.Key) {
		return nil
	}
	return &demand{Resolved: res}
}

// published tells whether a stream has a publisher.
func (m *Module) published(k stream.Key) bool {
	s := m.host.Hub.Stream(k)
	return s != nil && s.Publisher() != nil
}

// appOf finds the app for a mount that does not tell it: that of the path if there is
// such a stream, else the one of a stream with that name, as all of them are mounted
// there.
func (m *Module) appOf(k stream.Key) string {
	if m.host.Hub.Stream(k) == nil {
		for s := range m.host.Hub.Streams() {
			if o := s.Key(); o.Vhost == k.Vhost && o.Name == k.Name && s.Publisher() != nil {
				return o.App
			}
		}
	}
	return k.App
}

// withPath gives the request as it would be for the default mount, so that names are
// checked in one place.
func withPath(r *http.Request, app, name string) *http.Request {
	q := *r
	q.URL = &url.URL{Path: "/" + app + "/" + name, RawQuery: r.URL.RawQuery}
	return &q
}

// mountPath gives the path of a mount for a vhost, in which [app] and [stream] are left
// to match. What precedes the first slash is a host: [vhost], or one that the request
// must be for. ok is false if it is not, and for a mount of another extension.
func mountPath(mount, ext, vhost, host string) (pattern string, ok bool) {
	if !strings.HasSuffix(mount, ext) {
		return "", false
	}
	slash := strings.IndexByte(mount, '/')
	if slash < 0 {
		return "", false
	}
	head, pattern := mount[:slash], mount[slash:]
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if head != "" && head != "[vhost]" && head != vhost && !strings.EqualFold(head, host) {
		return "", false
	}
	if vhost == stream.DefaultVhost {
		pattern = strings.ReplaceAll(pattern, "/[vhost]", "")
	}
	return strings.ReplaceAll(pattern, "[vhost]", vhost), true
}

// matchPath matches a path with a mount's. [app] and [stream] stand for any text
// without a slash, so that both have the same number of slashes; with deep, [app] may
// have slashes.
func matchPath(pattern, path string, deep bool) (app, name string, ok bool) {
	v := matcher{deep: deep}
	if !v.match(pattern, path) || v.name == "" {
		return "", "", false
	}
	return v.app, v.name, true
}

type matcher struct {
	app, name string
	deep      bool
}

func (v *matcher) match(pattern, path string) bool {
	for pattern != "" {
		if rest, ok := strings.CutPrefix(pattern, "[app]"); ok {
			return v.variable(&v.app, v.deep, rest, path)
		}
		if rest, ok := strings.CutPrefix(pattern, "[stream]"); ok {
			return v.variable(&v.name, false, rest, path)
		}
		if path == "" || path[0] != pattern[0] {
			return false
		}
		pattern, path = pattern[1:], path[1:]
	}
	return path == ""
}

// variable tries the texts that a variable may stand for, the longest first: of
// [stream]-[app] the last hyphen separates. A second occurrence stands for the same.
func (v *matcher) variable(to *string, slashes bool, pattern, path string) bool {
	if *to != "" {
		rest, ok := strings.CutPrefix(path, *to)
		return ok && v.match(pattern, rest)
	}
	n := len(path)
	if i := strings.IndexByte(path, '/'); i >= 0 && !slashes {
		n = i
	}
	for ; n > 0; n-- {
		*to = path[:n]
		if v.match(pattern, path[n:]) {
			return true
		}
	}
	*to = ""
	return false
}
