package rtc_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// received is what a player got.
type received struct{ tracks map[stream.Kind]*arrivals }

// arrivals are the packets of one track.
type arrivals struct {
	mu     sync.Mutex
	bySeq  map[int64]*rtp.Packet
	newest int64
}

func (a *arrivals) add(p *rtp.Packet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bySeq == nil {
		a.bySeq, a.newest = map[int64]*rtp.Packet{}, int64(p.SequenceNumber)
	}
	seq := a.newest + int64(int16(p.SequenceNumber-uint16(a.newest)))
	a.newest = max(a.newest, seq)
	a.bySeq[seq] = p
}

// run gives the packets in the order of their numbers, as far as none is missing.
func (a *arrivals) run() (list []*rtp.Packet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []int64
	for n := range a.bySeq {
		all = append(all, n)
	}
	slices.Sort(all)
	for i, n := range all {
		if i > 0 && n != all[i-1]+1 {
			break
		}
		list = append(list, a.bySeq[n])
	}
	return list
}

// frames joins what arrived to access units, as clip has them: the last one, which may go on, is left out.
func (a *arrivals) frames(clip *streamtest.Clip, k stream.Kind) (list []*stream.Packet, err error) {
	tracks := clip.Tracks()
	at := slices.IndexFunc(tracks.List, func(t stream.Track) bool { return t.Kind() == k })
	var base, last uint32
	var extended int64
	pack := &codecs.H264Packet{IsAVC: true}
	var unit []byte
	for i, p := range a.run() {
		if i == 0 {
			base, last = p.Timestamp, p.Timestamp
		}
		extended += int64(int32(p.Timestamp - last))
		last = p.Timestamp
		out := &stream.Packet{Tracks: tracks, Track: at}
		if k == stream.KindAudio {
			out.PTS, out.Payload = stream.FromTicks(int64(p.Timestamp-base), 48000), p.Payload
			list = append(list, out)
			continue
		}
		if len(p.Payload) == 0 {
			continue // a probe
		}
		b, err := pack.Unmarshal(p.Payload)
		if err != nil {
			return nil, fmt.Errorf("packet %d: %w", i, err)
		}
		unit = append(unit, b...)
		if !p.Marker {
			continue
		}
		u, err := codec.NormalizeNAL(stream.H264, tracks.List[at].Config, 4, unit)
		if err != nil {
			return nil, fmt.Errorf("packet %d: %w", i, err)
		}
		out.PTS, out.Flags, out.Payload = stream.FromTicks(extended, 90000), u.Flags&stream.KeyFrame, slices.Clone(u.Payload)
		unit = nil
		list = append(list, out)
	}
	for _, p := range list {
		p.DTS = p.PTS
	}
	return list, nil
}

// media waits until n access units of a kind came without a gap, and gives them.
func (g *received) media(t testing.TB, clip *streamtest.Clip, k stream.Kind, n int) (list []*stream.Packet) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if list, err = g.tracks[k].frames(clip, k); err == nil && len(list) >= n {
			return list
		}
	}
	require.FailNow(t, "too little came", "%v: %d of %d access units, %d packets in order of %d: %v", k, len(list), n, len(g.tracks[k].run()), len(g.tracks[k].bySeq), err)
	return nil
}

// loose is what RTP keeps of a stream.
var loose = streamtest.Compare{Tolerance: 2 * time.Millisecond, FreeSync: true, PTSOnly: true, AnyConfig: true, AnyStart: true, AnyEnd: true}

// inOrder is what can be said of what is published: its time is that of the encoder, who takes its time, and
// sender reports move the picture to the sound.
var inOrder = func() streamtest.Compare { c := loose; c.Tolerance = 5 * time.Second; return c }()

// looped gives the packets of one kind of a clip that goes round n times.
func looped(t testing.TB, clip *streamtest.Clip, k stream.Kind, n int) (list []*stream.Packet) {
	t.Helper()
	for p, err := range stream.Packets(clip.Loop(n)) {
		require.NoError(t, err)
		if p.Kind() == k {
			list = append(list, p)
		}
	}
	return list
}

// sender publishes a clip by a client that is not ours.
type sender struct {
	clip  *streamtest.Clip
	video *webrtc.TrackLocalStaticSample
	audio *webrtc.TrackLocalStaticSample
}

// send adds tracks for a clip of H.264 and Opus.
func (p *peer) send(clip *streamtest.Clip) *sender {
	p.r.t.Helper()
	s := &sender{clip: clip}
	var err error
	s.video, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, "video", "clip")
	require.NoError(p.r.t, err)
	s.audio, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio", "clip")
	require.NoError(p.r.t, err)
	for _, t := range []webrtc.TrackLocal{s.video, s.audio} {
		rs, err := p.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		require.NoError(p.r.t, err)
		go func() {
			b := make([]byte, 1500)
			for {
				if _, _, err := rs.Sender().Read(b); err != nil {
					return
				}
			}
		}()
	}
	return s
}

// WritePacket sends an access unit.
func (s *sender) WritePacket(p *stream.Packet) error {
	if p.Kind() == stream.KindAudio {
		return s.audio.WriteSample(media.Sample{Data: p.Payload, Duration: 20 * time.Millisecond})
	}
	b, err := annexB(p)
	if err != nil {
		return err
	}
	return s.video.WriteSample(media.Sample{Data: b, Duration: 40 * time.Millisecond})
}

// annexB gives an access unit with start codes, and before a key frame the parameter sets.
func annexB(p *stream.Packet) (out []byte, err error) {
	add := func(nal []byte) { out = append(append(out, 0, 0, 0, 1), nal...) }
	if p.Key() {
		c := p.Info().Config // avcC with one set of each kind
		n := int(binary.BigEndian.Uint16(c[6:]))
		add(c[8 : 8+n])
		c = c[8+n+1:]
		add(c[2 : 2+binary.BigEndian.Uint16(c)])
	}
	for b := p.Payload; len(b) > 0; {
		n := int(binary.BigEndian.Uint32(b))
		if n+4 > len(b) {
			return nil, errors.New("a NAL unit is cut")
		}
		add(b[4 : 4+n])
		b = b[4+n:]
	}
	return out, nil
}

// run sends the clip over and over at its pace until the test ends.
func (s *sender) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = streamtest.Publish(ctx, s, s.clip.Loop(0), 1)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// record reads the test's stream until it has n packets of video, and gives all by kind.
func (r *rig) record(n int) map[stream.Kind][]*stream.Packet {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	p, err := r.hub.Play(ctx, stream.Request{Key: liveKey, Persist: true})
	require.NoError(r.t, err)
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	defer p.Close()
	got := map[stream.Kind][]*stream.Packet{}
	for len(got[stream.KindVideo]) < n {
		x, err := p.ReadPacket()
		require.NoError(r.t, cmp.Or(context.Cause(ctx), err), "%d packets came", len(got[stream.KindVideo]))
		got[x.Kind()] = append(got[x.Kind()], x)
	}
	return got
}
