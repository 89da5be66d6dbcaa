package codec

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/eac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/flac"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"github.com/srsgo/srs/stream"
)

var (
	errShort    = errors.New("not enough bytes")
	errNoConfig = errors.New("no configuration")
	errSize     = errors.New("picture size out of range")
)

// maxPicture bounds what is believed of a parameter set, in pixels.
const maxPicture = 1 << 16

// FillTrack fills in what t.Config tells: Width and Height, or SampleRate and
// Channels. Codecs whose configuration tells nothing, or that have none, are left to
// [FillFrame]; for them it does nothing.
//
// An error means that the configuration is not understood, which need not mean that
// players do not understand it; fields are then left as they are. For AAC the rate
// and channels are those of the core coder, before spectral band replication and
// parametric stereo, so that a frame is 1024 samples at that rate.
func FillTrack(t *stream.Track) error {
	var err error
	switch t.Codec {
	case stream.H264:
		err = fillH264(t)
	case stream.HEVC:
		err = fillHEVC(t)
	case stream.AV1:
		err = fillAV1(t)
	case stream.AAC:
		var c AAC
		if c, err = ParseAAC(t.Config); err == nil {
			t.SampleRate, t.Channels = c.SampleRate, c.Channels
		}
	case stream.Opus:
		var channels int
		if channels, err = ParseOpusHead(t.Config); err == nil {
			t.SampleRate, t.Channels = 48000, channels
		}
	case stream.FLAC:
		var si flac.StreamInfo
		if err = si.Unmarshal(t.Config); err == nil {
			t.SampleRate, t.Channels = int(si.SampleRate), int(si.ChannelCount)
		}
	}
	if err != nil {
		return fmt.Errorf("codec: %v configuration: %w", t.Codec, err)
	}
	return nil
}

// FillFrame fills in what a frame tells of codecs without a telling configuration:
// size from a VP8 or VP9 key frame, rate and channels from MP3, AC-3 and E-AC-3
// frames. It does nothing for other codecs and for VP8 and VP9 frames that are not
// key frames. Errors leave t as it is.
func FillFrame(t *stream.Track, frame []byte) error {
	var err error
	switch t.Codec {
	case stream.VP8:
		if VPKey(t.Codec, frame) {
			err = fillVP8(t, frame)
		}
	case stream.VP9:
		if VPKey(t.Codec, frame) {
			var h vp9.Header
			if err = h.Unmarshal(frame); err == nil {
				err = setSize(t, h.Width(), h.Height())
			}
		}
	case stream.MP3:
		var h MP3
		if h, err = ParseMP3(frame); err == nil {
			t.SampleRate, t.Channels = h.SampleRate, h.Channels
		}
	case stream.AC3:
		err = fillAC3(t, frame)
	case stream.EAC3:
		var si eac3.SyncInfo
		if err = si.Unmarshal(frame); err == nil {
			t.SampleRate, t.Channels = si.SampleRate(), si.ChannelCount()
		}
	}
	if err != nil {
		return fmt.Errorf("codec: %v frame: %w", t.Codec, err)
	}
	return nil
}

func setSize(t *stream.Track, w, h int) error {
	if w <= 0 || h <= 0 || w > maxPicture || h > maxPicture {
		return errSize
	}
	t.Width, t.Height = w, h
	return nil
}

func fillH264(t *stream.Track) error {
	c, err := ParseAVC(t.Config)
	if err != nil {
		return err
	}
	if len(c.SPS) == 0 {
		return errNoConfig
	}
	var sps h264.SPS
	if err := sps.Unmarshal(c.SPS[0]); err != nil {
		return fmt.Errorf("SPS: %w", err)
	}
	return setSize(t, sps.Width(), sps.Height())
}

func fillHEVC(t *stream.Track) error {
	c, err := ParseHEVC(t.Config)
	if err != nil {
		return err
	}
	if len(c.SPS) == 0 {
		return errNoConfig
	}
	var sps h265.SPS
	if err := sps.Unmarshal(c.SPS[0]); err != nil {
		return fmt.Errorf("SPS: %w", err)
	}
	return setSize(t, sps.Width(), sps.Height())
}

func fillAV1(t *stream.Track) error {
	if len(t.Config) < 4 {
		return errShort
	}
	seq, err := av1Sequence(t.Config[4:])
	if err != nil {
		return err
	}
	if seq == nil {
		return errNoConfig
	}
	return setSize(t, seq.Width(), seq.Height())
}

// fillVP8 reads the start of a key frame (RFC 6386 9.1).
func fillVP8(t *stream.Track, frame []byte) error {
	if len(frame) < 10 {
		return errShort
	}
	if frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return errors.New("no start code")
	}
	w := binary.LittleEndian.Uint16(frame[6:]) & 0x3fff
	h := binary.LittleEndian.Uint16(frame[8:]) & 0x3fff
	return setSize(t, int(w), int(h))
}

// VPKey tells whether a VP8 (RFC 6386 9.1) or VP9 (VP9 bitstream 6.2) frame is a key
// frame. It gives false for other codecs.
func VPKey(c stream.Codec, frame []byte) bool {
	if len(frame) == 0 {
		return false
	}
	b := frame[0]
	switch c {
	case stream.VP8:
		return b&1 == 0
	case stream.VP9:
		// frame_marker 2, two profile bits (profile 3 has a reserved bit more),
		// show_existing_frame, frame_type: both zero for a key frame.
		if b>>6 != 2 {
			return false
		}
		if b&0x30 == 0x30 {
			return b&0x06 == 0
		}
		return b&0x0c == 0
	}
	return false
}

func fillAC3(t *stream.Track, frame []byte) error {
	var si ac3.SyncInfo
	if err := si.Unmarshal(frame); err != nil {
		return err
	}
	if len(frame) < 7 {
		return errShort
	}
	var bsi ac3.BSI
	if err := bsi.Unmarshal(frame[5:]); err != nil {
		return err
	}
	t.SampleRate, t.Channels = si.SampleRate(), bsi.ChannelCount()
	return nil
}
