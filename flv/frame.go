package flv

import (
	"fmt"
	"time"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// coded appends the packet of an access unit.
func (d *Decoder) coded(dst []*stream.Packet, f *frame) ([]*stream.Packet, error) {
	if len(f.payload) == 0 {
		return dst, nil
	}
	f.flags &^= stream.Disposable // a frame type of H.263 only; other codecs tell by themselves
	i := d.current(f)
	var err error
	switch f.codec {
	case stream.H264, stream.HEVC, stream.AV1:
		i, err = d.normalize(i, f)
	case stream.VP8, stream.VP9:
		if codec.VPKey(f.codec, f.payload) {
			f.flags |= stream.KeyFrame
		}
		i, err = d.probe(i, f)
	case stream.Opus:
		if i < 0 {
			i, err = d.opus(f)
		}
	case stream.MP3, stream.AC3, stream.EAC3:
		i, err = d.probe(i, f)
	}
	if err != nil || i < 0 || len(f.payload) == 0 {
		return dst, err
	}
	return append(dst, &stream.Packet{
		Tracks: d.tracks, Track: i, Flags: f.flags, DTS: f.dts,
		PTS: f.dts + time.Duration(f.cts)*time.Millisecond, Payload: f.payload,
	}), nil
}

// normalize brings the payload into normal form and takes over what it tells.
func (d *Decoder) normalize(i int, f *frame) (int, error) {
	var config []byte
	size := 4
	if i >= 0 {
		config, size = d.tracks.List[i].Config, d.sizes[i]
	}
	var u codec.Unit
	var err error
	if f.codec == stream.AV1 {
		u, err = codec.NormalizeAV1(config, f.payload)
	} else {
		u, err = codec.NormalizeNAL(f.codec, config, size, f.payload)
	}
	if err != nil {
		return -1, err
	}
	f.payload = u.Payload
	f.flags |= u.Flags
	if f.flags&stream.KeyFrame != 0 {
		f.flags &^= stream.Disposable
	}
	if u.Config != nil {
		t := stream.Track{ID: f.id, Codec: f.codec, Config: u.Config, LegacyID: f.legacy}
		_ = codec.FillTrack(&t)
		n, err := d.set(t, f.multi)
		if i < 0 && err == nil {
			d.sizes[n] = size
		}
		return n, err
	}
	return i, nil
}

// probe learns from a frame what there is no configuration to tell.
func (d *Decoder) probe(i int, f *frame) (int, error) {
	video := f.codec.Kind() == stream.KindVideo
	t := stream.Track{ID: f.id, Codec: f.codec}
	if i >= 0 {
		t = d.tracks.List[i]
		// Audio does not change in the middle; video of this kind says so at key frames.
		if !video && t.SampleRate != 0 || video && f.flags&stream.KeyFrame == 0 {
			return i, nil
		}
	} else if video && f.flags&stream.KeyFrame == 0 {
		return -1, nil
	}
	_ = codec.FillFrame(&t, f.payload)
	if i >= 0 {
		if old := &d.tracks.List[i]; t.Width == old.Width && t.Height == old.Height && t.SampleRate == old.SampleRate {
			return i, nil
		}
	}
	return d.set(t, f.multi)
}

// opus makes a track for packets without a sequence header: the packet itself tells
// whether it is stereo (RFC 6716 3.1).
func (d *Decoder) opus(f *frame) (int, error) {
	const preSkip = 312 // the encoder delay of libopus at 48 kHz
	channels := 1 + int(f.payload[0]>>2&1)
	return d.set(stream.Track{ID: f.id, Codec: stream.Opus, SampleRate: 48000, Channels: channels,
		Config: codec.AppendOpusHead(nil, channels, preSkip)}, f.multi)
}

func unsupportedID(what string, id uint8) error {
	return fmt.Errorf("%s %d: %w", what, id, stream.ErrUnsupported)
}

// classic video (E.4.3).
func (d *Decoder) video(dst []*stream.Packet, dts time.Duration, b []byte) ([]*stream.Packet, error) {
	if b[0]&0x80 != 0 {
		return d.exVideo(dst, dts, b)
	}
	kind, id := b[0]>>4, b[0]&15
	if kind == frameCommand {
		return dst, nil
	}
	f := frame{dts: dts, flags: frameFlags(kind)}
	switch id {
	case videoAVC:
		f.codec = stream.H264
	case videoHEVC:
		f.codec, f.legacy = stream.HEVC, true
	case videoAV1:
		f.codec, f.legacy = stream.AV1, true
	case 2, 3, 4, 5, 6:
		f.codec, f.payload = stream.FLVVideo(id), b[1:]
		return d.relay(dst, &f, nil)
	default:
		return dst, unsupportedID("CodecID", id)
	}
	if len(b) < 5 {
		if len(b) >= 2 && b[1] == avcEnd {
			return dst, nil
		}
		return dst, fmt.Errorf("%v header: %w", f.codec, errShort)
	}
	f.cts, f.payload = si24(b[2:]), b[5:]
	switch b[1] {
	case avcSequence:
		return dst, d.sequence(&f)
	case avcNALU:
		return d.coded(dst, &f)
	case avcEnd:
		return dst, nil
	}
	return dst, unsupportedID(f.codec.String()+" packet type", b[1])
}

func frameFlags(kind uint8) stream.Flags {
	switch kind {
	case frameKey, frameGenerated:
		return stream.KeyFrame
	case frameDisposable:
		return stream.Disposable
	}
	return 0
}

func ui24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func si24(b []byte) int32 { return int32(uint32(ui24(b))<<8) >> 8 }

// classic audio (E.4.2).
func (d *Decoder) audio(dst []*stream.Packet, dts time.Duration, b []byte) ([]*stream.Packet, error) {
	id := b[0] >> 4
	f := frame{dts: dts, payload: b[1:]}
	switch id {
	case soundEx:
		return d.exAudio(dst, dts, b)
	case soundAAC:
		f.codec = stream.AAC
		if len(b) < 2 {
			return dst, fmt.Errorf("AAC header: %w", errShort)
		}
		f.payload = b[2:]
		switch b[1] {
		case 0:
			return dst, d.sequence(&f)
		case 1:
			return d.coded(dst, &f)
		}
		return dst, unsupportedID("AAC packet type", b[1])
	case soundMP3, soundMP38k:
		f.codec = stream.MP3
		return d.coded(dst, &f)
	case 12, 13:
		return dst, unsupportedID("SoundFormat", id)
	case soundG711A:
		f.codec = stream.G711A
	case soundG711U:
		f.codec = stream.G711U
	default:
		f.codec = stream.FLVAudio(id)
	}
	return d.relay(dst, &f, b[:1:1])
}

// relay appends the packet of a codec that is not looked into. head is the first byte
// of audio bodies.
func (d *Decoder) relay(dst []*stream.Packet, f *frame, head []byte) ([]*stream.Packet, error) {
	if len(f.payload) == 0 {
		return dst, nil
	}
	i := d.current(f)
	if i < 0 || head != nil && !d.sameHead(i, head[0]) {
		t := stream.Track{ID: f.id, Codec: f.codec}
		if head != nil {
			t.SampleRate, t.Channels = soundRate(head[0])
			if _, ok := f.codec.FLV(); ok {
				t.Config = []byte{head[0]} // not a part of the body, which would be kept alive
			}
		} else {
			t.Width, t.Height = d.metaSize()
		}
		var err error
		if i, err = d.set(t, f.multi); err != nil {
			return dst, err
		}
	}
	return append(dst, &stream.Packet{
		Tracks: d.tracks, Track: i, Flags: f.flags, DTS: f.dts, PTS: f.dts, Payload: f.payload,
	}), nil
}

// sameHead tells whether a relayed audio track began with the same first byte.
func (d *Decoder) sameHead(i int, head byte) bool {
	t := &d.tracks.List[i]
	if len(t.Config) == 1 {
		return t.Config[0] == head
	}
	_, channels := soundRate(head)
	return t.Channels == channels
}

// soundRate gives what the first byte of an audio body means for codecs that do not
// tell by themselves. Some formats have one rate whatever the byte says.
func soundRate(b byte) (rate, channels int) {
	channels = 1 + int(b&1)
	switch b >> 4 {
	case 4:
		return 16000, 1
	case 5:
		return 8000, 1
	case soundG711A, soundG711U:
		return 8000, channels
	case soundSpeex:
		return 16000, 1
	}
	return [...]int{5512, 11025, 22050, 44100}[b>>2&3], channels
}

// metaSize gives the picture size that the metadata claims.
func (d *Decoder) metaSize() (w, h int) {
	for _, f := range d.tracks.Meta {
		if v, ok := f.Value.(float64); ok && v >= 1 && v <= 1<<16 {
			switch f.Name {
			case "width":
				w = int(v)
			case "height":
				h = int(v)
			}
		}
	}
	return w, h
}
