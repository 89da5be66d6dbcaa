package rtmp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"math/big"
	"testing"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestClips: what is published is played, packet by packet.
func TestClips(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	for _, clip := range streamtest.Clips() {
		t.Run(clip.Name, func(t *testing.T) {
			t.Parallel()
			play := srv.dial(t)
			play.await(clip.Name)
			pub := srv.dial(t)
			pub.publish(clip.Name)
			want := clip.Packets()
			var c streamtest.Compare
			if clip == streamtest.FLV1Speex() {
				want = clip.Packets() // nothing tells of the video before it comes
				c.AnyConfig = true    // the first byte of the body, which the clip has not
			}
			if missing := len(clip.Packets()) - len(want); missing > 2 {
				t.Fatalf("a player would miss %d packets", missing)
			}
			// A second at a time: a player that seems to be behind by more does without
			// B-frames.
			var d flv.Decoder
			var got []*stream.Packet
			for rest, n := clip.Packets(), 0; len(rest) > 0; rest = rest[n:] {
				for n = 0; n < len(rest) && rest[n].DTS < rest[0].DTS+time.Second; n++ {
				}
				pub.media(rest[:n]...)
				got = append(got, play.receivedBy(&d, max(0, len(want)-len(got)-(len(rest)-n)))...)
			}
			streamtest.Equal(t, want, got, c)
			play.quiet()

			// Who joins at the end gets the last group of pictures.
			late := srv.dial(t)
			late.play(clip.Name)
			from := len(want) - 1
			for clip.Tracks().Has(stream.KindVideo) && !want[from].Key() {
				from--
			}
			got = late.received(len(want) - from)
			streamtest.Equal(t, want[from:], got, c)
			if d := got[0].DTS - want[from].DTS; d.Abs() > time.Second {
				t.Errorf("the late player's time is off by %v", d)
			}
		})
	}
}

// twoTracks gives a publication of two video and two audio tracks.
func twoTracks() []*stream.Packet {
	a, b := streamtest.H264AAC(), streamtest.VP9Opus()
	tracks := &stream.Tracks{}
	for _, c := range []*streamtest.Clip{a, b} {
		for _, x := range c.Tracks().List {
			if x.ID, x.Default = 0, c == a; c == b {
				x.ID = 1
			}
			tracks.List = append(tracks.List, x)
		}
	}
	var all []*stream.Packet
	pa, pb := a.Packets(), b.Packets()
	add := func(from *[]*stream.Packet, base int) {
		p := *(*from)[0]
		p.Tracks, p.Track = tracks, p.Track+base
		all = append(all, &p)
		*from = (*from)[1:]
	}
	for len(pa)+len(pb) > 0 {
		if len(pb) == 0 || len(pa) > 0 && pa[0].DTS <= pb[0].DTS {
			add(&pa, 0)
		} else {
			add(&pb, len(a.Tracks().List))
		}
	}
	return all
}

// TestMultitrack: all tracks for players that know them, the default ones for others.
func TestMultitrack(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	able, plain, pub := srv.dial(t), srv.dial(t), srv.dial(t)
	able.await("m", amf.Field{Name: "capsEx", Value: 2.0})
	plain.await("m")
	pub.publish("m", amf.Field{Name: "capsEx", Value: 2.0})
	packets := twoTracks()
	pub.media(packets...)
	streamtest.Equal(t, packets, able.received(len(packets)), streamtest.Compare{})
	var single []*stream.Packet
	for _, p := range packets {
		if p.Info().ID == 0 {
			single = append(single, p)
		}
	}
	streamtest.Equal(t, single, plain.received(len(single)), streamtest.Compare{})
}

// TestData: data messages reach players in order, metadata as the publisher's stream has
// it, in AMF0 whatever it came in.
func TestData(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{rtmp: rtmp.Config{MetaData: []stream.Field{{Name: "server", Value: "x"}}}})
	play, pub := srv.dial(t), srv.dial(t)
	play.await("s")
	pub.publish("s")
	data := func(ts uint32, vs ...any) { t.Helper(); pub.send(chunk.Data0, 5, 1, ts, amf.AppendAll(nil, vs...)) }
	data(0, "@setDataFrame", "onMetaData", amf.ECMAArray{{Name: "duration", Value: 9.0}, {Name: "server", Value: "y"}, {Name: "custom", Value: "z"}})
	pub.media(live[1:]...)
	data(50, "onTextData", amf.Object{{Name: "text", Value: "hello"}})
	pub.send(chunk.Data3, 5, 1, 60, amf.AppendAll([]byte{0}, "onCuePoint", amf.Object{{Name: "name", Value: "cue"}}))
	data(70, "|RtmpSampleAccess", true, true)
	data(80, "onMetaData", amf.Object{{Name: "custom", Value: "new"}})
	data(0, "onFI", 1.0) // no time of its own
	pub.media(testPacket(stream.KindVideo, 80, 1))
	play.expect(
		`5/1 "onMetaData" [width:320 encoder:"Lavf59.27.100" server:"x"]`, `7/1 type 8 at 0: af00`, `6/1 type 9 at 0: 1700`, `6/1 type 9 at 0: 1701`,
		`6/1 type 9 at 40: 2701`, `5/1 "onTextData" {text:"hello"}`, `5/1 "onCuePoint" {name:"cue"}`,
	)
	play.until(`5/1 "onFI" 1`)
	play.until(`6/1 type 9 at 80: 2701`)
}

