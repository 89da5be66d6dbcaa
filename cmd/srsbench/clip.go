package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/srsgo/srs/protocol/amf"
)

// What the synthetic stream is made of. The parameter sets are those of an encoder's 1280×720 stream,
// so that servers and demuxers which read them find something sensible; the slices are noise.
const (
	spsHex     = "674d401fd9005005bb0110000003001000000303" + "20f1832480"
	ppsHex     = "68ebc3cb20"
	sampleRate = 44100
	aacSamples = 1024
	keyWeight  = 5   // a key frame's size in P-frames
	audioFrame = 128 // bytes of an AAC frame
	maxMedia   = 4 * time.Hour
)

// A mark is what carries time through the server inside a frame: a UUID that says what it is, then in
// hexadecimal digits (so that it can never look like a start code) the sender's monotonic clock in
// nanoseconds and the number of the frame in its track. In video it is an SEI message of unregistered
// user data (H.264 §D.1.7), in audio an AAC data stream element (ISO/IEC 14496-3 §4.4.1.4); decoders skip both.
var markID = [16]byte{'s', 'r', 's', 'b', 'e', 'n', 'c', 'h', 0x9a, 0x51, 0x4e, 0x71, 0xa0, 0xc3, 0x5d, 0xe2}

const (
	markTime = len(markID)
	markSeq  = markTime + 16
	markSize = markSeq + 8
)

// putMark writes a mark to b, which must be markSize long.
func putMark(b []byte, at int64, seq uint32) {
	copy(b, markID[:])
	var raw [12]byte
	binary.BigEndian.PutUint64(raw[:], uint64(at))
	binary.BigEndian.PutUint32(raw[8:], seq)
	hex.Encode(b[markTime:markSize], raw[:])
}

// findMark looks for a mark in the beginning of a frame. Servers may put parameter sets before it, so
// its place is not fixed.
func findMark(b []byte) (at int64, seq uint32, ok bool) {
	i := bytes.Index(b, markID[:])
	if i < 0 || len(b)-i < markSize {
		return 0, 0, false
	}
	var raw [12]byte
	if _, err := hex.Decode(raw[:], b[i+markTime:i+markSize]); err != nil {
		return 0, 0, false
	}
	return int64(binary.BigEndian.Uint64(raw[:])), binary.BigEndian.Uint32(raw[8:]), true
}

// silence is an AAC-LC raw data block of one silent stereo frame, with its end element.
var silence = []byte{0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80}

// clip is one synthetic stream: FLV tag bodies that publishers send again and again, with a fresh mark
// each time. It is shared by all publishers and never changes.
type clip struct {
	fps, gop          int
	audio             bool
	meta, avc, aac    []byte // metadata and codec configurations
	key, inter, sound []byte // frames
}

// newClip makes a stream of the given bit rate. Audio takes its share of it first.
func newClip(bitrate int, fps int, gop time.Duration, audio bool) (*clip, error) {
	c := &clip{fps: fps, gop: max(1, int(gop.Seconds()*float64(fps)+0.5)), audio: audio}
	rest := float64(bitrate) / 8
	if audio {
		rest -= audioFrame * sampleRate / aacSamples
	}
	weight := float64(c.gop-1+keyWeight) / float64(c.gop)
	inter := int(rest / float64(fps) / weight)
	if inter < 2*markSize {
		return nil, fmt.Errorf("a bit rate of %d b/s leaves %d bytes a frame at %d frames a second", bitrate, inter, fps)
	}
	sps, _ := hex.DecodeString(spsHex)
	pps, _ := hex.DecodeString(ppsHex)
	c.avc = append([]byte{0x17, 0, 0, 0, 0, 1}, sps[1:4]...)
	c.avc = appendNAL(append(c.avc, 0xFF, 0xE1), sps, 2)
	c.avc = appendNAL(append(c.avc, 1), pps, 2)
	c.aac = []byte{0xAF, 0, 0x12, 0x10} // AAC-LC, 44.1 kHz, stereo
	c.key = videoFrame(0x17, []byte{0x65, 0x88}, inter*keyWeight)
	c.inter = videoFrame(0x27, []byte{0x41, 0x9A}, inter)
	c.sound = soundFrame()
	c.meta = amf.AppendAll(nil, "@setDataFrame", "onMetaData", amf.ECMAArray{
		{Name: "width", Value: 1280}, {Name: "height", Value: 720}, {Name: "framerate", Value: fps},
		{Name: "videocodecid", Value: 7}, {Name: "videodatarate", Value: rest * 8 / 1000},
		{Name: "encoder", Value: "srsbench"},
	})
	return c, nil
}

