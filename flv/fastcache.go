package flv

import (
	"context"
	"io"
	"path"
	"time"

	"github.com/srsgo/srs/stream"
)

// Tap keeps what [Remux].FastCache wants: it plays the first of the mounted formats that
// has a past from the publication's beginning on, so that there is one for the first
// viewer too.
func (m *Module) Tap(ctx context.Context, s *stream.Stream) error {
	cfg := m.cfg.Load()
	x := cfg.remux(s.Key().Vhost)
	if !x.Enabled || x.FastCache <= 0 {
		return nil
	}
	err := cfg.cache(ctx, s, &x)
	if ctx.Err() != nil { // the publication has ended
		return nil
	}
	return err
}

func (c *Config) cache(ctx context.Context, s *stream.Stream, x *Remux) error {
	p := s.Open(ctx, stream.FromKey)
	defer p.Close()
	t, err := p.Tracks(ctx)
	if err != nil {
		return err
	}
	for _, mount := range x.mounts() {
		format := c.format(path.Ext(mount))
		if format == nil {
			continue
		}
		if f, err := format.New(x, t); err == nil && f.Backlog > 0 {
			return p.Serve(nowhere{io.Discard}, f)
		}
	}
	return nil
}

// nowhere is a viewer who takes everything at once.
type nowhere struct{ io.Writer }

// SetWriteDeadline does nothing: no write waits.
func (nowhere) SetWriteDeadline(time.Time) error { return nil }
