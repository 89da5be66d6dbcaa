package rtc

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/egress"
	"github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/rtc/signal"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

// session is a client that publishes or plays.
type session struct {
	m         *Module
	id, token string
	key       stream.Key
	vhost     Vhost
	publish   bool
	plain     bool
	start     time.Time

	pub    *stream.Publisher // of one that publishes
	player *stream.Player    // of one that plays
	take   publishing
	audio  *desc.Media // what a player is sent
	video  *desc.Media
	drops  atomic.Int64 // packets to drop, for tests

	mu               sync.Mutex
	peer             *peer.Peer
	viewer           *egress.Viewer
	stop             func() bool // ends the watch over the hub's session; nil before there is a peer
	etag             string
	ufrag, remotePwd string // the client's
	over             bool
}

// admit asks the gates.
func (s *session) admit(ctx context.Context, r stream.Request) (err error) {
	hub := s.m.host.Hub
	s.start = time.Now()
	if s.publish {
		if s.pub, err = hub.Publish(ctx, r); err != nil {
			return err
		}
	} else {
		if err := s.bridged(r.Key); err != nil {
			return err
		}
		if s.player, err = hub.Play(ctx, r); err != nil {
			return err
		}
	}
	ses := s.session()
	s.m.host.Logger.Info("rtc session", "id", ses.ID, "type", r.Type, "stream", r.Key, "remote", r.Remote, "param", r.Param)
	return nil
}

// bridged refuses what another protocol publishes, where that is not wanted.
func (s *session) bridged(k stream.Key) error {
	st := s.m.host.Hub.Stream(k)
	if !s.vhost.NoBridge || st == nil {
		return nil
	}
	if p := st.Publisher(); p != nil && p.Request.Protocol != "rtc" {
		return &stream.DeniedError{Public: "the stream is not bridged to WebRTC", Err: &disabled{fmt.Sprintf("%v is published by %s, which is not bridged (rtmp_to_rtc off)", k, p.Request.Protocol)}}
	}
	return nil
}

// session gives the hub's.
func (s *session) session() *stream.Session {
	if s.publish {
		return s.pub.Session
	}
	return s.player.Session()
}

// prepare takes what was agreed upon.
func (s *session) prepare(list []desc.Media) {
	if s.publish {
		s.take.open(s, list)
		return
	}
	s.audio, s.video = find(list, stream.KindAudio), find(list, stream.KindVideo)
}

// setPeer has the session's transport, and ends with the hub's session from now on, unless it has ended
// meanwhile. Before, the parts that end would look at are not there.
func (s *session) setPeer(p *peer.Peer) {
	ctx := s.session().Context()
	s.mu.Lock()
	s.peer = p
	over := s.over
	if !over {
		s.stop = context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	}
	s.mu.Unlock()
	if over { // before it entered
		p.Close(nil)
		s.m.leave(s)
	}
}

// transport gives the peer; nil before there is one.
func (s *session) transport() *peer.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer
}

// connected is told when media can flow.
func (s *session) connected() {
	p := s.transport()
	remote := ""
	if p != nil {
		remote = p.Remote()
	}
	s.m.host.Logger.Info("rtc connected", "id", s.session().ID, "stream", s.key, "peer", remote, "after", time.Since(s.start).Round(time.Millisecond))
	if s.publish {
		s.take.receiver.RequestKeyFrame()
	} else if err := s.view(); err != nil {
		s.end(err)
	}
}

// view begins to send the stream.
func (s *session) view() error {
	st := s.player.Stream()
	if s.audio != nil && !s.vhost.NoBridge {
		var err error
		if st, err = st.Sound(s.audio.Codecs[0].Codec); err != nil {
			return err
		}
	}
	cfg := s.m.cfg.Load()
	v, err := s.m.sender.View(egress.ViewerConfig{
		Stream: st, Audio: s.audio, Video: s.video, Peer: s, Session: sent{s.player}, KeyFrame: s.player.RequestKeyFrame,
		Packets:      egress.Config{KeepBFrame: s.vhost.KeepBFrames, DropSEI: s.vhost.NoSEI, MergeNALUs: cfg.MergeNALUs},
		PlayoutDelay: s.vhost.PlayoutDelay, NoNACK: s.vhost.NoNACK, Ended: s.end,
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.viewer = v
	over := s.over
	s.mu.Unlock()
	if over {
		v.Close()
	}
	return nil
}

// sent counts what a player is sent.
type sent struct{ p *stream.Player }

// AddSent counts bytes.
func (s sent) AddSent(n int) { s.p.AddSent(0, n) }

// AppendRTP sends a packet to the client, as egress.Peer has it.
func (s *session) AppendRTP(b *wire.Batch, header, payload []byte) error {
	if s.dropped() {
		return nil
	}
	return s.peer.AppendRTP(b, header, payload) // set before the viewer was
}

// WriteRTCP sends a compound packet.
func (s *session) WriteRTCP(b []byte) error {
	if p := s.transport(); p != nil {
		return p.WriteRTCP(b)
	}
	return peer.ErrNotConnected
}

// dropped tells whether a test wants a packet to be lost.
func (s *session) dropped() bool { return s.drops.Load() > 0 && s.drops.Add(-1) >= 0 }

// rtp takes a packet of the client's.
func (s *session) rtp(b []byte, at time.Time) {
	s.m.tap.packet(b)
	if !s.publish || s.dropped() || s.vhost.DropPT != 0 && len(b) > 1 && b[1]&0x7f == s.vhost.DropPT {
		return
	}
	s.take.receiver.RTP(b, at)
}

func (s *session) rtcp(b []byte, at time.Time) {
	s.m.tap.packet(b)
	if s.publish {
		s.take.receiver.RTCP(b, at)
		return
	}
	s.mu.Lock()
	v := s.viewer
	s.mu.Unlock()
	if v != nil {
		v.RTCP(b, at)
	}
}

// patch restarts ICE if the client has other credentials than before.
func (s *session) patch(p *signal.Patch) (*signal.Restarted, error) {
	if p.Token != s.token {
		return nil, signal.ErrToken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	restart, err := p.Restart(s.etag, s.ufrag, s.remotePwd)
	if err != nil || !restart || s.peer == nil {
		return nil, err
	}
	ufrag, pwd := sdp.NewCredentials()
	if err := s.peer.Restart(ufrag, pwd, p.Ufrag, p.Pwd); err != nil {
		return nil, err
	}
	s.ufrag, s.remotePwd, s.etag = p.Ufrag, p.Pwd, stream.NewID()
	return &signal.Restarted{ETag: s.etag, Ufrag: ufrag, Pwd: pwd, Candidates: s.m.candidates(context.Background(), &signal.Request{})}, nil
}

// end ends the session, once. A nil cause is a farewell.
func (s *session) end(cause error) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over = true
	p, v, stop := s.peer, s.viewer, s.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	if v != nil {
		v.Close()
	}
	ses := s.session()
	stats := ses.Stats()
	if s.publish {
		s.take.close()
		_ = s.pub.Close(cause)
	} else {
		_ = s.player.CloseCause(cause)
	}
	if p != nil {
		p.Close(cause)
	}
	s.m.leave(s)
	s.m.host.Logger.Info("rtc session ended", "id", ses.ID, "stream", s.key, "bytes", stats.Bytes, "time", time.Since(s.start).Round(time.Millisecond), "cause", cause)
}
