package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// directory is a protocol.Module that lists the live streams. Being a protocol.Tapper as well, it
// is told of each publication.
type directory struct {
	mu   sync.Mutex
	live map[*stream.Stream]*entry
}

// entry is what the directory knows of a publication.
type entry struct {
	since     time.Time
	keyFrames int
	distance  time.Duration // between the last two key frames
}

// Info names the module.
func (d *directory) Info() protocol.Info { return protocol.Info{Name: "directory"} }

// Start routes. What a module made through its Host is undone for it when it shuts down.
func (d *directory) Start(_ context.Context, h *protocol.Host) error {
	d.live = map[*stream.Stream]*entry{}
	h.HTTP("http").Handle("/streams.json", http.HandlerFunc(d.serve))
	return nil
}

// Shutdown has nothing to wait for: the server ends the Taps.
func (d *directory) Shutdown(context.Context) error { return nil }

// Tap reads a publication from its start to its end.
func (d *directory) Tap(ctx context.Context, s *stream.Stream) error {
	e := &entry{since: time.Now()}
	d.mu.Lock()
	d.live[s] = e
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.live[s] == e { // not that of the next publication
			delete(d.live, s)
		}
	}()

	player := s.Open(ctx, stream.FromKey)
	defer player.Close()
	last := time.Duration(-1)
	for {
		p, err := player.ReadPacket()
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if !p.Key() {
			continue
		}
		d.mu.Lock()
		if e.keyFrames++; last >= 0 {
			e.distance = p.DTS - last
		}
		d.mu.Unlock()
		last = p.DTS
	}
}

// Stream is one line of the list.
type Stream struct {
	URL        string   `json:"url"`
	Codecs     []string `json:"codecs"`
	Viewers    int      `json:"viewers"`
	Kbps       int64    `json:"kbps"`
	KeyFrames  int      `json:"key_frames"`
	DistanceMS int64    `json:"key_frame_distance_ms"`
	Seconds    int64    `json:"seconds"`
}

func (d *directory) serve(w http.ResponseWriter, _ *http.Request) {
	list := []Stream{} // no streams are [], not null
	d.mu.Lock()
	for s, e := range d.live {
		stats := s.Stats()
		one := Stream{
			URL: s.Key().String(), Codecs: []string{}, Viewers: stats.Viewers, Kbps: stats.Rate * 8 / 1000,
			KeyFrames: e.keyFrames, DistanceMS: e.distance.Milliseconds(), Seconds: int64(time.Since(e.since).Seconds()),
		}
		if tracks := s.Tracks(); tracks != nil {
			for _, t := range tracks.List {
				one.Codecs = append(one.Codecs, t.Codec.String())
			}
		}
		list = append(list, one)
	}
	d.mu.Unlock()
	slices.SortFunc(list, func(a, b Stream) int { return cmp.Compare(a.URL, b.URL) })
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(list); err != nil {
		return // the client is gone
	}
}
