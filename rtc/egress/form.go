package egress

import (
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/stream"
)

// Config says which RTP packets are made of a stream. Viewers of equal configurations share them.
type Config struct {
	Video, Audio stream.Codec // what the viewer takes, 0: none; tracks of other codecs are left out
	// MTU bounds a packet with its headers, before encryption, in bytes; 0: 1200.
	MTU int
	// KeepBFrame keeps H.264 and HEVC frames that are shown before others that are sent earlier.
	// Browsers show them in the order they come, so that motion stutters.
	KeepBFrame bool
	DropSEI    bool // leave supplemental information of H.264 and HEVC out
	MergeNALUs bool // put small NAL units of a frame into one packet
}

const (
	defaultMTU = 1200
	// headRoom is what headers may take of the MTU: 12 bytes, the extensions, and the sequence number
	// that retransmissions carry.
	headRoom = 12 + 4 + 20 + 2
	minMTU   = headRoom + 64
)

// room gives how many bytes of payload fit into a packet.
func (c Config) room() int {
	switch {
	case c.MTU <= 0:
		return defaultMTU - headRoom
	default:
		return max(c.MTU, minMTU) - headRoom
	}
}

// videoClock is the rate of video's RTP timestamps, in Hz.
const videoClock = 90000

// Frame is an access unit as the payloads of RTP packets. It is immutable.
type Frame struct {
	Kind  stream.Kind
	Codec stream.Codec
	Layer int  // simulcast layer
	Key   bool // video: decoding can start here
	// DTS and PTS are on the stream's timeline.
	DTS, PTS time.Duration
	// Timestamp is that of RTP, by the codec's clock, for a viewer whose timestamps begin with the
	// stream's timeline.
	Timestamp uint32
	// Seq counts the packets of the track (of the layer) in this form, over publications: it is the
	// number of the first of the frame's.
	Seq      uint64
	Payloads [][]byte

	track  *track
	bytes  int
	padded int       // the one of Payloads that ends with padding (RFC 3550 5.1), so that its run is of equal size; or -1
	one    [1][]byte // the payloads of a frame with one packet
}

// Form gives the form of a stream that holds RTP packets. Its frames are those of the wanted codecs
// in the order of the stream; a key piece is a video key frame of any layer, or a packet of sound where
// there is no video. Warnings go to log, one of a kind in each publication.
func Form(log *slog.Logger) *stream.Derived[Frame, Config] {
	return &stream.Derived[Frame, Config]{
		Name: "rtp",
		New: func(cfg Config, give func(*Frame, bool)) stream.Sink {
			return newSink(cfg, log, give)
		},
		Size: func(f *Frame) int { return f.bytes },
	}
}

// origin is what the frames of a form have in common.
type origin struct {
	layers atomic.Pointer[[]*track] // of video, by number
	newest atomic.Int64             // DTS of the newest frame
	// epoch is the wall-clock time at which timestamps were zero, in Unix nanoseconds, as the quickest
	// packets of late tell.
	epoch atomic.Int64
}

// track is one track of a form: sound, or a layer of video.
type track struct {
	origin *origin
	kind   stream.Kind
	layer  int

	seq    uint64        // of the next packet
	maxPTS time.Duration // of video, in this publication
	sound  soundClock

	rate   rate
	recent history
}

// sink makes frames of packets.
type sink struct {
	cfg  Config
	log  *slog.Logger
	give func(*Frame, bool)
	pack packer

	origin origin
	all    []*track       // that there ever were
	tracks *stream.Tracks // of the last packet
	of     []*track       // by index in tracks; nil: left out
	sets   []paramSets    // likewise

	pauses time.Duration // between publications, all together
	paused bool          // there is one
	video  bool          // this publication has brought some
	warned map[string]bool
	now    func() time.Time
}

func newSink(cfg Config, log *slog.Logger, give func(*Frame, bool)) *sink {
	s := &sink{cfg: cfg, log: log, give: give, pack: packer{room: cfg.room()}, warned: map[string]bool{}, now: time.Now}
	s.origin.layers.Store(&[]*track{})
	s.reset()
	return s
}

func (s *sink) reset() {
	s.tracks, s.video = nil, false
	clear(s.warned)
	for _, t := range s.all {
		t.maxPTS = math.MinInt64
	}
}

// EndPublication makes the next packet begin another publication.
func (s *sink) EndPublication() error {
	s.reset()
	s.paused = s.origin.epoch.Load() != 0
	return nil
}

// warn logs once in a publication.
func (s *sink) warn(text string, args ...any) {
	if !s.warned[text] {
		s.warned[text] = true
		s.log.Warn(text, args...)
	}
}

// WritePacket makes frames of a packet. Those that make none are left out: an error would end the
// form for all its readers.
func (s *sink) WritePacket(p *stream.Packet) error {
	if p.Tracks != s.tracks {
		s.choose(p.Tracks)
	}
	if p.Track < 0 || p.Track >= len(s.of) || s.of[p.Track] == nil {
		return nil
	}
	s.tick(p.DTS)
	t := s.of[p.Track]
	if t.kind == stream.KindAudio {
		s.writeSound(t, p)
	} else {
		s.writeVideo(t, p)
	}
	return nil
}

