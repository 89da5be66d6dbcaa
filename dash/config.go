package dash

import (
	"cmp"
	"reflect"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/storage"
)

// Config configures a Module. Its zero value serves every stream at /app/stream.mpd of the HTTP
// listener "http", from memory.
type Config struct {
	// Name is the module's name; empty: dash.
	Name string
	// HTTP names the HTTP listener to serve on; empty: http.
	HTTP string
	// Vhost gives a vhost's settings, by the name under which the server knows it. It is asked when a
	// publication begins and by a reload, and must not block. nil: [DefaultVhost] for all.
	Vhost func(name string) Vhost
	// MaxHeld bounds the requests that read a segment while it grows, or wait for one; what is more is
	// answered 503. Each has its connection, of 16 KB or so of heap, and ends with that. 0: 20,000.
	MaxHeld int
}

// Vhost is DASH of a vhost (dash of srs.conf). Its zero value but for Enabled has SRS's defaults.
type Vhost struct {
	// Enabled: without it nothing is made.
	Enabled bool
	// Fragment is after how long a key frame begins a segment; 0: 10 s (dash_fragment).
	Fragment time.Duration
	// UpdatePeriod is how often players ask for a new manifest, where they need to; 0: 5 s, at most
	// Fragment, with LowLatency 2 s (dash_update_period).
	UpdatePeriod time.Duration
	// WindowSize is how many segments a manifest lists; 0: 5 (dash_window_size).
	WindowSize int
	// TimeShift is for how long segments are listed at least, so that viewers may go back; 0: as
	// WindowSize says. All of it is held in memory. (SRS reads dash_timeshift and does nothing with it.)
	TimeShift time.Duration
	// MaxMemory bounds the bytes of media that a stream holds in memory for DASH; 0: 512 MiB. Above it
	// the oldest segments leave the manifest early, which the log tells once. The newest segment and
	// the one that is being made stay in any case. As much again may wait to be stored.
	MaxMemory int

	// Dir is the directory for files (dash_path); empty: there are none.
	Dir string
	// MPD is the template of manifests' names below Dir, which also are their URL paths; empty:
	// [app]/[stream].mpd (dash_mpd_file). Segments are in the directory [stream] beside it.
	MPD string
	// NoCleanup keeps the files of segments that have left the manifest (dash_cleanup off).
	NoCleanup bool
	// Dispose is after how long without a publisher all of a stream is deleted; 0: 120 s. Negative:
	// files stay, also when the server ends (dash_dispose).
	Dispose time.Duration
	// Upload takes all files as well, each segment before the manifest that lists it; nil: none. An S3
	// bucket is best put behind a [storage.Spool].
	Upload storage.Storage

	LowLatency LowLatency
}

// LowLatency has segments sent as they are made.
type LowLatency struct {
	// PartDuration is how long the pieces are that a segment grows by; 0: no low latency. At least 50
	// ms, at most Fragment.
	PartDuration time.Duration
	// Target is the latency that players are told to hold, from capture to screen; 0: the greater of
	// 1 s and four parts.
	Target time.Duration
}

// DefaultVhost are the settings where Config.Vhost is nil.
func DefaultVhost() Vhost { return Vhost{Enabled: true} }

const (
	defaultTarget = time.Second
	defaultMemory = 512 << 20
	minPart       = 50 * time.Millisecond
	maxLLUpdate   = 2 * time.Second
	keepFor       = 2 * time.Minute // of what no one publishes, in memory
)

func (c *Config) vhost(name string) Vhost {
	v := DefaultVhost()
	if c.Vhost != nil {
		v = c.Vhost(name)
	}
	return v.defaults()
}

func (v Vhost) defaults() Vhost {
	v.Fragment = cmp.Or(max(v.Fragment, 0), 10*time.Second)
	v.UpdatePeriod = min(cmp.Or(max(v.UpdatePeriod, 0), 5*time.Second), max(v.Fragment, time.Second))
	v.WindowSize = cmp.Or(max(v.WindowSize, 0), 5)
	v.MPD = cmp.Or(v.MPD, "[app]/[stream].mpd")
	v.Dispose = cmp.Or(v.Dispose, keepFor)
	v.MaxMemory = cmp.Or(max(v.MaxMemory, 0), defaultMemory)
	if l := &v.LowLatency; l.PartDuration > 0 {
		l.PartDuration = min(max(l.PartDuration, minPart), v.Fragment)
		l.Target = cmp.Or(max(l.Target, 0), max(defaultTarget, 4*l.PartDuration))
		v.UpdatePeriod = min(v.UpdatePeriod, maxLLUpdate)
	}
	return v
}

func (v *Vhost) lowLatency() bool { return v.LowLatency.PartDuration > 0 }

// cuts says how the stream is packaged. Who packages alike shares the work.
func (v *Vhost) cuts() cmaf.Config {
	return cmaf.Config{SegmentDuration: v.Fragment, PartDuration: v.LowLatency.PartDuration, ProducerTime: v.lowLatency()}
}

// same tells whether live streams go on as they are when v becomes w.
func (v Vhost) same(w Vhost) bool {
	if v.Upload != w.Upload { // compared as it is: what is in there changes all the time
		return false
	}
	v.Upload, w.Upload = nil, nil
	return reflect.DeepEqual(v, w)
}
