package api

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/srsgo/srs/stream"
)

type streamRow struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Vhost   string     `json:"vhost"`
	App     string     `json:"app"`
	TCURL   string     `json:"tcUrl"`
	URL     string     `json:"url"`
	LiveMS  int64      `json:"live_ms"` // the server's time, as SRS has it
	Clients int        `json:"clients"` // the publisher is one
	Frames  uint64     `json:"frames"`
	Sent    uint64     `json:"send_bytes"`
	Recv    uint64     `json:"recv_bytes"`
	Rates   rates      `json:"kbps"`
	Publish publishing `json:"publish"`
	Video   *videoInfo `json:"video"`
	Audio   *audioInfo `json:"audio"`

	// What SRS does not tell.
	Packets     uint64 `json:"packets"`
	FPS         float  `json:"fps"`
	KeyFrames   uint64 `json:"key_frames"`
	KeyInterval int64  `json:"key_frame_interval_ms"`
	AVOffset    int64  `json:"av_offset_ms"` // audio is ahead by so much
	Cached      int    `json:"cached_bytes"`
}

type publishing struct {
	Active bool   `json:"active"`
	Client string `json:"cid,omitempty"`
}

// streamList is all streams by id, with the figures of those that were asked for.
type streamList struct {
	sorted []*streamEntry
	of     map[*stream.Stream]*streamEntry
}

type streamEntry struct {
	id     string
	stream *stream.Stream
	row    recent[streamRow]
}

func (m *Module) streamList() streamList {
	return m.streams.get(0, func(old streamList) streamList {
		l := streamList{of: make(map[*stream.Stream]*streamEntry, len(old.of))}
		for s := range m.host.Hub.Streams() {
			e := old.of[s]
			if e == nil {
				e = &streamEntry{id: m.host.Identity().StreamID(s.Key()), stream: s}
			}
			l.of[s] = e
			l.sorted = append(l.sorted, e)
		}
		slices.SortFunc(l.sorted, func(a, b *streamEntry) int { return cmp.Compare(a.id, b.id) })
		return l
	})
}

// find gives the entry with an id; nil if there is none.
func (l streamList) find(id string) *streamEntry {
	i, ok := slices.BinarySearchFunc(l.sorted, id, func(e *streamEntry, id string) int { return cmp.Compare(e.id, id) })
	if !ok {
		return nil
	}
	return l.sorted[i]
}

func (m *Module) serveStreams(w http.ResponseWriter, r *http.Request) {
	if !onlyGet(w, r) {
		return
	}
	list := m.streamList()
	id := restID(r, "/api/v1/streams/")
	if id == "" {
		rows := []streamRow{}
		for _, e := range page(list.sorted, r.URL.Query()) {
			rows = append(rows, m.streamRow(e))
		}
		reply(w, struct {
			head
			Streams []streamRow `json:"streams"`
		}{m.head, rows})
		return
	}
	e := list.find(id)
	if e == nil {
		fail(w, codeNoStream)
		return
	}
	reply(w, struct {
		head
		Stream streamRow `json:"stream"`
	}{m.head, m.streamRow(e)})
}

// streamRow gives the figures of a stream. They cost a look at all its players.
func (m *Module) streamRow(e *streamEntry) streamRow {
	return e.row.get(0, func(streamRow) streamRow {
		k, s := e.stream.Key(), e.stream.Stats()
		row := streamRow{
			ID: e.id, Name: k.Name, Vhost: m.host.Identity().VhostID(k.Vhost), App: k.App, URL: k.String(),
			LiveMS: time.Now().UnixMilli(), Clients: s.Viewers, Frames: s.Frames, Sent: s.Sent, Recv: s.Received,
			Rates: ratesOf(s.Traffic), Packets: s.Packets, FPS: float(s.FrameRate), KeyFrames: s.KeyFrames,
			KeyInterval: s.KeyInterval.Milliseconds(), AVOffset: s.AVOffset.Milliseconds(), Cached: s.Cached,
		}
		if p := e.stream.Publisher(); p != nil {
			row.Clients++
			row.TCURL = tcURL(&p.Request)
			row.Publish = publishing{true, p.ID}
			row.Video, row.Audio = showTracks(e.stream.Tracks())
		} else if p := m.anySession(e.stream); p != nil {
			row.TCURL = tcURL(&p.Request)
		}
		return row
	})
}

// anySession gives one of those who wait for a stream that nobody publishes.
func (m *Module) anySession(s *stream.Stream) *stream.Session {
	list := m.sessionList()
	if i := slices.IndexFunc(list, func(x *stream.Session) bool { return x.Stream() == s }); i >= 0 {
		return list[i]
	}
	return nil
}
