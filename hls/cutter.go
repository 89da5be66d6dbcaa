package hls

import (
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

const (
	minSegment = 100 * time.Millisecond // shorter ones are not cut
	maxSegment = time.Minute            // without a key frame
	maxBytes   = 64 << 20               // of a segment

	// floorShare and floorJump are SRS's: how much of a deviation of numbered time goes into the length
	// of segments, and from how many segments on the numbers jump.
	floorShare = 0.3
	floorJump  = 20
)

// cutter makes TS segments of packets by SRS's rules.
type cutter struct {
	c    *channel
	l    *list
	mux  mpegts.Muxer
	buf  []byte // the segment so far
	size int    // of the last one

	frames int // video packets in it

	tracks  *stream.Tracks
	video   int        // index of the track that leads; -1 for none
	sound   []timeline // by index
	scratch stream.Packet

	began  bool // a segment has been opened
	open   bool
	key    bool // the segment begins with a key frame, or there are no pictures
	broken bool // the segment does not continue the one before
	jump   bool // the next one will not
	start  time.Duration
	last   time.Duration // newest time in it
	opened time.Time     // when the segment was
	at     time.Time     // of its first frame

	floor     int64 // numbered time of the last segment; 0 for none
	deviation int64 // of that, in segments

	ill bool // the last segment came to nothing: that was logged

	assembly assembly
}

// timeline is that of a sound track: its frames lie end to end.
type timeline struct {
	samples, hz int           // of a frame; 0 where that is not known
	from        time.Duration // of the first frame
	count       int64         // since then
}

// maxSlip is how far a time stamp may be off its place among frames that lie end to end: carriers round.
const maxSlip = 2 * time.Millisecond

func newCutter(c *channel) *cutter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lists) == 0 {
		c.lists = append(c.lists, newList(c, "", c.listName()))
	}
	return &cutter{c: c, l: c.lists[0], video: -1}
}

// write takes a packet.
func (k *cutter) write(p *stream.Packet) {
	if p.Tracks != k.tracks {
		k.follow(p.Tracks)
	}
	if p.Track == stream.Data {
		if k.open {
			k.buf = k.mux.AppendPacket(k.buf, p)
		}
		return
	}
	if !k.wants(p.Tracks, p.Track) {
		return
	}
	k.hear(p)
	k.jump = k.jump || p.Flags&stream.Discontinuity != 0 && k.began
	video := p.Kind() == stream.KindVideo
	if !video {
		p = k.place(p)
	}
	wait := !k.c.cfg.NoWaitKeyFrame
	if video && !k.began && wait && p.Flags&(stream.KeyFrame|stream.Recovery) == 0 {
		return // nothing could be made of it
	}
	if k.open && k.due(p, video) {
		k.cut(p.DTS)
	}
	if !k.open {
		k.begin(p)
		k.key = k.video < 0
	}
	if video && k.frames == 0 {
		k.key = p.Flags&(stream.KeyFrame|stream.Recovery) != 0
	}
	k.buf = k.mux.AppendPacket(k.buf, p)
	k.last = max(k.last, p.DTS)
	if video {
		k.frames++
	}
}

// follow takes other tracks. Other ones than before, or otherwise configured, begin a segment that does
// not continue: at the next key frame, since until that nothing new can be decoded.
func (k *cutter) follow(t *stream.Tracks) {
	change := t.Diff(k.tracks)
	k.tracks = t
	if change&^stream.ChangeMeta == 0 {
		return
	}
	k.jump = k.began
	k.video = -1
	k.sound, k.assembly.heard = make([]timeline, len(t.List)), make([]bool, len(t.List))
	for i := range t.List {
		x := &t.List[i]
		if !mpegts.Carries(x.Codec) {
			continue
		}
		if x.Kind() == stream.KindVideo && !k.c.cfg.NoVideo && (k.video < 0 || x.Default && !t.List[k.video].Default) {
			k.video = i
		}
		if x.Codec == stream.AAC {
			if c, err := codec.ParseAAC(x.Config); err == nil {
				k.sound[i] = timeline{samples: 1024, hz: c.SampleRate}
			}
		}
	}
	k.describe(t)
}

// describe has the list say what its segments have.
func (k *cutter) describe(t *stream.Tracks) {
	var tracks []stream.Track
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.l.info = nil
	for i := range t.List {
		if !k.wants(t, i) {
			continue
		}
		x, err := cmaf.Describe(t.List[i], nil)
		if err != nil { // it has no more to say without a frame
			x = t.List[i]
		}
		tracks = append(tracks, x)
		if i == k.video {
			k.l.info = &x
		}
	}
	if len(tracks) == 0 {
		k.c.m.logger().Warn("nothing of the stream can be carried in transport streams", "stream", k.c.key)
	}
	k.l.codecs = codecsOf(tracks...)
}

// wants tells whether a track is part of the segments.
func (k *cutter) wants(t *stream.Tracks, i int) bool {
	if i < 0 || i >= len(t.List) || !mpegts.Carries(t.List[i].Codec) {
		return false
	}
	if t.List[i].Kind() == stream.KindVideo {
		return i == k.video
	}
	return !k.c.cfg.NoAudio
}

