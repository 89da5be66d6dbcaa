package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// The names of the callbacks, which are also the bodies' action.
const (
	onConnect   = "on_connect"
	onClose     = "on_close"
	onPublish   = "on_publish"
	onUnpublish = "on_unpublish"
	onPlay      = "on_play"
	onStop      = "on_stop"
	onDVR       = "on_dvr"
	onHLS       = "on_hls"
	onHLSNotify = "on_hls_notify"
	onForward   = "on_forward"
)

// The bodies, with their fields in SRS's order.

type head struct {
	ServerID  string `json:"server_id"`
	ServiceID string `json:"service_id"`
	Action    string `json:"action"`
	client
}

type client struct {
	ClientID string `json:"client_id"`
	IP       string `json:"ip"`
	Vhost    string `json:"vhost"`
	App      string `json:"app"`
}

type identity struct {
	StreamURL string `json:"stream_url"`
	StreamID  string `json:"stream_id"`
}

type connectBody struct {
	head
	Stream  string `json:"stream"`
	Param   string `json:"param"`
	TcURL   string `json:"tcUrl"`
	PageURL string `json:"pageUrl"`
}

type closeBody struct {
	head
	SendBytes uint64 `json:"send_bytes"`
	RecvBytes uint64 `json:"recv_bytes"`
}

type playBody struct {
	head
	Stream  string `json:"stream"`
	TcURL   string `json:"tcUrl"`
	Param   string `json:"param"`
	PageURL string `json:"pageUrl"`
	identity
}

// target is how most callbacks name the stream.
type target struct {
	TcURL  string `json:"tcUrl"`
	Stream string `json:"stream"`
	Param  string `json:"param"`
}

type streamBody struct { // on_publish, on_unpublish, on_stop
	head
	target
	identity
}

type dvrBody struct {
	head
	target
	Dir  string `json:"cwd"`
	File string `json:"file"`
	identity
}

type hlsBody struct {
	head
	target
	Duration    seconds `json:"duration"`
	Dir         string  `json:"cwd"`
	File        string  `json:"file"`
	URL         string  `json:"url"`
	Playlist    string  `json:"m3u8"`
	PlaylistURL string  `json:"m3u8_url"`
	Seq         uint64  `json:"seq_no"`
	identity
}

type forwardBody struct {
	Action    string `json:"action"`
	ServerID  string `json:"server_id"`
	ServiceID string `json:"service_id"`
	client
	target
}

// seconds has two decimals, as SRS writes numbers.
type seconds float64

func (s seconds) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.2f", float64(s)), nil }

// encode gives the JSON text of a body made of strings and numbers.
func encode(body any) []byte {
	b, err := marshal(body)
	if err != nil {
		panic(err) // cannot be
	}
	return b
}

// marshal gives a JSON text in which characters that matter to HTML alone stay as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// writer makes the bodies of one server.
type writer struct {
	id  protocol.Identity
	dir string // the working directory
}

func (w *writer) head(hook string, s *stream.Session) head {
	return head{w.id.Server, w.id.Service, hook, clientOf(s)}
}

func clientOf(s *stream.Session) client {
	ip, _, err := net.SplitHostPort(s.Request.Remote)
	if err != nil {
		ip = s.Request.Remote
	}
	return client{s.ID, ip, s.Request.Key.Vhost, s.Request.Key.App}
}

func (w *writer) identity(k stream.Key) identity {
	return identity{k.String(), w.id.StreamID(k)}
}

// body makes that of the callbacks which need nothing but the session.
func (w *writer) body(hook string, s *stream.Session) []byte {
	h, t, r := w.head(hook, s), targetOf(s), &s.Request
	switch hook {
	case onConnect:
		return encode(connectBody{h, t.Stream, t.Param, t.TcURL, r.PageURL})
	case onPlay:
		return encode(playBody{h, t.Stream, t.TcURL, t.Param, r.PageURL, w.identity(r.Key)})
	}
	return encode(streamBody{h, t, w.identity(r.Key)})
}

// closed makes the body of on_close. The connection's own request knows no stream: k is what was
// asked for on it last.
func (w *writer) closed(s *stream.Session, k stream.Key) []byte {
	h, n := w.head(onClose, s), s.Stats()
	h.Vhost, h.App = k.Vhost, k.App
	return encode(closeBody{h, n.Sent, n.Received})
}

func (w *writer) forward(s *stream.Session) []byte {
	return encode(forwardBody{onForward, w.id.Server, w.id.Service, clientOf(s), targetOf(s)})
}

// targetOf names a session's stream as SRS does for the protocol in use.
func targetOf(s *stream.Session) target {
	r := &s.Request
	t := target{r.URL, r.Key.Name, r.Param}
	if r.Protocol == "srt" {
		t.Param = strings.TrimPrefix(r.Param, "?")
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ws" && u.Scheme != "wss" {
		return t
	}
	switch {
	case r.Protocol == "rtc": // WHIP and WHEP
		t.TcURL, t.Param = "", strings.TrimPrefix(r.Param, "?")
	case s.Action == stream.ActionView: // with the playlist's extension, and no port
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
		t.TcURL, t.Stream = u.Scheme+"://"+u.Host+"/"+r.Key.App, path.Base(u.Path)
	default:
		t.TcURL = "rtmp://" + r.Key.Vhost + "/" + r.Key.App
	}
	return t
}
