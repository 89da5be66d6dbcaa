package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/srsgo/srs/stream"
)

// Recorder is what records streams. A context bounds the call alone. Errors wrap stream.ErrNotFound for a stream that is not
// recorded, and stream.ErrBusy for one that is already.
type Recorder interface {
	// Recordings lists the files that are being written, in any order.
	Recordings() []Recording
	// Record begins to record a live stream.
	Record(context.Context, stream.Key) error
	// Stop ends the recording of a stream.
	Stop(context.Context, stream.Key) error
	// Cut goes on in a new file.
	Cut(context.Context, stream.Key) error
}

// Recording is a file that is being written.
type Recording struct {
	Key      stream.Key
	File     string // its path, as it is to be shown
	Start    time.Time
	Bytes    int64
	Duration time.Duration // of the media in it
}

// serveDVR lists recordings; below it, with the id of a stream, POST begins one, or with
// ?action=cut a new file, and DELETE ends it.
func (m *Module) serveDVR(w http.ResponseWriter, r *http.Request) {
	rec, id := m.cfg.Load().Recorder, restID(r, "/api/v1/dvr/")
	if rec == nil {
		fail(w, codeNoRaw)
		return
	}
	act := rec.Record
	switch {
	case id == "" && r.Method == http.MethodGet:
		m.listRecordings(w, r, rec)
		return
	case id != "" && r.Method == http.MethodPost:
		switch r.URL.Query().Get("action") {
		case "":
		case "cut":
			act = rec.Cut
		default:
			phrase(w, http.StatusBadRequest)
			return
		}
	case id != "" && r.Method == http.MethodDelete:
		act = rec.Stop
	default:
		phrase(w, http.StatusMethodNotAllowed)
		return
	}
	e := m.streamList().find(id)
	if e == nil {
		fail(w, codeNoStream)
		return
	}
	switch err := act(r.Context(), e.stream.Key()); {
	case err == nil:
		reply(w, m.head)
	case errors.Is(err, stream.ErrNotFound):
		fail(w, codeNoRecording)
	case errors.Is(err, stream.ErrBusy):
		fail(w, codeBusy)
	default:
		m.host.Logger.Warn("recording", "stream", e.stream.Key(), "method", r.Method, "err", err)
		fail(w, codeRecordFailed)
	}
}

func (m *Module) listRecordings(w http.ResponseWriter, r *http.Request, rec Recorder) {
	type row struct {
		Vhost    string `json:"vhost"`
		Stream   string `json:"stream"`
		URL      string `json:"url"`
		File     string `json:"file"`
		Alive    float  `json:"alive"` // seconds
		Bytes    int64  `json:"bytes"`
		Duration int64  `json:"duration_ms"`
	}
	rows, id := []row{}, m.host.Identity()
	for _, x := range rec.Recordings() {
		rows = append(rows, row{id.VhostID(x.Key.Vhost), id.StreamID(x.Key), x.Key.String(), x.File,
			float(time.Since(x.Start).Seconds()), x.Bytes, x.Duration.Milliseconds()})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.File, b.File)) })
	reply(w, struct {
		head
		Recordings []row `json:"recordings"`
	}{m.head, page(rows, r.URL.Query())})
}
