package flv

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/srsgo/srs/stream"
)

// exHeader is what the enhanced headers of audio and video have in common: packet
// type, ModEx, multitrack type and FourCC. rest is what follows.
type exHeader struct {
	kind   stream.Kind
	packet uint8
	multi  bool
	many   uint8
	fourCC stream.Codec
	nanos  time.Duration
	rest   []byte
}

// modEx takes the ModEx prefixes off, each of which names the next packet type.
func (h *exHeader) modEx() error {
	for h.packet == exModEx {
		b := h.rest
		if len(b) < 1 {
			return fmt.Errorf("ModEx: %w", errShort)
		}
		size := int(b[0]) + 1
		b = b[1:]
		if size == 256 {
			if len(b) < 2 {
				return fmt.Errorf("ModEx: %w", errShort)
			}
			size = int(binary.BigEndian.Uint16(b)) + 1
			b = b[2:]
		}
		if len(b) < size+1 {
			return fmt.Errorf("ModEx: %w", errShort)
		}
		data, next := b[:size], b[size]
		h.rest, h.packet = b[size+1:], next&15
		// Type 0 is TimestampOffsetNano; what others mean is unknown and may be skipped.
		if next>>4 == 0 {
			if size < 3 {
				return fmt.Errorf("ModEx timestamp: %w", errShort)
			}
			// Less than a millisecond, the unit of the timestamp.
			h.nanos += time.Duration(min(ui24(data), 999_999))
		}
	}
	return nil
}

func (h *exHeader) code() error {
	if len(h.rest) < 4 {
		return fmt.Errorf("FourCC: %w", errShort)
	}
	h.fourCC = stream.Codec(binary.BigEndian.Uint32(h.rest))
	h.rest = h.rest[4:]
	return nil
}

// tracks reads the multitrack type and the FourCC that all tracks share.
func (h *exHeader) tracks(multi uint8) error {
	if h.packet != multi {
		return h.code()
	}
	h.multi = true
	if len(h.rest) < 1 {
		return fmt.Errorf("multitrack: %w", errShort)
	}
	h.many, h.packet = h.rest[0]>>4, h.rest[0]&15
	h.rest = h.rest[1:]
	switch {
	case h.many > multiManyCodecs:
		return unsupportedID("multitrack type", h.many)
	case h.packet == multi:
		return fmt.Errorf("multitrack in multitrack: %w", errReserved)
	case h.many == multiManyCodecs:
		return nil
	}
	return h.code()
}

// each calls f for every track of the body. An unsupported codec of one track does not
// keep the others from being read; the first such error is the result.
func (h *exHeader) each(f func(id int, body []byte) error) error {
	if !h.multi {
		if err := h.known(); err != nil {
			return err
		}
		return f(0, h.rest)
	}
	var skipped error
	for first := true; first || len(h.rest) > 0; first = false {
		if h.many == multiManyCodecs {
			if err := h.code(); err != nil {
				return fmt.Errorf("multitrack: %w", err)
			}
		}
		if len(h.rest) < 1 {
			return fmt.Errorf("multitrack: track id: %w", errShort)
		}
		id, body := int(h.rest[0]), h.rest[1:]
		h.rest = nil
		if h.many != multiOne {
			if len(body) < 3 || ui24(body) > len(body)-3 {
				return fmt.Errorf("multitrack: size of track %d: %w", id, errShort)
			}
			n := 3 + ui24(body)
			body, h.rest = body[3:n:n], body[n:]
		}
		if err := h.known(); err != nil {
			if skipped == nil {
				skipped = err
			}
			continue
		}
		if err := f(id, body); err != nil {
			return fmt.Errorf("track %d: %w", id, err)
		}
	}
	return skipped
}

func (h *exHeader) known() error {
	if !hasFourCC(h.fourCC) || h.fourCC.Kind() != h.kind {
		return fmt.Errorf("FourCC %v: %w", h.fourCC, stream.ErrUnsupported)
	}
	return nil
}

func (d *Decoder) exVideo(dst []*stream.Packet, dts time.Duration, b []byte) ([]*stream.Packet, error) {
	h := exHeader{kind: stream.KindVideo, packet: b[0] & 15, rest: b[1:]}
	if err := h.modEx(); err != nil {
		return dst, err
	}
	kind := b[0] >> 4 & 7
	if kind == frameCommand && h.packet != exMetadata {
		return dst, nil
	}
	if err := h.tracks(exVideoMulti); err != nil {
		return dst, err
	}
	err := h.each(func(id int, body []byte) (err error) {
		f := frame{codec: h.fourCC, id: id, multi: h.multi, flags: frameFlags(kind), dts: dts + h.nanos, payload: body}
		switch h.packet {
		case exSequenceStart:
			return d.sequence(&f)
		case exCodedFrames:
			if f.codec == stream.H264 || f.codec == stream.HEVC {
				if len(body) < 3 {
					return fmt.Errorf("composition time: %w", errShort)
				}
				f.cts, f.payload = si24(body), body[3:]
			}
			dst, err = d.coded(dst, &f)
			return err
		case exCodedFramesX:
			dst, err = d.coded(dst, &f)
			return err
		case exSequenceEnd, exMetadata, exMPEG2TS:
			return nil
		}
		return unsupportedID("packet type", h.packet)
	})
	return dst, err
}

func (d *Decoder) exAudio(dst []*stream.Packet, dts time.Duration, b []byte) ([]*stream.Packet, error) {
	h := exHeader{kind: stream.KindAudio, packet: b[0] & 15, rest: b[1:]}
	if err := h.modEx(); err != nil {
		return dst, err
	}
	if err := h.tracks(exAudioMulti); err != nil {
		return dst, err
	}
	err := h.each(func(id int, body []byte) (err error) {
		f := frame{codec: h.fourCC, id: id, multi: h.multi, dts: dts + h.nanos, payload: body}
		switch h.packet {
		case exSequenceStart:
			return d.sequence(&f)
		case exCodedFrames:
			dst, err = d.coded(dst, &f)
			return err
		case exChannels:
			return d.channels(&f)
		case exSequenceEnd:
			return nil
		}
		return unsupportedID("packet type", h.packet)
	})
	return dst, err
}

// channels takes a MultichannelConfig. Of it the number of channels is kept; their
// order is what the codec itself says.
func (d *Decoder) channels(f *frame) error {
	if len(f.payload) < 2 {
		return fmt.Errorf("MultichannelConfig: %w", errShort)
	}
	i, n := d.current(f), int(f.payload[1])
	if i < 0 || n == 0 || d.tracks.List[i].Channels == n {
		return nil
	}
	t := d.tracks.List[i]
	t.Channels = n
	d.tracks = d.tracks.With(t)
	return nil
}
