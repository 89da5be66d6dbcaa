package stream

import "time"

// Conflict says what happens to a publisher whose stream has one already.
type Conflict uint8

// The policies for a second publisher.
const (
	// TakeOverSilent refuses with ErrBusy while the present publisher sends; one that
	// has been silent for Settings.Silence is taken over. The newcomer's answer waits
	// until the present one sends, or has been silent long enough: an encoder that
	// comes back while its old connection is half open is let in.
	TakeOverSilent Conflict = iota
	// Refuse answers ErrBusy.
	Refuse
	// TakeOver ends the present publisher with ErrTakenOver.
	TakeOver
)

// Jitter is how time stamps are put right; the names are those of SRS's time_jitter.
type Jitter uint8

// The ways of time repair.
const (
	// JitterRepair, the default, repairs wraps, jumps and changes of publisher once for
	// the stream. All its viewers share one timeline.
	JitterRepair Jitter = iota
	// JitterFull gives each viewer a timeline of its own that starts at 0 and replaces
	// steps outside ±250 ms by 10 ms, as SRS does. It costs an encoder per viewer.
	JitterFull
	// JitterZero gives each viewer a timeline of its own that starts at 0.
	JitterZero
	// JitterOff leaves time as the publisher sent it.
	JitterOff
)

// FlushMode says when bytes go out to viewers.
type FlushMode uint8

// The flush modes.
const (
	// FlushAuto, the default, sends each packet at once while the server's write budget
	// allows, then with each video frame, then in windows of up to 350 ms; streams with
	// few viewers come first.
	FlushAuto FlushMode = iota
	// FlushEach sends each packet at once (SRS min_latency).
	FlushEach
	// FlushWindow merges what comes in Flush.Window (SRS mw_latency).
	FlushWindow
)

// Flush is a flush policy.
type Flush struct {
	Mode   FlushMode
	Window time.Duration // FlushWindow: how long bytes may wait
	// Messages, with a FlushWindow whose Window is 0, merges until more than so many
	// packets wait, at most 350 ms (SRS mw_msgs).
	Messages int
	// MinInterval is the least time between two writes to one viewer (SRS
	// send_min_interval).
	MinInterval time.Duration
}

// Settings are what can be set per stream. The zero value is the default of all.
type Settings struct {
	NoCache     bool // keep no GOP for joining viewers
	CacheFrames int  // drop a GOP cache that exceeds so many packets; 0: 2500, negative: no limit
	CacheBytes  int  // likewise in payload bytes; 0: 64 MiB

	Queue time.Duration // how far a slow viewer may fall behind; 0: 30 s

	Jitter     Jitter
	ATC        bool // absolute time: no repair, configurations carry the current time
	ATCAuto    bool // ATC for publishers whose metadata says bravo_atc "true" (SRS atc_auto)
	MixCorrect bool // sort audio and video by time

	Flush      Flush
	NoDelay    *bool         // TCP_NODELAY for viewers; nil: on
	ReadWindow time.Duration // publishers' reads merge for so long; 0: by load, negative: never

	Conflict Conflict
	Silence  time.Duration // TakeOverSilent: how long counts as silent; 0: 2 s

	FirstPacket time.Duration // end a publisher that sends nothing at first; 0: 20 s, negative: never
	Idle        time.Duration // end a publisher that stops sending; 0: 5 s, negative: never
	KickIdle    time.Duration // end a publisher that has had no viewer for so long; 0: never
	Linger      time.Duration // keep a stream that nobody uses; 0: 3 s
	Probe       time.Duration // wait at most so long for tracks that metadata promised; 0: 2 s
	Stall       time.Duration // end a viewer that takes no byte for so long; 0: 10 s

	// Convert makes sound that viewers can play of what is published; nil: they get what there is.
	Convert Converter

	// ReduceConfigs drops announcements of configurations and metadata that repeat what
	// viewers know (SRS reduce_sequence_header).
	ReduceConfigs bool
}

func (s Settings) withDefaults() Settings {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&s.Queue, 30*time.Second)
	def(&s.Silence, 2*time.Second)
	def(&s.FirstPacket, 20*time.Second)
	def(&s.Idle, 5*time.Second)
	def(&s.Linger, 3*time.Second)
	def(&s.Probe, 2*time.Second)
	def(&s.Stall, 10*time.Second)
	if s.CacheFrames == 0 {
		s.CacheFrames = 2500
	}
	if s.CacheBytes == 0 {
		s.CacheBytes = 64 << 20
	}
	if s.Flush.Mode == FlushWindow && s.Flush.Window <= 0 && s.Flush.Messages <= 0 {
		s.Flush.Mode = FlushEach
	}
	return s
}
