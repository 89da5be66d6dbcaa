package apply

import (
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/hls"
	"github.com/srsgo/srs/protocol/hook"
	"github.com/srsgo/srs/protocol/storage"
)

// hls is the module of HLS; its segments are told to the callbacks.
func (c *Config) hls(x Control) hls.Config {
	return hls.Config{
		Vhost: func(name string) hls.Vhost { return c.vhosts[name].hls },
		OnSegment: func(s hls.Segment) {
			if h := x.Hooks(); h != nil {
				h.HLS(s.Session, hook.Segment{Duration: s.Duration, File: s.File, Playlist: s.Playlist, URI: s.URI, PlaylistURL: s.PlaylistURL, Seq: s.Seq})
			}
		},
	}
}

func hlsVhost(v *conf.Scope, upload storage.Storage) hls.Vhost {
	x := hls.Vhost{
		Enabled:        v.Bool("hls.enabled"),
		Fragment:       v.Duration("hls.hls_fragment"),
		Window:         v.Duration("hls.hls_window"),
		TDRatio:        v.Float("hls.hls_td_ratio"),
		AOFRatio:       v.Float("hls.hls_aof_ratio"),
		NoWaitKeyFrame: !v.Bool("hls.hls_wait_keyframe"),
		NoAudio:        v.String("hls.hls_acodec") == "an",
		NoVideo:        v.String("hls.hls_vcodec") == "vn",
		Dir:            v.String("hls.hls_path"),
		Playlist:       v.String("hls.hls_m3u8_file"),
		File:           v.String("hls.hls_ts_file"),
		EntryPrefix:    v.String("hls.hls_entry_prefix"),
		NoCleanup:      !v.Bool("hls.hls_cleanup"),
		Dispose:        v.Duration("hls.hls_dispose"),
		Recover:        v.Bool("hls.hls_recover"),
		NoCtx:          !v.Bool("hls.hls_ctx"),
		NoTSCtx:        !v.Bool("hls.hls_ts_ctx"),
		TSFloor:        v.Bool("hls.hls_ts_floor"),
		Rewind:         v.Duration("hls.hls_rewind"),
		MaxMemory:      v.Int("hls.hls_max_memory") << 20,
		EndList:        v.Bool("hls.hls_end_list"),
		Variants:       v.List("hls.hls_variants"),
		Upload:         upload,
	}
	if x.Dispose <= 0 {
		x.Dispose = -1 // never
	}
	if v.Bool("hls.hls_memory") {
		x.Dir = ""
	}
	switch v.String("hls.hls_on_error") {
	case "ignore":
		x.OnError = hls.Ignore
	case "disconnect":
		x.OnError = hls.Disconnect
	}
	if v.Bool("hls.hls_use_fmp4") {
		x.Format = hls.FMP4
	}
	if v.Bool("hls.hls_low_latency") {
		x.PartDuration = v.Duration("hls.hls_part_duration")
	}
	if v.Bool("hls.hls_keys") {
		x.Keys = hls.Keys{Enabled: true, FragmentsPerKey: v.Int("hls.hls_fragments_per_key"), File: v.String("hls.hls_key_file")}
		if v.Has("hls.hls_key_file_path") {
			x.Keys.Dir = v.String("hls.hls_key_file_path")
		}
		if v.Has("hls.hls_key_url") { // else SRS names the directory on its disk
			x.Keys.URL = v.String("hls.hls_key_url")
		}
	}
	return x
}