// TestMetaDataUpdate: metadata that changes is told to who plays.
func TestMetaDataUpdate(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	play, pub := srv.dial(t), srv.dial(t)
	play.await("s")
	pub.publish("s")
	pub.media(live[1:]...)
	play.until(`6/1 type 9 at 40: 2701`)
	pub.send(chunk.Data0, 5, 1, 50, amf.AppendAll(nil, "@setDataFrame", "onMetaData", amf.ECMAArray{{Name: "duration", Value: 9.0}, {Name: "title", Value: "new"}}))
	pub.send(chunk.Video, 6, 1, 80, []byte{0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 9})
	play.expect(`5/1 "onMetaData" [title:"new"]`)
	play.until(`6/1 type 9 at 80: 2701`)
}

// TestAggregate: messages inside of one are messages.
func TestAggregate(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	play, pub := srv.dial(t), srv.dial(t)
	play.await("s")
	pub.publish("s")
	pub.media(live[1])
	var b []byte
	for i := range 3 {
		p := testPacket(stream.KindVideo, 40+40*i, byte(i))
		b = flv.AppendTag(b, flv.TagVideo, uint32(40+40*i), flv.AppendPrefix(nil, p), p.Payload)
	}
	pub.send(chunk.Aggregate, 6, 1, 100, b)
	play.until(`6/1 type 9 at 0: 1701`)
	play.expect(`6/1 type 9 at 100: 2701`, `6/1 type 9 at 140: 2701`, `6/1 type 9 at 180: 2701`)
}

// chunked is a message in chunks of 128 bytes, in one of the dialects of type 3 chunks
// after an extended timestamp: with the timestamp again, as the specification has it, or
// without.
func chunked(m chunk.Message, repeat bool) []byte {
	b := chunk.AppendHeader(nil, m.Header, len(m.Payload))
	for p := m.Payload; ; {
		n := min(len(p), chunk.DefaultSize)
		b = append(b, p[:n]...)
		if p = p[n:]; len(p) == 0 {
			return b
		}
		if repeat {
			b = chunk.AppendContinuation(b, m.Header)
		} else {
			b = append(b, 0xc0|byte(m.ChunkStream))
		}
	}
}

// TestTimestampWraps: time goes on over the ends of 24 and 32 bits, in both dialects.
func TestTimestampWraps(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	for name, x := range map[string]struct {
		start, mask uint32
		repeat      bool
	}{
		"24 bits, repeated":     {0xfffe00, 0xffffffff, true},
		"24 bits, not repeated": {0xfffe00, 0xffffffff, false},
		"24 bits, wraps":        {0xfffe00, 0xffffff, true},
		"32 bits, repeated":     {0xfffffe00, 0xffffffff, true},
		"32 bits, not repeated": {0xfffffe00, 0xffffffff, false},
		"31 bits":               {0x7ffffe00, 0xffffffff, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play, pub := srv.dial(t), srv.dial(t)
			play.await(name)
			pub.connect("rtmp://127.0.0.1/live")
			pub.command("publish", 3, 1, name, "live")
			pub.until(publishStart)
			var want []*stream.Packet
			var b []byte
			send := func(typ uint8, cs, ts uint32, prefix, payload []byte) {
				m := chunk.Message{Header: chunk.Header{Type: typ, ChunkStream: cs, StreamID: 1, Timestamp: ts & x.mask}}
				m.Payload = append(prefix, payload...)
				b = append(b, chunked(m, x.repeat)...)
			}
			send(chunk.Video, 6, x.start, nil, flv.AppendConfig(nil, testTracks, 0))
			send(chunk.Audio, 7, x.start, nil, flv.AppendConfig(nil, testTracks, 1))
			for i := range 60 {
				for _, k := range []stream.Kind{stream.KindVideo, stream.KindAudio} {
					p := testPacket(k, i*40, byte(i))
					p.Payload = append(p.Payload, make([]byte, 300)...)
					if k == stream.KindVideo {
						binary.BigEndian.PutUint32(p.Payload, uint32(len(p.Payload)-4))
					}
					want = append(want, p)
					typ, cs := chunk.Video, uint32(6)
					if k == stream.KindAudio {
						typ, cs = chunk.Audio, 7
					}
					send(typ, cs, x.start+uint32(i)*40, flv.AppendPrefix(nil, p), p.Payload)
				}
			}
			pub.write(b)
			streamtest.Equal(t, want, play.received(len(want)), streamtest.Compare{})
		})
	}
}

