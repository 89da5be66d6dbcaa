package app

import (
	"context"
	"errors"
	"net/url"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/cmd/srsd/internal/raw"
	"github.com/srsgo/srs/dvr"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/protocol/hook"
)

// control is what the API may do, and learns.
func (p *process) control() apply.Control {
	return apply.Control{
		Raw: rawAPI{p.raw},
		Reload: func(ctx context.Context) (api.ReloadReport, error) {
			if err := p.reload(ctx); err != nil {
				return api.ReloadReport{Errors: faults(err)}, err
			}
			x := p.changes.Load()
			return api.ReloadReport{Applied: x.Applied, NeedsRestart: x.Restart, Ignored: x.Ignored}, nil
		},
		Summaries: func() any {
			if a := running[*api.Module](p); a != nil {
				return a.Summaries()
			}
			return nil
		},
		DVR:      func() *dvr.Module { return running[*dvr.Module](p) },
		Hooks:    func() *hook.Module { return running[*hook.Module](p) },
		Counters: p.counters,
	}
}

// running gives the module of a type that runs, nil for none: a reload may have kept an older one than
// the configuration of the moment has made.
func running[M interface {
	comparable
	protocol.Module
}](p *process) (none M) {
	for _, m := range p.srv.Modules() {
		if x, ok := m.(M); ok {
			return x
		}
	}
	return none
}

// counters are the figures of the process for /metrics.
func (p *process) counters() []api.Counter {
	_, refused := p.srv.Conns()
	list := []api.Counter{
		{Name: "srs_panics_total", Help: "Panics that were caught.", Value: float64(p.srv.Panics())},
		{Name: "srs_connections_refused_total", Help: "Connections beyond max_connections.", Value: float64(refused)},
	}
	if h := running[*hook.Module](p); h != nil {
		s := h.Stats()
		list = append(list,
			api.Counter{Name: "srs_hook_calls_total", Help: "Requests to callback servers.", Value: float64(s.Calls)},
			api.Counter{Name: "srs_hook_failures_total", Help: "Callbacks that failed or refused.", Value: float64(s.Failures)},
			api.Counter{Name: "srs_hook_dropped_total", Help: "Callbacks that were never told, for want of room or time.", Value: float64(s.Dropped)},
		)
	}
	return list
}

// faults are the lines of an error.
func faults(err error) []string {
	var all conf.Errors
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	list := make([]string, len(all))
	for i, e := range all {
		list[i] = e.Error()
	}
	return list
}

// rawAPI is the RAW API as package api takes it.
type rawAPI struct{ *raw.Backend }

func (r rawAPI) Call(ctx context.Context, q url.Values) (any, int) {
	body, code := r.Backend.Call(ctx, q)
	return body, code
}
