package hls

import (
	"cmp"
	"reflect"
	"time"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// Config configures a Module. Its zero value serves every stream at /app/stream.m3u8 of the HTTP
// listener "http", as MPEG-TS, from memory.
type Config struct {
	// Name is the module's name; empty: hls.
	Name string
	// HTTP names the HTTP listener to serve on; empty: http.
	HTTP string
	// Vhost gives a vhost's settings, by the name under which the server knows it. It is asked when a
	// publication begins and by a reload, and must not block. nil: [DefaultVhost] for all.
	Vhost func(name string) Vhost
	// OnSegment is told of each segment that is complete and stored, in order for each stream, before
	// the playlist that lists it is. It must not block.
	OnSegment func(Segment)
	// MaxHeld bounds the requests that wait for what is about to be made (blocking playlist reload,
	// preload hints) at once; what is more is answered 503. Each has its connection, of 16 KB or so of
	// heap, and ends with that, or after three target durations. 0: 20,000.
	MaxHeld int
}

// Segment is what Config.OnSegment is told. Its fields are those of hook.Segment, and whose it is.
type Segment struct {
	// Session is the publisher's.
	Session  *stream.Session
	Duration time.Duration
	// File and Playlist are paths as they are configured: Vhost.Dir and the name.
	File, Playlist string
	// URI is the segment's in the playlist, and PlaylistURL the playlist's path without a slash at
	// its start.
	URI, PlaylistURL string
	Seq              uint64
}

// Format is the format of segments.
type Format uint8

// The formats.
const (
	// TS is MPEG-TS with all tracks in each segment, as SRS.
	TS Format = iota
	// FMP4 is fragmented MP4 (CMAF) with a playlist for each track, and what AV1, VP9, FLAC and
	// low latency need.
	FMP4
)

// OnError says what a failure to write files has for a consequence (hls_on_error). It is logged in
// any case.
type OnError uint8

// The consequences.
const (
	Continue   OnError = iota // none: the stream is served from memory, and later files are tried
	Ignore                    // this publication has no HLS any more
	Disconnect                // the publisher is closed
)

func (o OnError) String() string {
	return [...]string{"continue", "ignore", "disconnect"}[min(o, Disconnect)]
}

// Keys is the encryption of TS segments (AES-128, RFC 8216 4.3.2.4).
type Keys struct {
	Enabled bool
	// FragmentsPerKey is after how many segments there is a new key; 0: 5.
	FragmentsPerKey int
	// File is the template of key files; empty: [app]/[stream]-[seq].key.
	File string
	// Dir is the directory of key files; empty: Vhost.Dir.
	Dir string
	// URL precedes the key file's name in the playlist, without a slash put in between; empty: the
	// URI is relative to the playlist, and the module serves it.
	URL string
}

// Vhost is HLS of a vhost (hls of srs.conf).
type Vhost struct {
	// Enabled: without it nothing is made.
	Enabled bool
	Format  Format
	// Fragment is how long segments are meant to be; 0: 10 s.
	Fragment time.Duration
	// Window is what a playlist covers: its segments are the fewest that last longer; 0: 60 s.
	Window time.Duration
	// TDRatio, times Fragment, is from when on a key frame ends a segment; 0: 1.
	TDRatio float64
	// AOFRatio, times Fragment, is from when on any audio frame does; 0: 2.1.
	AOFRatio float64
	// NoWaitKeyFrame has segments end at any frame (hls_wait_keyframe off).
	NoWaitKeyFrame bool
	// NoAudio and NoVideo leave tracks out (hls_acodec an, hls_vcodec vn).
	NoAudio, NoVideo bool

	// Dir is the directory for files (hls_path); empty: there are none.
	Dir string
	// Playlist and File are the templates of playlists and segments below Dir, which also are their
	// URL paths; empty: [app]/[stream].m3u8 and [app]/[stream]-[seq].ts. For the FMP4 format the
	// extension of File is replaced.
	Playlist, File string
	// EntryPrefix precedes the segments' URIs (hls_entry_prefix).
	EntryPrefix string
	// NoCleanup keeps the files of segments that have left the playlist (hls_cleanup off).
	NoCleanup bool
	// Dispose is after how long without a publisher a stream's files are deleted; 0: 120 s. Negative:
	// files stay, also when the server ends.
	Dispose time.Duration
	// Recover goes on with the numbers, and the list, of a playlist that an earlier process has left
	// in Dir (hls_recover).
	Recover bool
	// OnError is what a failure to write files leads to.
	OnError OnError
	// Upload takes all files as well, each segment before the playlists that list it; nil: none. An
	// S3 bucket is best put behind a [storage.Spool].
	Upload storage.Storage

	// NoCtx serves playlists without hls_ctx: viewers are told apart by address and query.
	NoCtx bool
	// NoTSCtx leaves hls_ctx out of the segments' URIs.
	NoTSCtx bool
	// TSFloor numbers [timestamp] in units of Fragment since 1970, one by one (hls_ts_floor).
	TSFloor bool
	Keys    Keys

	// PartDuration makes it low-latency HLS, with parts of this length; 0: none. It implies FMP4.
	PartDuration time.Duration
	// Rewind is how far back viewers may go with ?rewind=1 on the playlist; 0: Window. Without Dir
	// all of it is held in memory.
	Rewind time.Duration
	// MaxMemory bounds the bytes of media that a stream holds in memory for HLS; 0: 512 MiB. Above it,
	// segments that are on disk are served from there, and without files the oldest ones leave the
	// playlist early, which the log tells once. The newest segment and the one that is being made stay
	// in any case. As much again may wait to be stored.
	MaxMemory int
	// EndList ends the playlist when the publisher leaves: players then stop, also when it comes back.
	EndList bool
	// Variants are the names of streams that are one content in several qualities, as patterns:
	// [stream]_720p and [stream]_360p make cam_720p and cam_360p the variants of cam, whose playlist
	// is the master of both.
	Variants []string
}

const defaultMemory = 512 << 20

// DefaultVhost are the settings where Config.Vhost is nil.
func DefaultVhost() Vhost { return Vhost{Enabled: true} }

func (c *Config) vhost(name string) Vhost {
	v := DefaultVhost()
	if c.Vhost != nil {
		v = c.Vhost(name)
	}
	return v.defaults()
}

func (v Vhost) defaults() Vhost {
	v.Fragment = cmp.Or(max(v.Fragment, 0), 10*time.Second)
	v.Window = cmp.Or(max(v.Window, 0), time.Minute)
	v.TDRatio = cmp.Or(max(v.TDRatio, 0), 1)
	v.AOFRatio = cmp.Or(max(v.AOFRatio, 0), 2.1)
	v.Playlist = cmp.Or(v.Playlist, "[app]/[stream].m3u8")
	v.File = cmp.Or(v.File, "[app]/[stream]-[seq].ts")
	v.Dispose = cmp.Or(v.Dispose, 2*time.Minute)
	v.MaxMemory = cmp.Or(max(v.MaxMemory, 0), defaultMemory)
	v.Keys.File = cmp.Or(v.Keys.File, "[app]/[stream]-[seq].key")
	v.Keys.FragmentsPerKey = cmp.Or(max(v.Keys.FragmentsPerKey, 0), 5)
	v.Keys.Dir = cmp.Or(v.Keys.Dir, v.Dir)
	if v.PartDuration > 0 {
		v.Format = FMP4
		v.PartDuration = min(max(v.PartDuration, 50*time.Millisecond), v.Fragment)
	}
	return v
}

// same tells whether live streams go on as they are when v becomes w.
func (v Vhost) same(w Vhost) bool {
	if v.Upload != w.Upload { // compared as it is: what is in there changes all the time
		return false
	}
	v.Upload, w.Upload = nil, nil
	v.OnError, w.OnError = 0, 0
	return reflect.DeepEqual(v, w)
}

// files tells whether anything is stored.
func (v *Vhost) files() bool { return v.Dir != "" || v.Upload != nil }
