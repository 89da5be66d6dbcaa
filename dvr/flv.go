package dvr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/stream"
)

// service is the value of the metadata's field of that name.
const service = "srsgo"

// flvFile writes FLV.
type flvFile struct {
	out    *out
	enc    flv.Encoder
	tracks *stream.Tracks
	buf    []byte
	flvTotals
}

// flvTotals are what a file's header and metadata say at its end.
type flvTotals struct {
	flags      byte          // kinds of tracks that came
	start, end time.Duration // times of the first and of the last tag
	any        bool
	keys       flvKeys
}

func newFLV(o *out) *flvFile {
	return &flvFile{out: o, enc: flv.Encoder{Multitrack: true, Extra: []stream.Field{
		{Name: "service", Value: service}, {Name: "duration", Value: 0.0}, {Name: "filesize", Value: 0.0},
	}}}
}

// WritePacket writes a tag, and what must come before it.
func (f *flvFile) WritePacket(p *stream.Packet) error {
	b := f.buf[:0]
	switch {
	case f.tracks == nil:
		b = f.enc.AppendTracks(f.enc.AppendStart(b), withoutKeys(p.Tracks), p.DTS)
		if p.Tracks.Has(stream.KindVideo) {
			b = reserveKeys(b, flvStart)
		}
	case p.Tracks != f.tracks && p.Tracks.Diff(f.tracks)&^stream.ChangeMeta != 0:
		for i := range p.Tracks.List { // the metadata stay what they are: where the totals go
			if flv.Carries(p.Tracks, i, true) {
				b = appendConfigTag(b, p.Tracks, i, p.DTS)
			}
		}
	}
	f.tracks = p.Tracks
	n := len(b)
	b = f.enc.AppendPacket(b, p)
	if len(b) > n {
		f.take(b[n:], p.DTS, f.out.size.Load()+int64(len(f.out.buf)+n))
	}
	f.buf = b
	if cap(b) > 4*maxGather {
		f.buf = nil
	}
	_, err := f.out.Write(b)
	return err
}

func appendConfigTag(b []byte, t *stream.Tracks, i int, at time.Duration) []byte {
	body := flv.AppendConfig(nil, t, i)
	if len(body) == 0 {
		return b
	}
	typ := uint8(flv.TagAudio)
	if t.List[i].Kind() == stream.KindVideo {
		typ = flv.TagVideo
	}
	return flv.AppendTag(b, typ, uint32(stream.Ticks(at, 1000)), nil, body)
}

// take counts a tag, of which it wants two bytes of the body, at a place in the file.
func (t *flvTotals) take(tag []byte, at time.Duration, pos int64) {
	switch tag[0] {
	case flv.TagAudio:
		t.flags |= 4
	case flv.TagVideo:
		t.flags |= 1
		if len(tag) >= flvTagHeader+2 && keyTag(tag[flvTagHeader:]) {
			t.keys.add(at, pos)
		}
	}
	if !t.any {
		t.start, t.any = at, true
	}
	t.end = max(t.end, at)
}

func (t *flvTotals) duration() time.Duration { return t.end - t.start }

// finish fills in the totals.
func (f *flvFile) finish() error {
	if err := f.out.flush(); err != nil {
		return err
	}
	if !f.any {
		return errNothing
	}
	return f.fill(f.out.draft, f.out.size.Load())
}

// file is what of a draft the formats need.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(int64) error
}

const (
	flvStart     = 9 + 4 // header and first size
	flvTagHeader = 11
	maxFLVMeta   = 1 << 20 // how much of the first tag is looked at
)

