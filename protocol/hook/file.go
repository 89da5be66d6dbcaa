package hook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/srsgo/srs/stream"
)

// Segment is a file of an HLS playlist.
type Segment struct {
	Duration time.Duration
	// File and Playlist are paths as they are configured, absolute or from the working directory.
	File, Playlist string
	// URI is how the playlist names the segment: relative to PlaylistURL, or a whole URL where there
	// is an hls_entry_prefix.
	URI string
	// PlaylistURL is the playlist's path on the server, without a slash at its start.
	PlaylistURL string
	Seq         uint64 // the segment's number
}

// DVR tells on_dvr: a recording of what s publishes is complete. file is its path as configured,
// absolute or from the working directory. It does not wait.
func (m *Module) DVR(s *stream.Session, file string) {
	v := m.vhost(s.Request.Key)
	if len(v.OnDVR) == 0 {
		return
	}
	w := &m.write
	m.queue(s, v.call(onDVR, encode(dvrBody{w.head(onDVR, s), targetOf(s), w.dir, file, w.identity(s.Request.Key)})), stream.Key{})
}

// HLS tells on_hls, and then on_hls_notify: a segment of what s publishes is complete. It does not
// wait.
func (m *Module) HLS(s *stream.Session, seg Segment) {
	v, w, t := m.vhost(s.Request.Key), &m.write, targetOf(s)
	if len(v.OnHLS) > 0 {
		m.queue(s, v.call(onHLS, encode(hlsBody{
			head: w.head(onHLS, s), target: t, Duration: seconds(seg.Duration.Seconds()), Dir: w.dir,
			File: seg.File, URL: seg.url(), Playlist: seg.Playlist, PlaylistURL: seg.PlaylistURL, Seq: seg.Seq,
			identity: w.identity(s.Request.Key),
		})), stream.Key{})
	}
	for _, template := range v.OnHLSNotify { // one that fails does not keep the next from being called
		m.queue(s, m.notification(&v, template, s, t.Param, &seg), stream.Key{})
	}
}

// url is the segment's on the server.
func (seg *Segment) url() string {
	if seg.absolute() {
		return seg.URI
	}
	return seg.PlaylistURL[:strings.LastIndexByte(seg.PlaylistURL, '/')+1] + seg.URI
}

func (seg *Segment) absolute() bool {
	return strings.HasPrefix(seg.URI, "http://") || strings.HasPrefix(seg.URI, "https://")
}

// notification fetches a URL that a CDN serves, for it to have the segment early. Of what comes back
// a part is read at most, and nothing looked at.
func (m *Module) notification(v *Vhost, template string, s *stream.Session, param string, seg *Segment) *call {
	vars := strings.NewReplacer(
		"[server_id]", m.write.id.Server, "[service_id]", m.write.id.Service,
		"[app]", s.Request.Key.App, "[stream]", s.Request.Key.Name, "[ts_url]", seg.URI, "[param]", param)
	return &call{
		hook: onHLSNotify, method: http.MethodGet, urls: []string{template},
		timeout: min(v.Timeout, notifyTimeout), verify: v.VerifyTLS,
		expand: func(template string) string {
			if seg.absolute() {
				return seg.URI
			}
			return expand(template, vars)
		},
		accept: func(res *http.Response) error {
			if v.NotifyBytes == 0 {
				return nil
			}
			_, err := io.CopyN(io.Discard, res.Body, int64(v.NotifyBytes))
			if err == io.EOF {
				return nil
			}
			return err
		},
	}
}

// expand replaces the variables in a template's path and query. Their values come from clients, who
// must not choose the callee, nor add to the request.
func expand(template string, vars *strings.Replacer) string {
	scheme, rest, _ := strings.Cut(template, "://")
	host, path, _ := strings.Cut(rest, "/")
	u, err := url.Parse("/" + strings.TrimLeft(vars.Replace(path), "/"))
	if err != nil {
		return "" // which is refused as no URL
	}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20")
	u.Fragment, u.RawFragment = "", ""
	return scheme + "://" + host + u.RequestURI()
}

// Forward asks on_forward to where what s publishes is to be sent. nil means that the vhost has
// nobody to ask; an empty list, that it is sent nowhere, not even where the configuration says. An
// error, an *Error, means that the publisher is to be refused.
func (m *Module) Forward(ctx context.Context, s *stream.Session) (urls []string, err error) {
	v := m.vhost(s.Request.Key)
	if v.OnForward == "" {
		return nil, nil
	}
	q := v.call(onForward, m.write.forward(s))
	q.urls = []string{v.OnForward}
	q.accept = func(res *http.Response) error {
		body, err := readReply(res)
		if err == nil {
			urls, err = parseForward(body)
		}
		return err
	}
	if err := m.caller.do(ctx, q); err != nil {
		return nil, fmt.Errorf("hook: forwarding %v: %w", s.Request.Key, err)
	}
	return urls, nil
}
