package dvr

import (
	"context"
	"time"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// file gives the recording of a stream that has a name. The error is errRange if there is none.
func (m *Module) file(k stream.Key, name string) (Recording, error) {
	v := m.cfg.Load().vhost(k.Vhost)
	dir, _ := storage.Split(v.Path)
	x, err := m.indexOf(dir)
	if err != nil {
		return Recording{}, err
	}
	e := x.get(name)
	if e == nil || e.key() != k {
		return Recording{}, errRange
	}
	return e.recording(x.disk), nil
}

// Files lists the complete recordings of a stream with anything in [from, to), the oldest first. A time
// that is zero is no bound. Files that an earlier process made are among them; those whose directory's
// index was lost, if their names tell when they were made.
func (m *Module) Files(ctx context.Context, k stream.Key, from, to time.Time) ([]Recording, error) {
	v := m.cfg.Load().vhost(k.Vhost)
	dir, _ := storage.Split(v.Path)
	x, err := m.indexOf(dir)
	if err != nil {
		return nil, err
	}
	list := []Recording{}
	for _, e := range x.list(func(e *entry) bool {
		return e.key() == k && (from.IsZero() || e.end().After(from)) && (to.IsZero() || e.start().Before(to))
	}) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if x.exists(ctx, e) {
			list = append(list, e.recording(x.disk))
		}
	}
	return list, nil
}
