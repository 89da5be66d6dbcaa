package api

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/srsgo/srs/stream"
)

type clientRow struct {
	ID      string `json:"id"`
	Vhost   string `json:"vhost"`
	Stream  string `json:"stream"`
	IP      string `json:"ip"`
	PageURL string `json:"pageUrl"`
	SwfURL  string `json:"swfUrl"`
	TCURL   string `json:"tcUrl"`
	URL     string `json:"url"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Publish bool   `json:"publish"`
	Alive   float  `json:"alive"` // seconds
	Sent    uint64 `json:"send_bytes"`
	Recv    uint64 `json:"recv_bytes"`
	Rates   rates  `json:"kbps"`

	// What SRS does not tell.
	Protocol  string `json:"protocol"`
	TLS       bool   `json:"tls"`
	UserAgent string `json:"user_agent"`
	Packets   uint64 `json:"packets"`
	Dropped   uint64 `json:"dropped"`  // packets that a slow viewer missed
	Skips     uint64 `json:"skips"`    // times it lost its place
	Queue     int64  `json:"queue_ms"` // how much of the stream waits for it
}

// sessionList gives all who publish and view, by id.
func (m *Module) sessionList() []*stream.Session {
	return m.sessions.get(0, func([]*stream.Session) []*stream.Session {
		var list []*stream.Session
		for s := range m.host.Hub.Sessions() {
			if s.Action != stream.ActionConnect {
				list = append(list, s)
			}
		}
		slices.SortFunc(list, func(a, b *stream.Session) int {
			return cmp.Or(cmp.Compare(a.ID, b.ID), a.Start.Compare(b.Start))
		})
		return list
	})
}

// client gives the sessions of a client: one connection may have several.
func (m *Module) client(id string) (list []*stream.Session) {
	for s := range m.host.Hub.Sessions() {
		if s.ID == id && s.Action != stream.ActionConnect {
			list = append(list, s)
		}
	}
	return list
}

func (m *Module) serveClients(w http.ResponseWriter, r *http.Request) {
	id := restID(r, "/api/v1/clients/")
	switch {
	case r.Method == http.MethodDelete:
		m.kick(w, r, id)
	case !onlyGet(w, r):
	case id == "":
		rows := []clientRow{}
		for _, s := range page(m.sessionList(), r.URL.Query()) {
			if s.Err() == nil {
				rows = append(rows, m.clientRow(s))
			}
		}
		reply(w, struct {
			head
			Clients []clientRow `json:"clients"`
		}{m.head, rows})
	default:
		list := m.client(id)
		if len(list) == 0 {
			fail(w, codeNoClient)
			return
		}
		reply(w, struct {
			head
			Client clientRow `json:"client"`
		}{m.head, m.clientRow(list[0])})
	}
}

// kick ends all that a client does, and its connection.
func (m *Module) kick(w http.ResponseWriter, r *http.Request, id string) {
	list := m.client(id)
	if len(list) == 0 {
		fail(w, codeNoClient)
		return
	}
	for _, s := range list {
		m.host.Logger.Info("client is kicked", "id", s.ID, "stream", s.Request.Key, "by", r.RemoteAddr)
		s.Kick(nil)
		if c := s.Request.Conn; c != nil {
			c.Kick(nil)
		}
	}
	reply(w, m.head)
}

func (m *Module) clientRow(s *stream.Session) clientRow {
	q, x, id := &s.Request, s.Stats(), m.host.Identity()
	row := clientRow{
		ID: s.ID, Vhost: id.VhostID(q.Key.Vhost), Stream: id.StreamID(q.Key), IP: hostname(q.Remote),
		PageURL: shown(q.PageURL), SwfURL: shown(q.SwfURL), TCURL: tcURL(q), URL: q.Key.String(), Name: shownName(q),
		Type: cmp.Or(q.Type, "Unknown"), Publish: s.Action == stream.ActionPublish,
		Alive: float(time.Since(s.Start).Seconds()), Sent: x.Sent, Recv: x.Received, Rates: ratesOf(x.Traffic),
		Protocol: q.Protocol, TLS: q.TLS, UserAgent: shown(q.UserAgent),
		Packets: x.Packets, Dropped: x.Dropped, Skips: x.Lapped, Queue: x.Queue.Milliseconds(),
	}
	if strings.HasPrefix(q.Type, "flv-") {
		row.PageURL = "" // only hooks get it
	}
	return row
}

// tcURL gives what SRS shows as that, by the kind of client: RTMP's as it was sent, for others
// the URL of the app, which WHIP and WHEP do not have. Parameters keep their names alone.
func tcURL(q *stream.Request) string {
	u, err := url.Parse(q.URL)
	if err != nil {
		return maskQuery(q.URL)
	}
	switch u.Scheme {
	case "http", "https":
		if strings.HasPrefix(q.Type, "rtc-") {
			return ""
		}
		return u.Scheme + "://" + urlHost(u) + "/" + q.Key.App
	case "webrtc", "srt":
		return u.Scheme + "://" + urlHost(u) + "/" + q.Key.App
	}
	return maskQuery(q.URL)
}

// shownName gives the stream's name, with the extension by which a viewer over HTTP asked for it.
func shownName(q *stream.Request) string {
	if !strings.HasPrefix(q.URL, "http") {
		return q.Key.Name
	}
	if u, err := url.Parse(q.URL); err == nil {
		if base := path.Base(u.Path); strings.HasPrefix(base, q.Key.Name+".") {
			return base
		}
	}
	return q.Key.Name
}
