package cmaf

import (
	"time"

	"github.com/srsgo/srs/stream"
)

// Muxed as Part.Track means a part with all tracks.
const Muxed = -1

// Config says how a Packager cuts. It is comparable: equal ones give equal parts. The zero value gives a
// sequence for each track, segments of 4 s of one part each.
type Config struct {
	// SegmentDuration is after how long the next key frame begins a segment, less half a
	// frame; streams without video are cut before they exceed it. 0 means 4 s.
	SegmentDuration time.Duration
	// MaxSegment is what no segment of any track exceeds: one without a key frame in time is
	// cut before it does, and a track that is silent for longer has a discontinuity. A sample that is
	// unexpectedly long is shortened where its segment's other parts have been given. 0 means three
	// times SegmentDuration, or 20 s and no less than two times where that is shorter: players hold
	// little more. It is never below SegmentDuration.
	MaxSegment time.Duration
	// PartDuration is what no part exceeds, unless by a single sample that is longer. In a muxed
	// part it holds for the video; other tracks may have up to twice as much. 0 means
	// one part for each segment.
	PartDuration time.Duration
	// MaxPart is after how many bytes of payload a part ends in any case. 0 means 16 MB.
	MaxPart int
	// NoWaitKeyFrame cuts at SegmentDuration without waiting for a key frame, and takes video
	// before the first one (SRS hls_wait_keyframe off).
	NoWaitKeyFrame bool
	// Muxed puts all tracks into each part, for recordings and progressive MP4.
	Muxed bool
	// ProducerTime puts a producer reference time into each part (prft, ISO 14496-12 8.16.5).
	ProducerTime bool
	// FirstSegment is the number of the first segment.
	FirstSegment int
	// Events puts ID3 tags and SCTE-35 sections, Data packets of codec ID3 and SCTE35, into event
	// messages (emsg version 1, ISO 23009-1 5.10.3.3). They go with the next part of the first
	// track, or of all if muxed.
	Events bool
}

// Codecs of Data packets that become event messages.
const (
	ID3    stream.Codec = 'I'<<24 | 'D'<<16 | '3'<<8 | ' ' // the payload is a whole ID3v2 tag
	SCTE35 stream.Codec = 'S'<<24 | 'C'<<16 | 'T'<<8 | 'E' // the payload is a splice_info_section
)

// scheme gives the URI that says what an event message carries; empty for none.
func scheme(c stream.Codec) string {
	switch c {
	case ID3:
		return "https://aomedia.org/emsg/ID3"
	case SCTE35:
		return "urn:scte:scte35:2013:bin"
	}
	return ""
}

// InitSegment is an initialization segment.
type InitSegment struct {
	Data []byte
	// Tracks are those described by it, in the order of their track ids, from 1.
	Tracks []stream.Track
	// Codecs is the codecs parameter for all of them.
	Codecs string
}

// Part is a CMAF chunk: a moof with its mdat, and before them the styp of a segment's first part,
// producer time and event messages. It is immutable.
type Part struct {
	// Track is an index into stream.Tracks.List, or Muxed.
	Track int
	// Segment counts from Config.FirstSegment, for all tracks together, and Index the parts in
	// it from 0. A track without samples in a segment has no parts of it.
	Segment, Index int
	// Start is the decoding time of the first sample on the stream's timeline and Duration that
	// of all samples, of the leading track (the first video that runs, else audio) if muxed.
	Start, Duration time.Duration
	// PTS is the earliest presentation time of these samples.
	PTS time.Duration
	// Independent: decoding can begin here.
	Independent bool
	// Discontinuity: the segment does not continue the one before in time, tracks or decoder
	// configuration. It is set on all its parts.
	Discontinuity bool
	// Last: the segment has no more parts of this track.
	Last bool
	// Init is what players need before the part. It is the same pointer as long as its bytes
	// are the same.
	Init *InitSegment
	// Samples of the leading track.
	Samples int
	// NTP is when the first sample was captured, or where that is not known came in.
	NTP  time.Time
	Data []byte
}

// defaults gives c with zero values replaced.
func (c Config) defaults() Config {
	if c.SegmentDuration <= 0 {
		c.SegmentDuration = 4 * time.Second
	}
	if c.MaxSegment <= 0 {
		c.MaxSegment = max(2*c.SegmentDuration, min(3*c.SegmentDuration, 20*time.Second))
	}
	c.MaxSegment = min(max(c.MaxSegment, c.SegmentDuration), time.Hour) // sample durations have 32 bits
	if c.PartDuration <= 0 {
		c.PartDuration = c.MaxSegment
	}
	if c.MaxPart <= 0 {
		c.MaxPart = 16 << 20
	}
	return c
}
