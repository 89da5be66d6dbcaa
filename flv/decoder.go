package flv

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

const (
	maxTracks = 64
	maxConfig = 64 << 10 // bytes of a sequence header
)

var (
	errShort    = errors.New("not enough bytes")
	errTracks   = fmt.Errorf("more than %d tracks", maxTracks)
	errReserved = errors.New("reserved value")
)

// Decoder turns the bodies of one publication, in order, into packets. The zero value
// is ready. It is for one goroutine.
type Decoder struct {
	tracks *stream.Tracks
	// sizes holds, for each track of H.264 and HEVC, the size of the NAL unit lengths
	// that its sequence header announced.
	sizes []int
}

// Tracks gives the tracks and metadata known so far, never nil. It is a new value
// after each change and the same one otherwise; a sequence header or metadata that
// says nothing new is no change.
func (d *Decoder) Tracks() *stream.Tracks {
	if d.tracks == nil {
		d.tracks = &stream.Tracks{}
	}
	return d.tracks
}

// Decode appends the packets in a body of the given tag type at time dts to dst. Most
// bodies have one, multitrack bodies may have several, headers none. The packets share
// body, which therefore belongs to them from then on.
//
// Dropped without an error: empty bodies, frames of a track whose sequence header is
// still to come, seek commands, ends of sequence, HDR metadata (colorInfo) and
// |RtmpSampleAccess.
//
// An error names what is malformed; packets decoded before it are in the result. An
// error that is [stream.ErrUnsupported] means an unknown codec or kind of body: the
// caller may skip it and go on. The decoder may be used after any error.
func (d *Decoder) Decode(dst []*stream.Packet, typ uint8, dts time.Duration, body []byte) ([]*stream.Packet, error) {
	if len(body) == 0 {
		return dst, nil
	}
	if len(body) > maxBody {
		return dst, fmt.Errorf("flv: body of %d bytes is too large", len(body))
	}
	d.Tracks()
	var err error
	switch typ {
	case TagAudio:
		if dst, err = d.audio(dst, dts, body); err != nil {
			err = fmt.Errorf("flv: audio: %w", err)
		}
	case TagVideo:
		if dst, err = d.video(dst, dts, body); err != nil {
			err = fmt.Errorf("flv: video: %w", err)
		}
	case TagScript:
		if dst, err = d.script(dst, dts, body); err != nil {
			err = fmt.Errorf("flv: script data: %w", err)
		}
	default:
		err = fmt.Errorf("flv: tag type %d: %w", typ, stream.ErrUnsupported)
	}
	return dst, err
}

// frame is what a body says of one access unit, or of a track's configuration.
type frame struct {
	codec   stream.Codec
	id      int
	multi   bool // came in a multitrack body
	legacy  bool
	flags   stream.Flags
	dts     time.Duration
	cts     int32 // ms
	payload []byte
}

// find gives the index of the track with the id, or -1.
func (d *Decoder) find(k stream.Kind, id int) int {
	for i := range d.tracks.List {
		if t := &d.tracks.List[i]; t.ID == id && t.Kind() == k {
			return i
		}
	}
	return -1
}

// current gives the index of the frame's track, or -1 if the frame's codec is not the
// track's, or there is no such track.
func (d *Decoder) current(f *frame) int {
	i := d.find(f.codec.Kind(), f.id)
	if i >= 0 && d.tracks.List[i].Codec != f.codec {
		return -1
	}
	return i
}

// set makes t the track with its kind and id, keeping the labels that the old one had,
// and gives its index. A track that says nothing new changes nothing.
func (d *Decoder) set(t stream.Track, multi bool) (int, error) {
	i := d.find(t.Kind(), t.ID)
	t.Default = multi && t.ID == 0
	if i >= 0 {
		old := &d.tracks.List[i]
		t.Name, t.Language, t.Default = old.Name, old.Language, t.Default || old.Default
		if old.Codec == t.Codec && old.LegacyID == t.LegacyID && old.Default == t.Default &&
			bytes.Equal(old.Config, t.Config) && needsConfig(t.Codec) {
			return i, nil
		}
	} else if len(d.tracks.List) >= maxTracks {
		return -1, errTracks
	}
	next := d.tracks.With(t)
	if next.Diff(d.tracks)&^stream.ChangeMeta != 0 {
		d.tracks = next
	}
	i = d.find(t.Kind(), t.ID)
	for len(d.sizes) < len(d.tracks.List) {
		d.sizes = append(d.sizes, 4)
	}
	if t.ID != 0 {
		// Others beside it make track 0 the default, which may have come as a single one.
		if j := d.find(t.Kind(), 0); j >= 0 && !d.tracks.List[j].Default {
			zero := d.tracks.List[j]
			zero.Default = true
			d.tracks = d.tracks.With(zero)
		}
	}
	return i, nil
}

