package ingest

import (
	"fmt"
	"time"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// flow is one track that the publisher sends: a section of the description, or a layer of one.
type flow struct {
	recv  *Receiver
	media *desc.Media
	layer int
	rid   string

	ssrc   uint32
	heard  bool
	last   time.Time // when something came
	coding *desc.Codec
	order  reorder
	clock  clock
	report report

	info  stream.Track
	ready bool // info is whole
	index int  // in Tracks

	pack  depacketizer
	frame []byte
	ts    uint32
	open  bool // the frame has packets
	done  uint32
	split bool // markers are not where frames end

	broken  bool   // what comes until the next key frame cannot be decoded
	skipTS  uint32 // the frame that is left out, for its beginning may be missing
	skips   bool
	gap     bool // the next packet that is written does not continue the one before
	dts     decodeTime
	lastDTS time.Duration
	wrote   bool

	wantKey  bool
	askedKey time.Time
	firs     uint8 // requests by FIR
}

func (f *flow) video() bool { return f.media.Kind == stream.KindVideo }

// use begins with a codec.
func (f *flow) use(c *desc.Codec) {
	if f.coding == c {
		return
	}
	if f.coding != nil {
		f.gap = true
	}
	f.coding = c
	f.clock.hz = c.ClockRate
	f.pack = newDepacketizer(c.Codec)
	f.frame, f.open = f.frame[:0], false
	f.dts = decodeTime{}
	f.ready, f.broken = false, f.video()
	f.info = stream.Track{ID: f.info.ID, Codec: c.Codec, Layer: f.layer, Name: f.rid}
	switch c.Codec {
	case stream.Opus:
		const preSkip = 312 // that of libopus
		f.info.Config = codec.AppendOpusHead(nil, 2, preSkip)
		f.info.SampleRate, f.info.Channels, f.ready = 48000, 2, true
	case stream.G711A, stream.G711U:
		f.info.SampleRate, f.info.Channels, f.ready = c.ClockRate, max(c.Channels, 1), true
	case stream.H264, stream.HEVC:
		f.info.Config = spropConfig(c)
	}
	if f.info.Config != nil {
		_ = codec.FillTrack(&f.info)
	}
}

// lose notes that packets are missing.
func (f *flow) lose() {
	f.gap = true
	if f.open {
		f.dropFrame()
	}
	f.pack.reset()
	if f.video() {
		f.broken, f.wantKey, f.skips = true, true, true
		f.skipTS = f.ts
	}
}

func (f *flow) dropFrame() {
	f.frame, f.open = f.frame[:0], false
	f.recv.stats.Dropped++
}

// packet takes the next packet in order; after tells that those before it are lost.
func (f *flow) packet(ts uint32, marker bool, payload []byte, after bool) {
	if after {
		f.lose()
		f.skipTS = ts
	}
	if len(payload) == 0 {
		return
	}
	if f.open && ts != f.ts {
		f.finish()
	}
	if f.skips {
		if ts == f.skipTS && !(after && f.pack.begins(payload)) {
			return
		}
		f.skips = false
	}
	if !f.open && f.wrote && ts == f.done && f.video() {
		f.split = true // the marker was too early
	}
	f.ts, f.open = ts, true
	var err error
	if f.frame, err = f.pack.push(f.frame, payload); err == nil && len(f.frame) > maxFrame {
		err = errTooBig
	}
	if err != nil {
		f.recv.malformed(f, err)
		f.lose()
		f.skipTS = ts
		return
	}
	if marker && !f.split || !f.video() {
		f.finish()
	}
}

// finish passes on the frame that is complete.
func (f *flow) finish() {
	frame := f.frame
	f.frame, f.open, f.done = f.frame[:0], false, f.ts
	f.pack.reset()
	if len(frame) == 0 {
		return
	}
	u, err := f.unit(frame)
	if err != nil {
		f.recv.malformed(f, err)
		f.lose()
		f.skips = false
		return
	}
	if len(u.Payload) == 0 {
		return
	}
	if u.Config != nil {
		f.configure(u.Config, u.Flags)
	}
	if u.Flags&(stream.KeyFrame|stream.Recovery) != 0 {
		f.broken = false
		if u.Flags&stream.KeyFrame != 0 {
			f.wantKey = false
			f.recv.stats.KeyFrames++
			f.size(u.Payload)
		}
	}
	if f.broken || !f.ready {
		f.wantKey = f.wantKey || f.video()
		f.gap = f.gap || f.wrote
		f.recv.stats.Dropped++
		return
	}
	f.recv.stats.Frames++
	f.wrote = true
	if f.gap {
		u.Flags |= stream.Discontinuity
		f.gap = false
	}
	f.recv.out.add(f, f.clock.media(f.ts), u.Flags, append([]byte(nil), u.Payload...))
}

// unit brings the frame into the form of the library.
func (f *flow) unit(frame []byte) (codec.Unit, error) {
	switch c := f.info.Codec; c {
	case stream.H264, stream.HEVC:
		return codec.NormalizeNAL(c, f.info.Config, 4, frame)
	case stream.AV1:
		return codec.NormalizeAV1(f.info.Config, frame)
	default:
		u := codec.Unit{Payload: frame}
		if codec.VPKey(c, frame) {
			u.Flags = stream.KeyFrame
		}
		return u, nil
	}
}

// configure takes a new decoder configuration, which may be seen by the packets that follow.
func (f *flow) configure(config []byte, flags stream.Flags) {
	f.info.Config = append([]byte(nil), config...)
	if err := codec.FillTrack(&f.info); err != nil {
		f.recv.warn("config", fmt.Errorf("%v: %w", f.info.Codec, err))
	}
	f.dts.configure(&f.info)
	f.recv.out.changed = true
}

// size learns what a key frame tells, and that the track is whole.
func (f *flow) size(frame []byte) {
	old := f.info
	_ = codec.FillFrame(&f.info, frame)
	whole := len(f.info.Config) > 0 || f.info.Codec == stream.VP8 || f.info.Codec == stream.VP9
	if f.info.Width != old.Width || f.info.Height != old.Height || whole && !f.ready {
		f.recv.out.changed = true
	}
	f.ready = f.ready || whole
	f.dts.configure(&f.info)
}
