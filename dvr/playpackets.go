package dvr

import (
	"bufio"
	"errors"
	"net/http"
	"path"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/stream"
)

// servePackets answers with an FLV or TS of what was recorded in [from, to), beginning at the key
// frame at or before from. Its times begin at 0.
func (x *exchange) servePackets() error {
	files, err := x.files()
	if err != nil {
		return err
	}
	l := x.library()
	defer l.close()
	w := bufio.NewWriterSize(x.w, 64<<10)
	sink := writer(&flvAnswer{out: w})
	if path.Ext(x.r.URL.Path) == ".flv" {
		x.header("video/x-flv")
	} else {
		x.header("video/mp2t")
		sink = newTS(w, w.Flush)
	}
	x.w.Header().Set("Accept-Ranges", "none")
	out := &splice{to: sink, from: x.from, by: x.to}
	for i := range files {
		r, err := l.packets(&files[i], x.from)
		if errors.Is(err, errNothing) {
			continue
		}
		if err == nil && x.r.Method == http.MethodHead {
			return nil
		}
		if err == nil {
			err = out.add(&files[i], r)
		}
		if err != nil {
			return err
		}
	}
	if !out.begun {
		return errRange
	}
	return sink.finish()
}

// flvAnswer writes FLV whose header tells the kinds of tracks that there are.
type flvAnswer struct {
	out *bufio.Writer
	w   *flv.Writer
}

// WritePacket writes a tag, and what must come before it.
func (f *flvAnswer) WritePacket(p *stream.Packet) error {
	if f.w == nil {
		f.w = flv.NewWriter(f.out, &flv.Encoder{HasAudio: p.Tracks.Has(stream.KindAudio), HasVideo: p.Tracks.Has(stream.KindVideo),
			Multitrack: true, Extra: []stream.Field{{Name: "service", Value: service}}})
	}
	return f.w.WritePacket(p)
}

func (f *flvAnswer) finish() error { return f.out.Flush() }

// packets reads a recording from a key frame before a time on.
func (l *library) packets(r *Recording, from time.Time) (stream.Source, error) {
	since := time.Duration(0)
	if !from.IsZero() {
		since = max(0, from.Sub(r.Start))
	}
	open := openerOf(r.Name)
	if open == nil {
		m, _, err := l.movie(r)
		if err != nil {
			return nil, err
		}
		return sourceOf(m.packets(since))
	}
	f, err := l.open(r)
	if err != nil {
		return nil, err
	}
	return sourceOf(open(f, f.Size, since))
}

// sourceOf gives what was opened, and no nil pointer.
func sourceOf[S stream.Source](s S, err error) (stream.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openerOf gives what reads the packets of an FLV or TS; nil for an MP4.
func openerOf(name string) opener {
	switch format(name) {
	case ".flv":
		return openFLV
	case ".ts":
		return openTS
	}
	return nil
}