// TestPlayerTimestampWraps: a player's time passes 24 bits too, in the specification's
// dialect.
func TestPlayerTimestampWraps(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: stream.Settings{Jitter: stream.JitterOff}})
	play, pub := srv.dial(t), srv.dial(t)
	play.await("s")
	pub.publish("s")
	var packets []*stream.Packet
	for i := range 20 {
		p := testPacket(stream.KindVideo, i*40, byte(i))
		p.DTS += (1<<24 - 400) * time.Millisecond
		p.PTS = p.DTS
		packets = append(packets, p)
	}
	pub.media(packets...)
	got := play.received(len(packets))
	streamtest.Equal(t, packets, got, streamtest.Compare{})
	if got[0].DTS != packets[0].DTS {
		t.Errorf("time_jitter off: time starts at %v, not %v", got[0].DTS, packets[0].DTS)
	}
}

// TestPrivateTimeline: time_jitter full gives each player a time of its own from 0, with
// jumps replaced by 10 ms.
func TestPrivateTimeline(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		jitter stream.Jitter
		want   []string
	}{
		{stream.JitterFull, []string{`*at 0: 1701`, `*at 40: 2701`, `*at 50: 2701`, `*at 90: 2701`}},
		{stream.JitterZero, []string{`*at 0: 1701`, `*at 40: 2701`, `*at 1040: 2701`, `*at 1080: 2701`}},
	} {
		srv := runServer(t, serverConfig{settings: stream.Settings{Jitter: x.jitter}})
		pub := srv.dial(t)
		pub.publish("s")
		early := srv.dial(t)
		early.play("s")
		var packets []*stream.Packet
		for i, ms := range []int{0, 40, 1040, 1080} {
			p := testPacket(stream.KindVideo, i, byte(i))
			p.DTS = 100*time.Second + time.Duration(ms)*time.Millisecond
			p.PTS = p.DTS
			packets = append(packets, p)
		}
		pub.media(packets...)
		pub.quiet()
		late := srv.dial(t)
		late.play("s")
		for _, c := range []*rawConn{early, late} {
			c.until(`6/1 type 9 at 0: 1700`)
			c.expect(x.want...)
			c.ping(1) // answered between media
			c.expect(`2/0 UserControl 7 1`)
		}
	}
}

// TestLegacyHEVC: what came under CodecID 12 leaves so.
func TestLegacyHEVC(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	for name, x := range map[string]struct {
		header string
		frame  byte // the first of a key frame's body
	}{
		"legacy":   {`6/1 type 9 at *: 1c00`, 0x1c},
		"enhanced": {`6/1 type 9 at *: 9068`, 0x93},
	} {
		tracks := *streamtest.HEVCAAC().Tracks()
		tracks.List = append([]stream.Track(nil), tracks.List...)
		for i := range tracks.List {
			tracks.List[i].LegacyID = name == "legacy" && tracks.List[i].Codec == stream.HEVC
		}
		var packets []*stream.Packet
		for _, p := range streamtest.HEVCAAC().Packets() {
			q := *p
			q.Tracks = &tracks
			packets = append(packets, &q)
		}
		play, pub := srv.dial(t), srv.dial(t)
		play.await(name)
		pub.publish(name)
		pub.media(packets...)
		play.until(x.header)
		m := play.next()
		for m.Type == chunk.Audio { // it precedes the picture
			m = play.next()
		}
		if m.Payload[0] != x.frame {
			t.Errorf("%s: first frame %s", name, say(m))
		}
	}
}

// TestRTMPS: the same over TLS.
func TestRTMPS(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{rtmp: rtmp.Config{TLS: testTLS(t)}})
	secure := make(chan bool, 4)
	srv.Hub().AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		if s.Action != stream.ActionConnect {
			secure <- s.Request.TLS
		}
		return nil
	}))
	play, pub := srv.dialTLS(t), srv.dialTLS(t)
	play.await("s")
	pub.publish("s")
	for range 2 {
		if !<-secure {
			t.Error("a session does not know that it is over TLS")
		}
	}
	want := streamtest.H264AAC().Packets()
	pub.media(streamtest.H264AAC().Packets()...)
	streamtest.Equal(t, want, play.received(len(want)), streamtest.Compare{})
	for s := range srv.Hub().Sessions() {
		if s.Action == stream.ActionPlay {
			s.Kick(nil)
		}
	}
	play.expect(`5/1 "onStatus" 0 null {level:"status" code:"NetStream.Play.Stop" description:"Disconnected by the operator."}`)
	play.ended()
}

func testTLS(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
