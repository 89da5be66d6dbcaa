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

// servePackets answers with an FLV or TS of what was recorded as FLV or TS in [from, to), beginning at the key
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
	out, fits := &splice{to: sink, from: x.from, by: x.to}, false
	for i := range files {
		r, err := l.packets(&files[i], x.from)
		if errors.Is(err, errFormat) || errors.Is(err, errNothing) {
			continue
		}
		if fits = true; err == nil && x.r.Method == http.MethodHead {
			return nil
		}
		if err == nil {
			err = out.add(&files[i], r)
		}
		if errors.Is(err, stream.ErrUnsupported) && !x.w.began {
			err = errFormat
		}
		if err != nil {
			return err
		}
	}
	switch {
	case !fits:
		return errFormat
	case !out.begun:
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
	open := openFLV
	switch format(r.Name) {
	case ".ts":
		open = openTS
	case ".mp4":
		return nil, errFormat
	}
	f, err := l.open(r)
	if err != nil {
		return nil, err
	}
	p, err := open(f, f.Size, since)
	if err != nil { // not a nil *packetReader
		return nil, err
	}
	return p, nil
}
