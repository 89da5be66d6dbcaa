// Package ffmpeg decodes and encodes for package transcode with the program ffmpeg, a child process
// for each track: HE-AAC, more than two channels, AC-3, E-AC-3, FLAC, MPEG audio that package mp3
// leaves out, and AAC where package aac is not linked. It belongs behind the codecs in Go, which cost
// a quarter of it.
package ffmpeg

import (
	"cmp"
	"fmt"
	"os/exec"
	"sync/atomic"

	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/stream"
)

// Config says how ffmpeg is run.
type Config struct {
	// Path of the program; empty: ffmpeg, as PATH has it.
	Path string
	// Limit is how many children may run at once; 0: 16. Each takes about 50 MB.
	Limit int
}

// Codec is what ffmpeg can do. Where the program is not found, Decodes and Encodes say so.
func Codec(cfg Config) transcode.Codec {
	r := &runner{path: cmp.Or(cfg.Path, "ffmpeg"), limit: int64(cmp.Or(cfg.Limit, 16))}
	return transcode.Codec{
		Name: "ffmpeg",
		Decodes: func(t stream.Track) error {
			if _, ok := matroskaID(t.Codec); !ok {
				return stream.ErrUnsupported
			}
			if len(t.Config) == 0 && (t.Codec == stream.AAC || t.Codec == stream.FLAC) {
				return fmt.Errorf("no configuration: %w", stream.ErrUnsupported)
			}
			return r.found()
		},
		NewDecoder: r.newDecoder,
		Encodes: func(to stream.Codec) error {
			if to != stream.AAC {
				return stream.ErrUnsupported
			}
			return r.found()
		},
		NewEncoder: r.newEncoder,
	}
}

// runner starts children.
type runner struct {
	path    string
	limit   int64
	running atomic.Int64
}

func (r *runner) found() error {
	if _, err := exec.LookPath(r.path); err != nil {
		return fmt.Errorf("%w: %w", stream.ErrUnsupported, err)
	}
	return nil
}
