package cmaf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// ErrFrame: the track cannot be described before its first frame, or key frame, has come.
var ErrFrame = errors.New("cmaf: a frame is needed to describe the track")

// Describe gives t with what an MP4 file must say of it filled in: size, rate and channels, and as
// Config the content of the codec's box where package stream has none: dac3 and dec3 (ETSI TS 102
// 366 annex F) of AC-3 and E-AC-3, vpcC of VP9. Those and MP3 are read from a frame of the track,
// without which the error is ErrFrame; other codecs need none. A codec or configuration that MP4
// cannot carry gives an error that wraps stream.ErrUnsupported.
func Describe(t stream.Track, frame []byte) (stream.Track, error) {
	if err := codec.FillTrack(&t); err != nil {
		return t, fmt.Errorf("cmaf: track %d: %w: %w", t.ID, stream.ErrUnsupported, err)
	}
	err := stream.ErrUnsupported
	switch t.Codec {
	case stream.H264, stream.HEVC, stream.AV1, stream.AAC, stream.FLAC:
		err = nil // FillTrack has read the configuration
	case stream.Opus:
		err = checkOpus(t.Config)
	case stream.MP3:
		err = describeFrame(&t, frame, t.SampleRate > 0 && t.Channels > 0, codec.FillFrame)
	case stream.AC3:
		err = describeFrame(&t, frame, len(t.Config) == 3 && t.SampleRate > 0, describeAC3)
	case stream.EAC3:
		err = describeFrame(&t, frame, len(t.Config) == 5 && t.SampleRate > 0, describeEAC3)
	case stream.VP9:
		err = describeFrame(&t, frame, len(t.Config) >= 12 && t.Width > 0, describeVP9)
	}
	if err == nil && t.Kind() == stream.KindAudio && (t.SampleRate <= 0 || t.Channels < 0) {
		err = fmt.Errorf("%w: no sample rate", stream.ErrUnsupported)
	}
	if err != nil {
		return t, fmt.Errorf("cmaf: track %d (%v): %w", t.ID, t.Codec, err)
	}
	return t, nil
}

// describeFrame reads a frame with f unless all is known.
func describeFrame(t *stream.Track, frame []byte, known bool, f func(*stream.Track, []byte) error) error {
	if known {
		return nil
	}
	if len(frame) == 0 || t.Codec == stream.VP9 && !codec.VPKey(t.Codec, frame) {
		return ErrFrame
	}
	if err := f(t, frame); err != nil {
		return fmt.Errorf("%w: %w", stream.ErrUnsupported, err)
	}
	return nil
}

// checkOpus holds that an OpusHead has its mapping table, if it announces one (RFC 7845 5.1.1).
func checkOpus(head []byte) error {
	if len(head) > 18 && head[18] != 0 && len(head) < 21+int(head[9]) {
		return fmt.Errorf("%w: OpusHead without its mapping table", stream.ErrUnsupported)
	}
	return nil
}

// describeAC3 reads syncinfo and bsi (ETSI TS 102 366 4.4).
func describeAC3(t *stream.Track, frame []byte) error {
	if err := codec.FillFrame(t, frame); err != nil {
		return err
	}
	fscod, sizecod, bsid, bsmod := frame[4]>>6, frame[4]&0x3f, frame[5]>>3, frame[5]&7
	acmod, pos := frame[6]>>5, 6*8+3
	for _, has := range []bool{acmod&1 != 0 && acmod != 1, acmod&4 != 0, acmod == 2} {
		if has { // cmixlev, surmixlev, dsurmod
			pos += 2
		}
	}
	lfe, err := bits.ReadBits(frame, &pos, 1)
	if err != nil {
		return err
	}
	t.Config = dac3(fscod, bsid, bsmod, acmod, byte(lfe), sizecod>>1)
	return nil
}

// dac3 gives the content of the box (ETSI TS 102 366 F.4).
func dac3(fscod, bsid, bsmod, acmod, lfe, rate byte) []byte {
	v := uint32(fscod)<<22 | uint32(bsid)<<17 | uint32(bsmod)<<14 | uint32(acmod)<<11 | uint32(lfe)<<10 | uint32(rate)<<5
	return []byte{byte(v >> 16), byte(v >> 8), byte(v)}
}

