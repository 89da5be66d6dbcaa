package apply

import (
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/protocol/storage"
)

// dash is the module of DASH.
func (c *Config) dash() dash.Config {
	return dash.Config{Vhost: func(name string) dash.Vhost { return c.vhosts[name].dash }}
}

// dashVhost leaves dash_timeshift out, which SRS reads and does nothing with: its default would keep five
// minutes of each stream in memory.
func dashVhost(v *conf.Scope, upload storage.Storage) dash.Vhost {
	x := dash.Vhost{
		Enabled:      v.Bool("dash.enabled"),
		Fragment:     v.Duration("dash.dash_fragment"),
		UpdatePeriod: v.Duration("dash.dash_update_period"),
		WindowSize:   v.Int("dash.dash_window_size"),
		Dir:          v.String("dash.dash_path"),
		MPD:          v.String("dash.dash_mpd_file"),
		NoCleanup:    !v.Bool("dash.dash_cleanup"),
		Dispose:      v.Duration("dash.dash_dispose"),
		Upload:       upload,
		MaxMemory:    v.Int("dash.dash_max_memory") << 20,
	}
	if x.Dispose <= 0 {
		x.Dispose = -1 // never
	}
	if v.Bool("dash.dash_memory") {
		x.Dir = ""
	}
	if v.Bool("dash.dash_low_latency") {
		x.LowLatency.PartDuration = v.Duration("dash.dash_part_duration")
	}
	return x
}