// appendNAL appends a NAL unit behind its length in n bytes.
func appendNAL(dst, nal []byte, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(len(nal)>>(8*i)))
	}
	return append(dst, nal...)
}

// videoFrame makes a tag body of size bytes: an SEI NAL with the mark, and one slice of noise. The noise
// has no zero bytes and so no start codes.
func videoFrame(head byte, slice []byte, size int) []byte {
	sei := append([]byte{6, 5, byte(markSize)}, make([]byte, markSize)...)
	putMark(sei[3:], 0, 0)
	b := appendNAL([]byte{head, 1, 0, 0, 0}, append(sei, 0x80), 4)
	for rnd := rand.New(rand.NewPCG(1, 2)); len(b)+4+len(slice) < size; {
		slice = append(slice, byte(1+rnd.IntN(255)))
	}
	return appendNAL(b, slice, 4)
}

// soundFrame makes an AAC tag body: a data stream element with the mark and padding, then silence.
func soundFrame() []byte {
	n := audioFrame - 4 - len(silence)
	b := append([]byte{0xAF, 1, 0x81, byte(n)}, make([]byte, n)...)
	putMark(b[4:], 0, 0)
	return append(b, silence...)
}

// bitrate gives the bit rate that comes out, tag bodies only.
func (c *clip) bitrate() float64 {
	b := float64(len(c.key)+len(c.inter)*(c.gop-1)) / float64(c.gop) * float64(c.fps)
	if c.audio {
		b += float64(len(c.sound)) * sampleRate / aacSamples
	}
	return b * 8
}

// tag is one tag body in a protocol's wire format, with the places that change from frame to frame.
type tag struct {
	b    []byte
	mark int // offset of the mark, or below 0
	rtmp bool
}

// wires is a clip as a protocol sends it. One is shared by all publishers of that protocol: a publisher
// patches the places that change and sends at once.
type wires struct {
	start             []tag
	key, inter, sound tag
}

func (c *clip) wires(rtmp bool) *wires {
	w := &wires{}
	w.start = append(w.start, newTag(rtmp, typeDataAMF0, c.meta), newTag(rtmp, typeVideo, c.avc))
	if c.audio {
		w.start = append(w.start, newTag(rtmp, typeAudio, c.aac))
	}
	w.key, w.inter = newTag(rtmp, typeVideo, c.key), newTag(rtmp, typeVideo, c.inter)
	w.sound = newTag(rtmp, typeAudio, c.sound)
	return w
}

// newTag puts a tag body into RTMP chunks, or into an FLV tag inside one HTTP chunk.
func newTag(rtmp bool, kind byte, body []byte) tag {
	t := tag{rtmp: rtmp}
	if rtmp {
		csid := map[byte]byte{typeAudio: 4, typeVideo: 6, typeDataAMF0: 5}[kind]
		t.b = appendMessage(nil, csid, outChunkSize, kind, 0, 0, body)
	} else {
		body = bytes.TrimPrefix(body, amf.Append(nil, "@setDataFrame")) // a word of RTMP's alone
		n := len(body)
		t.b = append([]byte(strconv.FormatInt(int64(n)+15, 16)), '\r', '\n')
		for len(t.b) < 10 { // a fixed length of the HTTP chunk's header keeps the offsets fixed
			t.b = append([]byte{'0'}, t.b...)
		}
		t.b = append(t.b, kind, byte(n>>16), byte(n>>8), byte(n), 0, 0, 0, 0, 0, 0, 0)
		t.b = append(t.b, body...)
		t.b = append(binary.BigEndian.AppendUint32(t.b, uint32(n)+11), '\r', '\n')
	}
	t.mark = bytes.Index(t.b, markID[:])
	return t
}

// stamp sets what changes: the media time in milliseconds, the message stream id and the mark. The
// result is valid until the next stamp.
func (t *tag) stamp(ts, sid uint32, at int64, seq uint32) []byte {
	if t.rtmp {
		t.b[1], t.b[2], t.b[3] = byte(ts>>16), byte(ts>>8), byte(ts)
		binary.LittleEndian.PutUint32(t.b[8:], sid)
	} else {
		t.b[14], t.b[15], t.b[16], t.b[17] = byte(ts>>16), byte(ts>>8), byte(ts), byte(ts>>24)
	}
	if t.mark >= 0 {
		putMark(t.b[t.mark:t.mark+markSize], at, seq)
	}
	return t.b
}

// flvHeader is what a POST begins with: a file header with audio and video, in one HTTP chunk.
const flvHeader = "d\r\nFLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00\r\n"
