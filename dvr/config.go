package dvr

import (
	"cmp"
	"context"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// Config configures a Module. Its zero value records nothing.
type Config struct {
	// Name is the module's name; empty: dvr.
	Name string
	// HTTP names the HTTP listener on which recordings are listed and played; empty: none.
	HTTP string
	// Vhost gives a vhost's settings, by the name under which the server knows it. It is asked at each
	// publication and reload, and must not block. nil: nothing is recorded.
	Vhost func(name string) Vhost
	// OnFile is told of each complete file. It must not block.
	OnFile func(Recording)
}

// DefaultPath is the path of SRS.
const DefaultPath = "./objs/nginx/html/[app]/[stream].[timestamp].flv"

// Plan says which packets are in one file.
type Plan uint8

// The plans.
const (
	Session Plan = iota // those of a publication
	Segment             // those of Vhost.Duration at least
)

// Exists says what happens when the name of a new file is taken. Whatever it says, a file is numbered whose
// name one has that a killed process has left unfinished, or that comes to be there by its end.
type Exists uint8

// The rules for names that are taken.
const (
	// Refuse ends the recording of that publication with an error of code 3082, as SRS does; its
	// second file and those after it are numbered instead.
	Refuse Exists = iota
	// Replace puts the new file in place of the old one, when it is complete.
	Replace
	// Number adds "-1", "-2", … before the extension.
	Number
)

// Vhost says how the streams of a vhost are recorded (dvr of srs.conf). Its zero value records nothing.
type Vhost struct {
	Enabled bool
	// Apply lists which streams are: app/stream, in which * stands for any run of characters but the
	// slash; all; or none. An empty list means all (dvr_apply).
	Apply []string
	Plan  Plan
	// Path is the template of the files' paths, with the variables of [storage.Expand]; empty:
	// [DefaultPath]. The extension is the format: .flv, .mp4 or .ts; a path without one is a directory,
	// in which files are [stream].[timestamp].flv (dvr_path).
	Path string
	// UTC makes the time in names that of UTC instead of the local one.
	UTC bool
	// Exists is what happens when a name is taken.
	Exists Exists
	// Duration is how long a segment is at least; 0: 30 s (dvr_duration).
	Duration time.Duration
	// NoWaitKeyFrame ends segments at any packet (dvr_wait_keyframe off).
	NoWaitKeyFrame bool
	// Jitter is how the times in a file are made (time_jitter): stream.JitterFull begins at 0 and takes
	// steps outside of ±250 ms for 10 ms, JitterOff keeps the stream's (an MP4 begins at 0 all the
	// same), the others begin at 0 and have the stream's steps.
	Jitter stream.Jitter
	// Retention bounds what is kept.
	Retention Retention
	// Upload takes complete files, under their names below Path's directory: a [storage.Spool], say,
	// which keeps and repeats. What it refuses is tried again each minute. nil: none.
	Upload Uploader
	// DeleteAfterUpload deletes a file once Upload has taken it.
	DeleteAfterUpload bool
	// NoPlay has recordings of the vhost neither listed nor played, also with Config.HTTP.
	NoPlay bool
}

// Uploader takes files; a [storage.Storage] is one.
type Uploader interface {
	Put(ctx context.Context, name string, r io.Reader, size int64) error
}

// Retention bounds the recordings of a vhost's directory. Files that are written are not counted, and
// never deleted.
type Retention struct {
	MaxAge   time.Duration // since the end of the recording; 0: no bound
	MaxBytes int64         // of all files together, the oldest go first; 0: no bound
}

// enabled tells whether anything is bounded.
func (r Retention) enabled() bool { return r.MaxAge > 0 || r.MaxBytes > 0 }

// Recording is a file, complete or being written.
type Recording struct {
	Key stream.Key
	// Session is the publication; nil for a file that an earlier process has left.
	Session *stream.Session
	// Dir and Name are where the file is, File is the same as one path.
	Dir  *storage.Disk
	Name string
	File string
	// Start is when the file's first packet came.
	Start time.Time
	// Bytes is its size, while it is written that of what has reached the disk.
	Bytes int64
	// Duration is that of the media in it.
	Duration time.Duration
	// Gaps counts where the stream does not go on: the disk was too slow, or the publisher's time jumped.
	Gaps int
	// Recovered: an earlier process began the file.
	Recovered bool
	// Fragmented: an MP4 that could not be made a plain one.
	Fragmented bool
}

func (c *Config) vhost(name string) Vhost {
	var v Vhost
	if c.Vhost != nil {
		v = c.Vhost(name)
	}
	v.Path = cmp.Or(v.Path, DefaultPath)
	if format(v.Path) == "" {
		v.Path = strings.TrimSuffix(v.Path, "/") + "/[stream].[timestamp].flv"
	}
	v.Duration = cmp.Or(v.Duration, 30*time.Second)
	return v
}

// format gives the extension of a path, empty if it is none of a recording.
func format(name string) string {
	if ext := path.Ext(name); slices.Contains([]string{".flv", ".mp4", ".ts"}, ext) {
		return ext
	}
	return ""
}

// applies tells whether a stream is to be recorded.
func (v *Vhost) applies(k stream.Key) bool {
	if !v.Enabled {
		return false
	}
	return len(v.Apply) == 0 || slices.ContainsFunc(v.Apply, func(pattern string) bool {
		ok, _ := path.Match(pattern, k.App+"/"+k.Name)
		return ok || pattern == "all" || pattern == k.App+"/"+k.Name
	})
}

// same tells whether two settings make the same files, so that a recording goes on.
func (v *Vhost) same(o *Vhost) bool {
	return v.Plan == o.Plan && v.Path == o.Path && v.UTC == o.UTC && v.Exists == o.Exists && v.Duration == o.Duration &&
		v.NoWaitKeyFrame == o.NoWaitKeyFrame && v.Jitter == o.Jitter
}
