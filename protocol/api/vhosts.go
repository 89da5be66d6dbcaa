package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/srsgo/srs/stream"
)

// rates are in kbit/s: those that SRS gives, and over 5 minutes.
type rates struct {
	Recv30s int64 `json:"recv_30s"`
	Send30s int64 `json:"send_30s"`
	Recv5m  int64 `json:"recv_5m"`
	Send5m  int64 `json:"send_5m"`
}

func ratesOf(t stream.Traffic) rates {
	return rates{kbps(t.Received30s), kbps(t.Sent30s), kbps(t.Received5m), kbps(t.Sent5m)}
}

func kbps(bits float64) int64 { return int64(bits / 1000) }

type vhostHLS struct {
	Enabled  bool  `json:"enabled"`
	Fragment float `json:"fragment,omitempty"`
}

type vhostRow struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Enabled bool     `json:"enabled"`
	Clients int      `json:"clients"`
	Streams int      `json:"streams"`
	Sent    uint64   `json:"send_bytes"`
	Recv    uint64   `json:"recv_bytes"`
	Rates   rates    `json:"kbps"`
	HLS     vhostHLS `json:"hls"`
}

// onlyGet answers other methods as SRS does, and tells whether the request is a GET.
func onlyGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet {
		phrase(w, http.StatusMethodNotAllowed)
	}
	return r.Method == http.MethodGet
}

// restID gives what follows the path of a list.
func restID(r *http.Request, list string) string { return strings.TrimPrefix(r.URL.Path, list) }

func (m *Module) serveVhosts(w http.ResponseWriter, r *http.Request) {
	if !onlyGet(w, r) {
		return
	}
	rows := m.vhostRows()
	id := restID(r, "/api/v1/vhosts/")
	if id == "" {
		if q := r.URL.Query(); q.Has("start") || q.Has("count") { // else all: who configures them knows how many
			rows = page(rows, q)
		}
		reply(w, struct {
			head
			Vhosts []vhostRow `json:"vhosts"`
		}{m.head, rows})
		return
	}
	i := slices.IndexFunc(rows, func(v vhostRow) bool { return v.ID == id })
	if i < 0 {
		fail(w, codeNoVhost)
		return
	}
	reply(w, struct {
		head
		Vhost vhostRow `json:"vhost"`
	}{m.head, rows[i]})
}

// vhostRows gives all vhosts that were used, by id.
func (m *Module) vhostRows() []vhostRow {
	stats := m.vhosts.get(0, func([]stream.VhostStats) []stream.VhostStats { return m.host.Hub.Vhosts() })
	set, cfg, id := m.host.Vhosts(), m.cfg.Load(), m.host.Identity()
	rows := make([]vhostRow, 0, len(stats))
	for _, v := range stats {
		row := vhostRow{
			ID: id.VhostID(v.Name), Name: v.Name, Enabled: set == nil || set[v.Name], Clients: v.Clients, Streams: v.Streams,
			Sent: v.Sent, Recv: v.Received, Rates: ratesOf(v.Traffic),
		}
		if cfg.Vhost != nil {
			if x := cfg.Vhost(v.Name); x.HLS {
				row.HLS = vhostHLS{true, float(x.Fragment.Seconds())}
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b vhostRow) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}