// fill writes the totals into a file of size bytes: the header's flags, and the fields of the metadata if
// there are any.
func (t *flvTotals) fill(f file, size int64) error {
	if t.flags != 0 {
		if _, err := f.WriteAt([]byte{t.flags}, 4); err != nil {
			return fmt.Errorf("dvr: flv: writing the header: %w", err)
		}
	}
	b := make([]byte, min(size-flvStart, maxFLVMeta+2*keysRoom))
	if _, err := f.ReadAt(b, flvStart); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("dvr: flv: reading the metadata: %w", err)
	}
	if len(b) < flvTagHeader || b[0] != flv.TagScript {
		return nil
	}
	b = b[:min(len(b), flvTagHeader+tagSize(b))]
	if at := keysAt(b); at >= 0 && len(t.keys.list) > 0 {
		field := t.keys.field(t.start, flvStart+int64(len(b))+4, size)
		if _, err := f.WriteAt(field, flvStart+int64(at)); err != nil {
			return fmt.Errorf("dvr: flv: writing the index: %w", err)
		}
		b = b[:at]
	}
	for name, v := range map[string]float64{"duration": t.duration().Seconds(), "filesize": float64(size)} {
		// They are the last of their names: an encoder's text may have anything in it.
		field := append([]byte{0, byte(len(name))}, name...)
		at := bytes.LastIndex(b, append(field, 0))
		if at < 0 || at+len(field)+9 > len(b) {
			continue
		}
		value := binary.BigEndian.AppendUint64(nil, math.Float64bits(v))
		if _, err := f.WriteAt(value, flvStart+int64(at+len(field)+1)); err != nil {
			return fmt.Errorf("dvr: flv: writing the metadata: %w", err)
		}
	}
	return nil
}

// repairFLV completes a file of an earlier process: it is cut after the last whole tag.
func repairFLV(f file, size int64) (time.Duration, int64, error) {
	totals, whole, err := scanFLV(f, size)
	if err != nil {
		return 0, 0, err
	}
	if err := f.Truncate(whole); err != nil {
		return 0, 0, fmt.Errorf("dvr: flv: cutting: %w", err)
	}
	return totals.duration(), whole, totals.fill(f, whole)
}

// scanFLV gives the totals of a file's whole tags, and where the last of them ends.
func scanFLV(f io.ReaderAt, size int64) (totals flvTotals, whole int64, err error) {
	var head [flvStart]byte
	if size < flvStart {
		return totals, 0, errNothing
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return totals, 0, fmt.Errorf("dvr: flv: reading the header: %w", err)
	}
	if string(head[:4]) != "FLV\x01" || binary.BigEndian.Uint32(head[5:]) != 9 {
		return totals, 0, errors.New("dvr: flv: the header is not one of this format")
	}
	whole = int64(flvStart)
	for t := range flvTags(f) {
		if t.head[0] == flv.TagAudio || t.head[0] == flv.TagVideo {
			totals.take(t.head, t.time, t.pos)
		}
		whole = t.pos + t.size
	}
	if !totals.any {
		return totals, 0, errNothing
	}
	return totals, whole, nil
}

// flvTag is where a tag of a file is.
type flvTag struct {
	head      []byte // its header and up to two bytes of the body; until the next tag
	time      time.Duration
	pos, size int64 // with the size behind it
}

// flvTags gives the whole tags of a file, in order.
func flvTags(f io.ReaderAt) iter.Seq[flvTag] {
	return func(yield func(flvTag) bool) {
		var h [flvTagHeader + 2]byte
		for at := int64(flvStart); ; {
			if n, _ := f.ReadAt(h[:], at); n < flvTagHeader {
				return
			}
			n := int64(tagSize(h[:]))
			var tail [4]byte
			if m, _ := f.ReadAt(tail[:], at+flvTagHeader+n); m < 4 || int64(binary.BigEndian.Uint32(tail[:])) != flvTagHeader+n {
				return
			}
			ms := uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6])
			t := flvTag{h[:min(len(h), flvTagHeader+int(n))], stream.FromTicks(int64(ms), 1000), at, flvTagHeader + n + 4}
			if !yield(t) {
				return
			}
			at += t.size
		}
	}
}