// choose finds the tracks that are wanted: the default track of sound, and of video one of each layer.
func (s *sink) choose(ts *stream.Tracks) {
	s.tracks = ts
	s.of, s.sets = make([]*track, len(ts.List)), make([]paramSets, len(ts.List))
	chosen := map[*track]int{}
	for i := range ts.List {
		x := &ts.List[i]
		var t *track
		switch {
		case x.Codec == 0:
			continue
		case x.Codec == s.cfg.Video:
			t = s.track(stream.KindVideo, x.Layer)
		case x.Codec == s.cfg.Audio && playable(x):
			t = s.track(stream.KindAudio, 0)
		default:
			continue
		}
		if old, ok := chosen[t]; ok {
			if !x.Default || ts.List[old].Default {
				continue
			}
			s.of[old] = nil
		}
		chosen[t] = i
		s.of[i] = t
		s.sets[i] = parseSets(x)
	}
}

// track gives the track of a kind and layer.
func (s *sink) track(k stream.Kind, layer int) *track {
	for _, t := range s.all {
		if t.kind == k && t.layer == layer {
			return t
		}
	}
	t := &track{origin: &s.origin, kind: k, layer: layer, maxPTS: math.MinInt64}
	s.all = append(s.all, t)
	if k == stream.KindVideo {
		s.origin.addLayer(t)
	}
	return t
}

// addLayer shows a layer to the viewers.
func (o *origin) addLayer(t *track) {
	old := *o.layers.Load()
	i := 0
	for i < len(old) && old[i].layer < t.layer {
		i++
	}
	all := make([]*track, 0, len(old)+1)
	all = append(append(append(all, old[:i]...), t), old[i:]...)
	o.layers.Store(&all)
}

// tick tells what time it is on the timeline, which has no pauses between publications. Timestamps have
// them: a receiver would take a pause that only the clock on the wall shows for delay on the path, and
// guard against more of it.
func (s *sink) tick(dts time.Duration) {
	const jump = int64(10 * time.Second)
	o, now := &s.origin, s.now().UnixNano()
	if d := int64(dts) - o.newest.Load(); d > 0 || d < -jump {
		o.newest.Store(int64(dts))
	}
	have := o.epoch.Load()
	if s.paused {
		s.paused = false
		s.pauses = max(s.pauses, time.Duration(now-have)-dts)
	}
	epoch := now - int64(dts+s.pauses)
	if late := epoch - have; late > 0 && late < jump { // not the quickest; a publisher's slow clock is followed
		epoch = have + late/1024
	}
	o.epoch.Store(epoch)
}

func (s *sink) writeVideo(t *track, p *stream.Packet) {
	x := p.Info()
	key := p.Flags&(stream.KeyFrame|stream.Recovery) != 0
	if p.PTS < t.maxPTS && !key && !s.cfg.KeepBFrame && reordered(x.Codec, p.Payload) {
		s.warn("B-frames are dropped: WebRTC viewers cannot show them in order; have the encoder make none (x264: bframes=0, tune zerolatency)",
			"codec", x.Codec)
		return
	}
	t.maxPTS = max(t.maxPTS, p.PTS)
	f := &Frame{Kind: stream.KindVideo, Codec: x.Codec, Layer: t.layer, Key: key, DTS: p.DTS, PTS: p.PTS,
		Timestamp: uint32(stream.Ticks(p.PTS+s.pauses, videoClock))}
	parts, err := s.payloads(x.Codec, &s.sets[p.Track], p)
	if err != nil || len(parts) == 0 {
		s.warn("a video frame is left out", "codec", x.Codec, "err", err)
		return
	}
	f.Payloads, f.padded = parts, s.pack.padded
	s.video = true
	s.push(t, f, key)
}

// payloads makes those of a video frame.
func (s *sink) payloads(c stream.Codec, sets *paramSets, p *stream.Packet) ([][]byte, error) {
	s.pack.begin(len(p.Payload) + sets.size)
	key := p.Flags&(stream.KeyFrame|stream.Recovery) != 0
	var err error
	switch c {
	case stream.H264, stream.HEVC:
		err = s.pack.nal(nalOptions{hevc: c == stream.HEVC, dropSEI: s.cfg.DropSEI, merge: s.cfg.MergeNALUs}, sets, key, p.Payload)
	case stream.AV1:
		err = s.pack.av1(sets, key, p.Payload)
	case stream.VP8:
		s.pack.vp8(p.Payload)
	case stream.VP9:
		s.pack.vp9(key, p.Payload)
	}
	return s.pack.parts, err
}

// push gives a frame to the viewers.
func (s *sink) push(t *track, f *Frame, key bool) {
	f.track, f.Seq = t, t.seq
	t.seq += uint64(len(f.Payloads))
	for _, b := range f.Payloads {
		f.bytes += len(b)
	}
	t.rate.add(f.DTS, f.bytes, len(f.Payloads))
	t.recent.add(f)
	s.give(f, key)
}
