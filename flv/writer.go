package flv

import (
	"fmt"
	"io"

	"github.com/srsgo/srs/stream"
)

// Writer writes an FLV file or stream. It is a [stream.Sink] for one goroutine.
type Writer struct {
	w       io.Writer
	enc     Encoder
	guess   bool
	tracks  *stream.Tracks
	buf     []byte
	started bool
}

// NewWriter gives a Writer to w. Its first packet writes the header, the metadata and
// the sequence headers; changes of these are written as they come. Each packet is one
// call of w.Write. A nil e means the zero Encoder, except that the header announces
// audio and video as the first packet's tracks have them; the Writer copies *e.
func NewWriter(w io.Writer, e *Encoder) *Writer {
	x := &Writer{w: w, guess: e == nil}
	if e != nil {
		x.enc = *e
	}
	return x
}

// WritePacket writes the packet's tag and what must come before it. It keeps the
// packet's Tracks, not the packet. A failed write may have written a part.
func (w *Writer) WritePacket(p *stream.Packet) error {
	b := w.buf[:0]
	if !w.started {
		start := w.enc
		if w.guess {
			start.HasAudio, start.HasVideo = p.Tracks.Has(stream.KindAudio), p.Tracks.Has(stream.KindVideo)
		}
		b = start.AppendStart(b)
		w.started = true
	}
	if p.Tracks != w.tracks {
		change := p.Tracks.Diff(w.tracks)
		if change&stream.ChangeMeta != 0 {
			b = w.enc.appendMeta(b, p.Tracks)
		}
		if change&(stream.ChangeConfig|stream.ChangeLayout) != 0 {
			b = w.enc.appendConfigs(b, p.Tracks, p.DTS)
		}
		w.tracks = p.Tracks
	}
	b = w.enc.AppendPacket(b, p)
	w.buf = b
	if len(b) == 0 {
		return nil
	}
	if _, err := w.w.Write(b); err != nil {
		return fmt.Errorf("flv: writing a packet: %w", err)
	}
	return nil
}
