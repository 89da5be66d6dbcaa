package files

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// layout is what is where.
type layout struct {
	places []place // the longest prefix first, the root last of those with one prefix
	vhosts bool    // some place is one vhost's
}

// place is a Mount that was read.
type place struct {
	vhost  string // empty: any
	host   string // empty: any
	prefix string // begins and ends with a slash
	dir    string
}

func newLayout(cfg *Config) (*layout, error) {
	l := &layout{}
	for _, m := range cfg.Mounts {
		p, err := m.read()
		if err != nil {
			return nil, err
		}
		l.places = append(l.places, p)
		l.vhosts = l.vhosts || p.vhost != ""
	}
	if cfg.Dir != "" {
		l.places = append(l.places, place{prefix: "/", dir: cfg.Dir})
	}
	if len(l.places) == 0 {
		return nil, errors.New("files: no directory is given")
	}
	slices.SortStableFunc(l.places, func(a, b place) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
	return l, nil
}

func (m *Mount) read() (place, error) {
	template := cmp.Or(m.Path, "[vhost]/")
	slash := strings.IndexByte(template, '/')
	if slash < 0 {
		return place{}, fmt.Errorf("files: mount %q: it has no slash", template)
	}
	if m.Dir == "" {
		return place{}, fmt.Errorf("files: mount %q: no directory is given", template)
	}
	p := place{vhost: m.Vhost, host: template[:slash], prefix: template[slash:], dir: m.Dir}
	if p.host == "[vhost]" || p.host == m.Vhost {
		p.host = ""
	}
	if m.Vhost == "" || m.Vhost == stream.DefaultVhost {
		p.prefix = strings.ReplaceAll(p.prefix, "/[vhost]", "")
	}
	p.prefix = strings.TrimRight(strings.ReplaceAll(p.prefix, "[vhost]", m.Vhost), "/") + "/"
	return p, nil
}

// find gives the directory for a request, and the path below that: empty, or with a slash before it.
func (l *layout) find(r *http.Request, h *protocol.Host) (dir, rest string, ok bool) {
	vhost := ""
	if l.vhosts {
		vhost = vhostOf(r, h)
	}
	path := r.URL.Path
	for i := range l.places {
		p := &l.places[i]
		if p.vhost != "" && p.vhost != vhost || p.host != "" && !strings.EqualFold(p.host, hostname(r.Host)) {
			continue
		}
		if rest, ok := strings.CutPrefix(path, p.prefix[:len(p.prefix)-1]); ok && (rest == "" || rest[0] == '/') {
			return p.dir, rest, true
		}
	}
	return "", "", false
}

// vhostOf gives the vhost of a request, by the rules for streams; empty for none.
func vhostOf(r *http.Request, h *protocol.Host) string {
	q := *r
	q.URL = &url.URL{Path: "/app/stream", RawQuery: r.URL.RawQuery} // files have no such names
	res, err := h.ResolveHTTP(&q, "")
	if err != nil {
		return ""
	}
	return res.Key.Vhost
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}