// describeEAC3 reads syncinfo and bsi of E-AC-3 (ETSI TS 102 366 E.1.2) as one independent
// substream.
func describeEAC3(t *stream.Track, frame []byte) error {
	if err := codec.FillFrame(t, frame); err != nil {
		return err
	}
	if len(frame) < 6 {
		return errors.New("not enough bytes")
	}
	size := (int(frame[2]&7)<<8 | int(frame[3]) + 1) * 2
	rate := min(size*8*t.SampleRate/FrameSamples(t, frame)/1000, 1<<13-1)
	fscod, acmod, lfe, bsid := frame[4]>>6, frame[4]>>1&7, frame[4]&1, frame[5]>>3
	t.Config = dec3(rate, fscod, bsid, acmod, lfe)
	return nil
}

// dec3 gives the content of the box (ETSI TS 102 366 F.6) for one independent substream.
func dec3(rate int, fscod, bsid, acmod, lfe byte) []byte {
	return []byte{byte(rate >> 5), byte(rate << 3), fscod<<6 | bsid<<1, acmod<<1 | lfe, 0}
}

// assume gives t with the configuration that its frames have in all likelihood, where it takes a frame
// to know. Decoders go by the frames: what may be wrong is the bit rate of AC-3 and the profile of VP9.
func assume(t stream.Track) stream.Track {
	if len(t.Config) > 0 {
		return t
	}
	fscod := slices.Index([]int{48000, 44100, 32000}, t.SampleRate)
	known := fscod >= 0 && t.Channels >= 1 && t.Channels <= 6
	acmod, lfe := byte(t.Channels), byte(0)
	switch t.Channels {
	case 4: // two in front, two behind
		acmod = 6
	case 5, 6:
		acmod, lfe = 7, byte(t.Channels-5)
	}
	switch {
	case t.Codec == stream.AC3 && known:
		t.Config = dac3(byte(fscod), 8, 0, acmod, lfe, 14) // 384 kb/s
	case t.Codec == stream.EAC3 && known:
		t.Config = dec3(0, byte(fscod), 16, acmod, lfe)
	case t.Codec == stream.VP9 && t.Width > 0 && t.Height > 0:
		t.Config = vpcC(&t, 0, 8<<4|1<<1)
	}
	return t
}

// describeVP9 makes the content of a vpcC (VP-ISOBMFF) from a key frame.
func describeVP9(t *stream.Track, frame []byte) error {
	var h vp9.Header
	if err := h.Unmarshal(frame); err != nil {
		return err
	}
	if err := codec.FillFrame(t, frame); err != nil {
		return err
	}
	chroma, depth, full := byte(1), byte(8), byte(0) // profiles 0 and 2: 4:2:0, collocated
	if cc := h.ColorConfig; cc != nil {
		depth = cc.BitDepth
		if !cc.SubsamplingX && !cc.SubsamplingY {
			chroma = 3
		} else if cc.SubsamplingX && !cc.SubsamplingY {
			chroma = 2
		}
		if cc.ColorRange {
			full = 1
		}
	}
	t.Config = vpcC(t, h.Profile, depth<<4|chroma<<1|full)
	return nil
}

// vpcC gives the content of the box, of unspecified primaries, transfer and matrix.
func vpcC(t *stream.Track, profile, sample byte) []byte {
	return []byte{1, 0, 0, 0, profile, vp9Level(t.Width * t.Height), sample, 2, 2, 2, 0, 0}
}

// vp9Level gives the lowest level whose pictures are large enough, at usual frame rates.
func vp9Level(pixels int) byte {
	sizes := []int{36864, 73728, 122880, 245760, 552960, 983040, 2228224, 8912896}
	i, _ := slices.BinarySearch(sizes, pixels)
	return []byte{10, 11, 20, 21, 30, 31, 40, 50, 60}[i]
}