// sequence takes a sequence header.
func (d *Decoder) sequence(f *frame) error {
	if len(f.payload) == 0 {
		return nil // some encoders send an empty one first
	}
	if len(f.payload) > maxConfig {
		return fmt.Errorf("%v sequence header: %d bytes, at most %d are allowed", f.codec, len(f.payload), maxConfig)
	}
	t := stream.Track{ID: f.id, Codec: f.codec, Config: slices.Clip(f.payload), LegacyID: f.legacy}
	size := 4
	var err error
	switch f.codec {
	case stream.H264, stream.HEVC:
		if t.Config, size, err = nalConfig(f.codec, t.Config); err != nil || t.Config == nil {
			return err
		}
	case stream.AV1:
		if len(t.Config) < 4 {
			return fmt.Errorf("AV1 sequence header: %w", errShort)
		}
	case stream.AAC:
		_, err = codec.ParseAAC(t.Config)
	case stream.Opus:
		// The comment header may come as a sequence header too; it tells nothing.
		if bytes.HasPrefix(t.Config, []byte("OpusTags")) {
			return nil
		}
		_, err = codec.ParseOpusHead(t.Config)
	case stream.FLAC:
		t.Config, err = flacConfig(t.Config)
	case stream.MP3, stream.AC3, stream.EAC3:
		return nil // have none
	}
	if err != nil {
		return fmt.Errorf("%v sequence header: %w", f.codec, err)
	}
	// A configuration that is not understood here may well be by players.
	_ = codec.FillTrack(&t)
	d.keepSize(&t)
	i, err := d.set(t, f.multi)
	if err == nil {
		d.sizes[i] = size
	}
	return err
}

// keepSize gives a VP8 or VP9 track, whose configuration does not tell it, the size
// that a frame told.
func (d *Decoder) keepSize(t *stream.Track) {
	if t.Codec != stream.VP8 && t.Codec != stream.VP9 {
		return
	}
	if i := d.find(t.Kind(), t.ID); i >= 0 && d.tracks.List[i].Codec == t.Codec {
		t.Width, t.Height = d.tracks.List[i].Width, d.tracks.List[i].Height
	}
}

// nalConfig validates an avcC or hvcC and makes it announce 4-byte lengths, as payloads
// will have. size is what it announced. Parameter sets in Annex B, which some encoders
// send, become a record; a nil config means that they are not complete.
func nalConfig(c stream.Codec, b []byte) (config []byte, size int, err error) {
	if len(b) > 3 && b[0] == 0 && b[1] == 0 && (b[2] == 1 || b[2] == 0 && b[3] == 1) {
		u, err := codec.NormalizeNAL(c, nil, 0, b)
		return u.Config, 4, err
	}
	at := 4
	if c == stream.HEVC {
		at = 21
		_, err = codec.ParseHEVC(b)
	} else {
		_, err = codec.ParseAVC(b)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%v sequence header: %w", c, err)
	}
	size = int(b[at]&3) + 1
	if size != 4 {
		b = bytes.Clone(b)
		b[at] |= 3
	}
	return b, size, nil
}

// flacConfig finds the 34 bytes of STREAMINFO, which encoders send bare, behind the
// metadata block header, or behind that and the fLaC marker.
func flacConfig(b []byte) ([]byte, error) {
	b = bytes.TrimPrefix(b, []byte("fLaC"))
	if len(b) >= 38 && b[0]&0x7f == 0 && b[1] == 0 && b[2] == 0 && b[3] == 34 {
		b = b[4:]
	}
	if len(b) < 34 {
		return nil, errShort
	}
	return b[:34:34], nil
}
