package apply

import (
	"context"
	"fmt"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/dvr"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// dvr is the module of recordings; its files are told to the callbacks.
func (c *Config) dvr(x Control) dvr.Config {
	return dvr.Config{
		HTTP:  "http",
		Vhost: func(name string) dvr.Vhost { return c.vhosts[name].dvr },
		OnFile: func(r dvr.Recording) {
			if h := x.Hooks(); h != nil && r.Session != nil {
				h.DVR(r.Session, r.File)
			}
		},
	}
}

func dvrVhost(root, v *conf.Scope, upload storage.Storage) dvr.Vhost {
	x := dvr.Vhost{
		Enabled:        v.Bool("dvr.enabled"),
		Apply:          v.List("dvr.dvr_apply"),
		Path:           v.String("dvr.dvr_path"),
		UTC:            root.Bool("utc_time"),
		Duration:       v.Duration("dvr.dvr_duration"),
		NoWaitKeyFrame: !v.Bool("dvr.dvr_wait_keyframe"),
		NoPlay:         !v.Bool("dvr.dvr_play"),
		Jitter:         stream.JitterZero, // the stream's own time is in order
		Retention:      dvr.Retention{MaxAge: v.Duration("dvr.dvr_max_age"), MaxBytes: int64(v.Int("dvr.dvr_max_size")) << 20},
	}
	if v.String("dvr.dvr_plan") == "segment" {
		x.Plan = dvr.Segment
	}
	if v.Bool("dvr.dvr_overwrite") {
		x.Exists = dvr.Replace
	}
	switch {
	case !v.Has("dvr.time_jitter"):
	case v.String("dvr.time_jitter") == "full":
		x.Jitter = stream.JitterFull
	case v.String("dvr.time_jitter") == "off":
		x.Jitter = stream.JitterOff
	}
	if upload != nil {
		x.Upload = upload
	}
	return x
}

// recorder is the module of recordings as the API takes it.
type recorder struct{ running func() *dvr.Module }

// call does something with the module that runs.
func (r recorder) call(f func(*dvr.Module) error) error {
	if m := r.running(); m != nil {
		return f(m)
	}
	return fmt.Errorf("recordings: %w", stream.ErrNotFound)
}

// Recordings lists the files that are being written.
func (r recorder) Recordings() (list []api.Recording) {
	if m := r.running(); m != nil {
		for _, x := range m.Recordings() {
			list = append(list, api.Recording{Key: x.Key, File: x.File, Start: x.Start, Bytes: x.Bytes, Duration: x.Duration})
		}
	}
	return list
}

// Record begins to record a live stream.
func (r recorder) Record(ctx context.Context, k stream.Key) error {
	return r.call(func(m *dvr.Module) error { return m.Record(ctx, k) })
}

// Stop ends the recording of a stream.
func (r recorder) Stop(ctx context.Context, k stream.Key) error {
	return r.call(func(m *dvr.Module) error { return m.Stop(ctx, k) })
}

// Cut goes on in a new file.
func (r recorder) Cut(ctx context.Context, k stream.Key) error {
	return r.call(func(m *dvr.Module) error { return m.Cut(ctx, k) })
}
