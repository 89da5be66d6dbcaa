package apply

import (
	"log/slog"
	"path"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/dvr"
	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/hls"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/protocol/hook"
	remuxes "github.com/srsgo/srs/protocol/remux"
	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// vhost is all that is set for one vhost.
type vhost struct {
	settings stream.Settings
	rtmp     rtmp.Vhost
	remux    flv.Remux
	gate     gate.Vhost
	hook     hook.Vhost
	hls      hls.Vhost
	dash     dash.Vhost
	dvr      dvr.Vhost
	rtc      rtc.Vhost
	pithy    Pithy
}

// Pithy are the values of a vhost that SRS writes into its periodic lines.
type Pithy struct {
	ReadMerge               bool          // mr
	ReadWindow              time.Duration // mr_latency
	WriteWindow             time.Duration // mw_latency
	WriteMessages           int           // mw_msgs
	FirstPacket, NextPacket time.Duration // firstpkt_timeout, normal_timeout
}

func (c *Config) readVhost(v *conf.Vhost, logger *slog.Logger) (vhost, error) {
	g, err := c.gateVhost(v.Scope)
	set := settings(v.Scope)
	set.Convert = c.converter(v.Scope, logger)
	return vhost{
		settings: set, rtmp: rtmpVhost(v.Scope), remux: remux(v.Scope),
		gate: g, hook: hookVhost(v.Scope), hls: hlsVhost(v.Scope, c.uploadFor(v, "hls")), dash: dashVhost(v.Scope, c.uploadFor(v, "dash")),
		dvr: dvrVhost(c.file.Root(), v.Scope, c.uploadFor(v, "dvr")), rtc: rtcVhost(v.Scope), pithy: pithy(v.Scope),
	}, err
}

// settings are those of a vhost's streams. Where SRS has one fixed answer and the library finds one
// by the load (merging writes and reads), the latter is the default and what is written in the
// configuration is obeyed.
func settings(v *conf.Scope) stream.Settings {
	s := stream.Settings{
		NoCache:       !v.Bool("play.gop_cache"),
		CacheFrames:   v.Int("play.gop_cache_max_frames"),
		Queue:         v.Duration("play.queue_length"),
		Jitter:        jitter(v),
		ATC:           v.Bool("play.atc"),
		ATCAuto:       v.Bool("play.atc_auto"),
		MixCorrect:    v.Bool("play.mix_correct"),
		Flush:         flush(v),
		ReadWindow:    readWindow(v),
		FirstPacket:   v.Duration("publish.firstpkt_timeout"),
		Idle:          v.Duration("publish.normal_timeout"),
		KickIdle:      v.Duration("publish.kickoff_for_idle"),
		ReduceConfigs: v.Bool("play.reduce_sequence_header"),
	}
	if s.CacheFrames <= 0 {
		s.CacheFrames = -1 // no limit
	}
	// With min_latency SRS's default is obeyed, off: each packet is a write, and what the kernel
	// gathers of them halves their cost.
	if v.Has("tcp_nodelay") || s.Flush.Mode == stream.FlushEach {
		on := v.Bool("tcp_nodelay")
		s.NoDelay = &on
	}
	return s
}

// jitter gives each viewer a timeline of its own only if the configuration says so: it costs an
// encoder per viewer, and few players need a stream to start at zero.
func jitter(v *conf.Scope) stream.Jitter {
	if !v.Has("play.time_jitter") {
		return stream.JitterRepair
	}
	switch v.String("play.time_jitter") {
	case "zero":
		return stream.JitterZero
	case "off":
		return stream.JitterOff
	}
	return stream.JitterFull
}

func flush(v *conf.Scope) stream.Flush {
	f := stream.Flush{MinInterval: max(v.Duration("play.send_min_interval"), 0)}
	switch {
	case v.Bool("min_latency"):
		f.Mode = stream.FlushEach
	case v.Has("play.mw_latency") || v.Has("play.mw_msgs"):
		f.Mode = stream.FlushWindow
		f.Window = max(v.Duration("play.mw_latency"), 0)
		if f.Window == 0 {
			f.Messages = v.Int("play.mw_msgs") // 0 as well: each packet at once
		}
	}
	return f
}

func readWindow(v *conf.Scope) time.Duration {
	switch {
	case v.Bool("publish.mr"):
		if d := v.Duration("publish.mr_latency"); d > 0 {
			return d
		}
		return -1
	case v.Has("publish.mr"):
		return -1 // off, in so many words
	}
	return 0
}

func rtmpVhost(v *conf.Scope) rtmp.Vhost {
	x := rtmp.Vhost{ChunkSize: v.Int("chunk_size"), InAckSize: v.Int("in_ack_size"), OutAckSize: v.Int("out_ack_size")}
	if x.OutAckSize == 0 {
		x.OutAckSize = -1 // announce none
	}
	return x
}

func remux(v *conf.Scope) flv.Remux {
	return flv.Remux{
		Enabled:         v.Bool("http_remux.enabled"),
		Mount:           v.String("http_remux.mount"),
		Mounts:          v.List("http_remux.mounts"),
		FastCache:       v.Duration("http_remux.fast_cache"),
		NoAudio:         !v.Bool("http_remux.has_audio"),
		NoVideo:         !v.Bool("http_remux.has_video"),
		NoGuess:         !v.Bool("http_remux.guess_has_av"),
		KeepUnannounced: !v.Bool("http_remux.drop_if_not_match"),
	}
}

// otherFormats gives the mounts whose extension nothing serves.
func otherFormats(r flv.Remux) (list []string) {
	known := remuxes.Formats()
	for _, m := range append([]string{r.Mount}, r.Mounts...) {
		if _, ok := known[path.Ext(m)]; !ok && path.Ext(m) != ".flv" && r.Enabled {
			list = append(list, m)
		}
	}
	return list
}

func pithy(v *conf.Scope) Pithy {
	p := Pithy{
		ReadMerge: v.Bool("publish.mr"), ReadWindow: v.Duration("publish.mr_latency"),
		WriteWindow: v.Duration("play.mw_latency"), WriteMessages: v.Int("play.mw_msgs"),
		FirstPacket: v.Duration("publish.firstpkt_timeout"), NextPacket: v.Duration("publish.normal_timeout"),
	}
	if v.Bool("min_latency") && !v.Has("play.mw_msgs") {
		p.WriteMessages = 0
	}
	return p
}