// place moves a frame of sound to the end of the one before where its time stamp was only rounded.
func (k *cutter) place(p *stream.Packet) *stream.Packet {
	f := &k.sound[p.Track]
	if p.Tracks.List[p.Track].Codec == stream.MP3 {
		if h, err := codec.ParseMP3(p.Payload); err == nil && (f.hz != h.SampleRate || f.samples != h.Samples) {
			*f = timeline{samples: h.Samples, hz: h.SampleRate}
		}
	}
	if f.hz <= 0 || f.samples <= 0 {
		return p
	}
	at := f.from + stream.FromTicks(f.count*int64(f.samples), f.hz)
	if off := p.DTS - at; f.count == 0 || max(off, -off) > maxSlip {
		f.from, f.count, at = p.DTS, 0, p.DTS
	}
	f.count++
	k.scratch = *p
	k.scratch.DTS, k.scratch.PTS = at, at
	return &k.scratch
}

// due tells whether p begins a segment (SRS: is_segment_overflow, is_segment_absolutely_overflow).
func (k *cutter) due(p *stream.Packet, video bool) bool {
	v := &k.c.cfg
	d := p.DTS - k.start
	if d < minSegment {
		return false
	}
	key := video && p.Flags&(stream.KeyFrame|stream.Recovery) != 0
	switch {
	case k.jump && (key || k.video < 0):
		return true
	case d >= maxSegment, len(k.buf) >= maxBytes:
		return true
	case video:
		return (key || v.NoWaitKeyFrame) && k.overflow(d, p.DTS)
	}
	return d >= time.Duration(v.AOFRatio*float64(v.Fragment))
}

// overflow tells whether a key frame ends the segment. The segments of variants end on a grid of stream
// time, so that encoders which began together cut alike.
func (k *cutter) overflow(d, at time.Duration) bool {
	v := &k.c.cfg
	if len(v.Variants) > 0 {
		return at/v.Fragment > k.start/v.Fragment
	}
	least := v.TDRatio * float64(v.Fragment)
	if v.TSFloor {
		least += floorShare * float64(k.deviation) * float64(v.Fragment)
	}
	return float64(d) >= least
}

// begin opens a segment with its first packet.
func (k *cutter) begin(p *stream.Packet) {
	now := time.Now()
	k.open, k.began = true, true
	k.broken, k.jump = k.jump || k.l.fresh, false
	k.l.fresh = false
	k.start, k.last, k.opened, k.frames = p.DTS, p.DTS, now, 0
	if wall := p.NTP; !wall.IsZero() {
		now = wall
	}
	k.at = k.c.clock.at(p.DTS, now, k.broken)
	if cap(k.buf) < k.size { // what the last one had is a good guess
		k.buf = make([]byte, 0, k.size+k.size/4)
	}
	k.buf = k.mux.AppendSegmentStart(k.buf[:0], p.Tracks, p.DTS)
	if k.c.cfg.TSFloor {
		k.number(k.opened)
	}
}

// number gives the segment its time in units of Fragment, one after the other (hls_ts_floor).
func (k *cutter) number(now time.Time) {
	current := now.UnixNano() / int64(k.c.cfg.Fragment)
	if k.floor == 0 || k.floor+1-current > floorJump || current-k.floor-1 > floorJump {
		k.floor = current - 1
	} else {
		k.floor++
	}
	k.deviation = k.floor - current
}

// cut ends the segment at a time.
func (k *cutter) cut(at time.Duration) {
	k.buf = k.mux.Flush(k.buf)
	k.size = len(k.buf)
	k.open = false
	if !k.complete(at) {
		k.jump = k.broken
		return
	}
	err := k.c.addTS(k, at-k.start)
	if err != nil {
		k.c.fail(k.l.name, err, !k.ill)
	}
	k.ill = err != nil
}

// end ends the publication. What is too short for a segment is lost.
func (k *cutter) end() {
	if k.open && k.last-k.start >= minSegment {
		k.assembly.done = true // better than nothing
		k.cut(k.last)
	}
	k.open = false
}

// addTS makes a segment of what the cutter has.
func (c *channel) addTS(k *cutter, d time.Duration) error {
	c.mu.Lock()
	seq := c.next
	c.mu.Unlock()
	vars := storage.Vars{Key: c.key, Seq: seq, Duration: d, Time: k.opened, Timestamp: k.floor}
	name, err := c.cfg.segmentName("", vars)
	if err != nil {
		return err
	}
	s := &seg{seq: seq, name: name, uri: c.cfg.uri(k.l.name, name), dts: k.start, duration: d, at: k.at, discontinuity: k.broken,
		independent: k.key, list: k.l}
	body := make([]byte, len(k.buf), len(k.buf)+16)
	copy(body, k.buf)
	if c.keys != nil {
		if s.key, err = c.keys.next(seq); err != nil {
			return err // not in the clear
		}
		body = s.key.seal(body)
	}
	s.size = len(body)
	s.file = segment.New(typeTS)
	s.file.CacheControl = c.cacheControl()
	s.file.Append(body)
	s.file.Close()
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return nil
	}
	if s.key != nil {
		s.key.users++
	}
	k.l.rate.frames, k.l.rate.length = k.l.rate.frames+k.frames, k.l.rate.length+d
	k.l.add(s)
	c.enter(k.l)
	c.tell()
	c.mu.Unlock()
	c.storeSegment(s)
	return nil
}
