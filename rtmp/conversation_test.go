package rtmp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// What SRS 6.0.157 answers, in the notation of say: chunk stream, message stream, content.
const (
	windowAckSize = `2/0 WindowAckSize 2500000`
	peerBandwidth = `2/0 SetPeerBandwidth 2500000 2`
	setChunkSize  = `2/0 SetChunkSize 60000`

	connectResult = `3/0 "_result" 1 {fmsVer:"FMS/3,5,3,888" capabilities:127 mode:1} ` +
		`{level:"status" code:"NetConnection.Connect.Success" description:"Connection succeeded" objectEncoding:0 ` +
		`data:[version:"3,5,3,888" srs_sig:"SRS" srs_server:"SRS/6.0.157(Hang)" srs_license:"MIT" ` +
		`srs_url:"https://github.com/ossrs/srs" srs_version:"6.0.157" srs_authors:"" srs_server_ip:"127.0.0.1" ` +
		`srs_pid:32151 srs_id:"????????"]}`

	streamBegin  = `2/0 UserControl 0 1`
	streamEOF    = `2/0 UserControl 1 1`
	playReset    = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Play.Reset" description:"Playing and resetting stream." details:"stream" clientid:"ASAICiss"}`
	playStart    = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Play.Start" description:"Started playing stream." details:"stream" clientid:"ASAICiss"}`
	sampleAccess = `5/1 "|RtmpSampleAccess" true true`

	paused   = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Pause.Notify" description:"Paused stream."}`
	unpaused = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Unpause.Notify" description:"Unpaused stream."}`

	onFCPublish   = `5/1 "onFCPublish" 0 null {code:"NetStream.Publish.Start" description:"Started publishing stream."}`
	onFCUnpublish = `5/1 "onFCUnpublish" 0 null {code:"NetStream.Unpublish.Success" description:"Stop publishing stream."}`
	unpublished   = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Unpublish.Success" description:"Stream is now unpublished" clientid:"ASAICiss"}`
)

// srsInfo makes the server say what that SRS said of itself.
var srsInfo = []amf.Field{
	{Name: "srs_sig", Value: "SRS"}, {Name: "srs_server", Value: "SRS/6.0.157(Hang)"}, {Name: "srs_license", Value: "MIT"},
	{Name: "srs_url", Value: "https://github.com/ossrs/srs"}, {Name: "srs_version", Value: "6.0.157"},
	{Name: "srs_authors", Value: ""}, {Name: "srs_pid", Value: 32151.0},
}

// step is what a client sends and what it then gets, and nothing else.
type step struct {
	do   func(*rawConn)
	want []string
}

func connectTo(url string, more ...amf.Field) func(*rawConn) {
	return func(c *rawConn) { c.t.Helper(); c.sendConnect(url, more...) }
}

func call(name string, tid float64, stream uint32, args ...any) func(*rawConn) {
	return func(c *rawConn) { c.t.Helper(); c.command(name, tid, stream, args...) }
}

func call3(name string, tid float64, args ...any) func(*rawConn) {
	return func(c *rawConn) {
		c.t.Helper()
		b := amf.AppendAll([]byte{0}, append([]any{name, tid, nil}, args...)...)
		c.send(chunk.Command3, 3, 0, 0, b)
	}
}

func connected(objectEncoding string) []string {
	r := strings.Replace(connectResult, "objectEncoding:0", "objectEncoding:"+objectEncoding, 1)
	return []string{windowAckSize, peerBandwidth, setChunkSize, strings.Replace(r, "????????", "*", 1), bwDone}
}

func playAnswer() []string { return []string{streamBegin, playReset, playStart, sampleAccess} }

func result(tid string) string  { return `3/0 "_result" ` + tid + ` null undefined` }
func created(tid string) string { return `3/0 "_result" ` + tid + ` null 1` }

// The media of these conversations: metadata and headers, audio before video.
var live = []*stream.Packet{
	testPacket(stream.KindAudio, 0, 1), testPacket(stream.KindVideo, 0, 2), testPacket(stream.KindVideo, 40, 3),
}

var testTracks = &stream.Tracks{
	Meta: []stream.Field{{Name: "width", Value: 320.0}, {Name: "encoder", Value: "Lavf59.27.100"}},
	List: []stream.Track{
		{Codec: stream.H264, Config: streamtest.H264AAC().Tracks().List[streamtest.H264AAC().Tracks().First(stream.KindVideo)].Config},
		{Codec: stream.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2},
	},
}

// testPacket gives a small packet; the video packet at 0 is a key frame.
func testPacket(k stream.Kind, ms int, fill byte) *stream.Packet {
	at := time.Duration(ms) * time.Millisecond
	p := &stream.Packet{Tracks: testTracks, Track: 1, DTS: at, PTS: at, Payload: []byte{0x21, fill, fill}}
	if k == stream.KindVideo {
		p.Track, p.Payload = 0, []byte{0, 0, 0, 2, 0x41, fill}
		if ms == 0 {
			p.Flags, p.Payload = stream.KeyFrame, []byte{0, 0, 0, 2, 0x65, fill}
		}
	}
	return p
}

// liveAnswer is what a player of live gets.
var liveAnswer = []string{
	`5/1 "onMetaData" [width:320 encoder:"Lavf59.27.100" server:"SRS/6.0.157(Hang)" server_version:"6.0.157"]`,
	`7/1 type 8 at 0: af00`, `6/1 type 9 at 0: 1700`,
	`6/1 type 9 at 0: 1701`, `6/1 type 9 at 40: 2701`,
}

// patient settings never end a publisher for being silent while other tests take time.
var patient = stream.Settings{FirstPacket: -1, Idle: -1}

func TestConversations(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{
		rtmp: rtmp.Config{
			ServerInfo: srsInfo,
			MetaData:   []stream.Field{{Name: "server", Value: "SRS/6.0.157(Hang)"}, {Name: "server_version", Value: "6.0.157"}},
			Vhost: func(name string) rtmp.Vhost {
				if name == "acks.test" {
					return rtmp.Vhost{ChunkSize: 4096, OutAckSize: 5000, InAckSize: 6000}
				}
				return rtmp.Vhost{}
			},
		},
		settings: patient,
		vhosts:   protocol.VhostSet{stream.DefaultVhost: true, "acks.test": true, "ts.test": true, "off.test": false},
	})
	pub := srv.dial(t)
	pub.publish("av")
	pub.media(live...)
	pub.quiet()

	for name, steps := range map[string][]step{
		"connect": {{connectTo("rtmp://127.0.0.1/live", amf.Field{Name: "objectEncoding", Value: 0.0}), connected("0")}},
		"publish flash": {
			{connectTo("rtmp://127.0.0.1/live?x=1"), connected("0")},
			{call("createStream", 4, 0), []string{created("4")}},
			{call("publish", 5, 1, "p2", "live"), []string{publishStart}},
		},
		"publish fmle, unpublish, republish": {
			{connectTo("rtmp://127.0.0.1/live"), connected("0")},
			{call("releaseStream", 2, 0, "p1"), []string{result("2")}},
			{call("FCPublish", 3, 0, "p1"), []string{result("3")}},
			{call("createStream", 4, 0), []string{created("4")}},
			{call("publish", 5, 1, "p1", "live"), []string{onFCPublish, publishStart}},
			{func(c *rawConn) { c.media(live...) }, nil},
			{call("FCUnpublish", 6, 0, "p1"), []string{onFCUnpublish, `3/1 "_result" 6 null undefined`, unpublished}},
			{call("releaseStream", 7, 0, "p1"), []string{result("7")}},
			{call("FCPublish", 8, 0, "p1"), []string{result("8")}},
			{call("createStream", 9, 0), []string{created("9")}},
			{call("publish", 10, 1, "p1", "live"), []string{onFCPublish, publishStart}},
			{call("deleteStream", 11, 0, 1.0), nil},
		},
		"publish haivision": {
			{connectTo("rtmp://127.0.0.1/live"), connected("0")},
			{call("createStream", 2, 0), []string{created("2")}},
			{call("FCPublish", 3, 0, "p3"), []string{result("3")}},
			{call("publish", 4, 1, "p3", "live"), []string{onFCPublish, publishStart}},
		},
		"play, pause, close, play again": {
			{connectTo("rtmp://127.0.0.1/live"), connected("0")},
			{call("createStream", 2, 0), []string{created("2")}},
			{call("play", 3, 1, "av", -2000.0), append(playAnswer(), liveAnswer...)},
			{call("pause", 4, 1, true, 1000.0), []string{paused, streamEOF}},
			{call("pause", 5, 1, false, 1000.0), []string{unpaused, streamBegin}},
			{call("closeStream", 6, 1), nil},
			{call("play", 7, 1, "av", -2000.0), append(playAnswer(), liveAnswer...)},
		},
		"play what is not published": {
			{connectTo("rtmp://127.0.0.1/live"), connected("0")},
			{call("createStream", 2, 0), []string{created("2")}},
			{call("play", 3, 1, "nostream", -2000.0), playAnswer()},
		},
		"play with object encoding 3": {
			{connectTo("rtmp://127.0.0.1/live", amf.Field{Name: "objectEncoding", Value: 3.0}), connected("3")},
			{call3("createStream", 2), []string{created("2")}},
			{call3("play", 3, "av", -2000.0), append(playAnswer(), liveAnswer...)},
		},
		// The vhost in the stream's name: too late for the settings of the connection.
		"vhost in the stream": {
			{connectTo("rtmp://127.0.0.1/live"), connected("0")},
			{call("createStream", 2, 0), []string{created("2")}},
			{call("play", 3, 1, "av?vhost=ts.test", -2000.0), playAnswer()},
		},
		"vhost in the app": {
			{connectTo("rtmp://127.0.0.1/live?vhost=acks.test"), acksConnected()},
			{call("createStream", 2, 0), []string{created("2")}},
		},
		"vhost as the host": {
			{connectTo("rtmp://acks.test/live"), acksConnected()},
		},
		"other calls": {
			{connectTo("rtmp://127.0.0.1/live"), connected("0")},
			{call("_checkbw", 2, 0), nil},
			{call("getStreamLength", 3, 0, "av"), []string{`3/0 "_result" 3 null 0`}},
			{call("unheardOf", 4, 0), []string{result("4")}},
			{call("unheardOf", 0, 0), nil},
			{call("FCUnpublish", 5, 0, "av"), []string{result("5")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := srv.dial(t)
			for _, s := range steps {
				s.do(c)
				c.expect(s.want...)
				c.quiet()
			}
		})
	}
}

func acksConnected() []string {
	w := connected("0")
	w[0], w[2] = `2/0 WindowAckSize 5000`, `2/0 SetChunkSize 4096`
	return w
}

// TestAcknowledgements: the window of the vhost counts the handshake, and acknowledges
// at half.
func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{rtmp: rtmp.Config{Vhost: func(string) rtmp.Vhost { return rtmp.Vhost{InAckSize: 6000} }}})
	c := srv.dial(t)
	c.connect("rtmp://127.0.0.1/live")
	c.command("createStream", 2, 0)
	c.expect(created("2"))
	if len(c.acked) != 1 || c.acked[0] < 3073+250 || c.acked[0] > 3073+600 {
		t.Fatalf("acknowledged %v, want the handshake and what followed", c.acked)
	}
	c.control(chunk.WindowAckSize, 100) // the vhost's holds
	for range 30 {
		c.ping(1)
		c.expect(`2/0 UserControl 7 1`)
		c.send(chunk.Data0, 3, 0, 0, make([]byte, 500))
	}
	c.quiet()
	if n := len(c.acked); n < 4 || n > 7 {
		t.Errorf("%d acknowledgements of 15 kB in a window of 6000", n)
	}
	for i := 1; i < len(c.acked); i++ {
		if d := c.acked[i] - c.acked[i-1]; d < 3000 || d > 3700 {
			t.Errorf("acknowledged %v", c.acked)
		}
	}

	// Without one of the vhost's, the client's holds.
	srv = runServer(t, serverConfig{settings: patient})
	c = srv.dial(t)
	c.connect("rtmp://127.0.0.1/live")
	c.quiet()
	c.control(chunk.WindowAckSize, 1000)
	c.quiet()
	if len(c.acked) != 1 {
		t.Errorf("acknowledged %v", c.acked)
	}
}

// TestPlayerOutlivesPublisher: a player gets the next publication, along one timeline.
func TestPlayerOutlivesPublisher(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	play := srv.dial(t)
	play.await("s")
	pub := srv.dial(t)
	pub.publish("s")
	pub.media(live...)
	play.expect(`5/1 "onMetaData" *`, `7/1 type 8 at 0: af00`, `6/1 type 9 at 0: 1700`, `7/1 type 8 at 0: af01`,
		`6/1 type 9 at 0: 1701`, `6/1 type 9 at 40: 2701`)
	pub.Close()
	srv.logged(t, "rtmp publish ended", "/live/s")
	play.quiet()

	pub = srv.dial(t)
	pub.publish("s")
	second := []*stream.Packet{testPacket(stream.KindVideo, 0, 7), testPacket(stream.KindVideo, 40, 8)}
	pub.media(second...)
	var last uint32 = 40
	for range second {
		m := play.next()
		if m.Type != chunk.Video || m.Payload[1] != 1 {
			continue
		}
		if m.Timestamp <= last || m.Timestamp > last+1000 {
			t.Fatalf("time goes from %d to %d", last, m.Timestamp)
		}
		last = m.Timestamp
	}
	if last < 80 {
		t.Errorf("time ends at %d", last)
	}
}

// TestJoinAtCachedKeyFrame: who joins gets the cached group of pictures at once, not
// from the next key frame on.
func TestJoinAtCachedKeyFrame(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub := srv.dial(t)
	pub.publish("s")
	pub.media(live...)
	pub.quiet()
	for range 2 { // the first makes the wire, the second finds it
		play := srv.dial(t)
		play.play("s")
		play.expect(`5/1 "onMetaData" *`, `7/1 type 8 at 0: af00`, `6/1 type 9 at 0: 1700`, `6/1 type 9 at 0: 1701`, `6/1 type 9 at 40: 2701`)
		play.quiet()
	}
}

// TestPause: nothing is sent to a paused player, which then goes on where it was.
func TestPause(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub := srv.dial(t)
	pub.publish("s")
	pub.media(live...)
	play := srv.dial(t)
	play.play("s")
	play.until(`6/1 type 9 at 40: 2701`)
	play.command("pause", 4, 1, true, 1000.0)
	play.expect(paused, streamEOF)
	pub.media(testPacket(stream.KindVideo, 80, 4))
	pub.quiet()
	play.quiet()
	play.command("pause", 5, 1, false, 1000.0)
	play.until(`6/1 type 9 at 80: 2701`)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	denied := &stream.DeniedError{Public: "Not today.", Err: errors.New("internal reason")}
	srv := runServer(t, serverConfig{
		settings: stream.Settings{Conflict: stream.Refuse, FirstPacket: -1, Idle: -1},
		vhosts:   protocol.VhostSet{stream.DefaultVhost: true, "off.test": false},
	})
	srv.Hub().AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		switch r := s.Request; {
		case r.Key.App == "closed", r.Key.Name == "denied":
			return denied
		case r.Key.Name == "failing":
			return errors.New("internal reason")
		case r.Key.App == "moved" && s.Action == stream.ActionConnect:
			return &stream.RedirectError{URL: "rtmp://other.test/live"}
		case r.Key.Name == "elsewhere":
			return &stream.RedirectError{URL: "rtmp://127.0.0.1:1936/live/ob"}
		}
		return nil
	}))
	pub := srv.dial(t)
	pub.publish("av")
	pub.media(live...)

	const moved = `{level:"error" code:"NetConnection.Connect.Rejected" description:"RTMP 302 Redirect" ex:{code:302 redirect:"rtmp://127.0.0.1:1936/live" redirect2:"rtmp://127.0.0.1:1936/live/ob"}}`
	refused := func(code, text string) string {
		return `5/1 "onStatus" 0 null {level:"error" code:"` + code + `" description:"` + text + `" clientid:"ASAICiss"}`
	}
	for name, x := range map[string]struct {
		url, command, name string
		want               []string
	}{
		"busy":                  {"rtmp://h/live", "publish", "av", []string{refused("NetStream.Publish.BadName", "Stream is already published.")}},
		"publish denied":        {"rtmp://h/live", "publish", "denied", []string{refused("NetStream.Publish.Denied", "Not today.")}},
		"play denied":           {"rtmp://h/live", "play", "denied", []string{refused("NetStream.Play.Failed", "Not today.")}},
		"failure stays inside":  {"rtmp://h/live", "play", "failing", []string{refused("NetStream.Play.Failed", "Refused.")}},
		"publish vhost off":     {"rtmp://h/live", "publish", "x?vhost=off.test", []string{refused("NetStream.Publish.Denied", "No such vhost or stream.")}},
		"play vhost off":        {"rtmp://h/live", "play", "x?vhost=off.test", []string{refused("NetStream.Play.StreamNotFound", "No such stream.")}},
		"play no name":          {"rtmp://h/live", "play", "", []string{refused("NetStream.Play.StreamNotFound", "The stream has no name.")}},
		"publish no name":       {"rtmp://h/live", "publish", "", []string{refused("NetStream.Publish.BadName", "The stream has no name.")}},
		"play redirected":       {"rtmp://h/live", "play", "elsewhere", append(playAnswer(), `5/0 "onStatus" 0 null `+moved)},
		"publish redirected":    {"rtmp://h/live", "publish", "elsewhere", []string{`5/0 "onStatus" 0 null ` + moved}},
		"connect denied":        {"rtmp://h/closed", "", "", []string{`3/0 "_error" 1 null {level:"error" code:"NetConnection.Connect.Rejected" description:"Not today."}`}},
		"connect vhost off":     {"rtmp://off.test/live", "", "", []string{`3/0 "_error" 1 null {level:"error" code:"NetConnection.Connect.InvalidApp" description:"No such vhost or stream."}`}},
		"connect without tcUrl": {"", "", "", []string{`3/0 "_error" 1 null {level:"error" code:"NetConnection.Connect.Rejected" description:"tcUrl is missing"}`}},
		"connect redirected":    {"rtmp://h/moved", "", "", []string{`3/0 "_error" 1 null {level:"error" code:"NetConnection.Connect.Rejected" description:"RTMP 302 Redirect" ex:{code:302 redirect:"rtmp://other.test" redirect2:"rtmp://other.test/live"}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := srv.dial(t)
			c.sendConnect(x.url)
			if x.command != "" {
				c.until(bwDone)
				c.command("createStream", 2, 0)
				c.expect(created("2"))
				// As encoders do that do not wait, media follows at once.
				c.command(x.command, 3, 1, x.name, "live")
				if x.command == "publish" {
					c.media(live...)
				}
			}
			c.expect(x.want...)
			if name == "play redirected" {
				c.command("_result", 0, 0) // the client's answer ends the wait
			}
			c.ended()
		})
	}
	t.Cleanup(func() {
		if log := srv.log.String(); !strings.Contains(log, "internal reason") {
			t.Error("the log does not have the reason")
		}
	})
}

// TestEndings: who is ended by the server is told why, even while media pours in.
func TestEndings(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: stream.Settings{Conflict: stream.TakeOver, FirstPacket: time.Second}})
	kick := func(a stream.Action, name string) {
		for s := range srv.Hub().Sessions() {
			if s.Action == a && s.Request.Key.Name == name {
				s.Kick(nil)
			}
		}
	}
	status := func(level, code, text string) string {
		return `5/1 "onStatus" 0 null {level:"` + level + `" code:"` + code + `" description:"` + text + `"}`
	}
	t.Run("publisher taken over", func(t *testing.T) {
		t.Parallel()
		old := srv.dial(t)
		old.publish("over")
		stop := pour(old)
		defer stop()
		srv.dial(t).publish("over")
		old.expect(status("error", "NetStream.Publish.BadName", "Another publisher took the stream over."))
		old.ended()
		srv.logged(t, "rtmp publish ended", "/live/over", "taken over")
	})
	t.Run("publisher kicked", func(t *testing.T) {
		t.Parallel()
		c := srv.dial(t)
		c.publish("kicked")
		stop := pour(c)
		defer stop()
		kick(stream.ActionPublish, "kicked")
		c.expect(status("error", "NetStream.Publish.Denied", "Disconnected by the operator."))
		c.ended()
	})
	t.Run("player kicked", func(t *testing.T) {
		t.Parallel()
		c := srv.dial(t)
		c.play("watched")
		kick(stream.ActionPlay, "watched")
		c.expect(status("status", "NetStream.Play.Stop", "Disconnected by the operator."))
		c.ended()
		srv.logged(t, "rtmp play ended", "/live/watched", "kicked")
	})
	t.Run("connection kicked", func(t *testing.T) {
		t.Parallel()
		c := srv.dial(t)
		c.connect("rtmp://127.0.0.1/waiting")
		for s := range srv.Hub().Sessions() {
			if s.Action == stream.ActionConnect && s.Request.Key.App == "waiting" {
				s.Kick(nil)
			}
		}
		c.ended()
	})
	t.Run("publisher idle", func(t *testing.T) {
		t.Parallel()
		c := srv.dial(t)
		c.publish("idle")
		c.expect(status("error", "NetStream.Publish.Idle", "Idle for too long."))
		c.ended()
		srv.logged(t, "rtmp publish ended", "/live/idle", "idle")
	})
	t.Run("duration over", func(t *testing.T) {
		t.Parallel()
		c := srv.dial(t)
		c.connect("rtmp://127.0.0.1/live")
		c.command("play", 3, 1, "short", -2000.0, 50.0)
		c.expect(playAnswer()...)
		c.expect(status("status", "NetStream.Play.Stop", "Stopped playing stream."))
		c.ended()
	})
}

// pour writes media without reading until the connection ends or stop is called.
func pour(c *rawConn) (stop func()) {
	b := publishBytes(c.out, live[1:])
	done, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// TestEnhancedConnect: what the server can is told to clients that asked.
func TestEnhancedConnect(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	c := srv.dial(t)
	c.sendConnect("rtmp://127.0.0.1/live", amf.Field{Name: "fourCcList", Value: amf.StrictArray{"*"}}, amf.Field{Name: "capsEx", Value: 2.0})
	c.expect(windowAckSize, peerBandwidth, setChunkSize)
	m := c.next()
	vs, err := amf.DecodeAll(m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{2, 3} {
		o := vs[i].(amf.Object)
		if n := o.Number("capsEx"); n != 15 {
			t.Errorf("capsEx %v", n)
		}
		list, _ := o.Get("fourCcList")
		if s := sayValue(list); !strings.Contains(s, "hvc1") || !strings.Contains(s, "Opus") {
			t.Errorf("fourCcList %s", s)
		}
		video, _ := o.Get("videoFourCcInfoMap")
		if s := sayValue(video); !strings.Contains(s, "av01:4") || strings.Contains(s, "Opus") {
			t.Errorf("videoFourCcInfoMap %s", s)
		}
	}
}

// TestRequest: what gates and observers learn of a client.
func TestRequest(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{vhosts: protocol.VhostSet{stream.DefaultVhost: true, "v.test": true}})
	seen := make(chan stream.Request, 4)
	srv.Hub().AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		if s.Action != stream.ActionOpen { // the same once more
			seen <- s.Request
		}
		return nil
	}))
	c := srv.dial(t)
	c.connect("rtmp://v.test/live?token=1")
	c.replay("s.flv?k=v")
	r := <-seen
	if r.Key != (stream.Key{Vhost: "v.test", App: "live"}) || r.Type != "rtmp" || r.Conn != nil {
		t.Errorf("connect: %+v", r)
	}
	r = <-seen
	if r.Key != (stream.Key{Vhost: "v.test", App: "live", Name: "s"}) || r.Type != "rtmp-play" || r.Protocol != "rtmp" ||
		r.Conn == nil || r.PageURL != "http://page.test/p.html" || r.SwfURL != "http://page.test/p.swf" ||
		r.URL != "rtmp://v.test/live?token=1" || r.Remote != c.LocalAddr().String() || r.TLS {
		t.Errorf("play: %+v", r)
	}
	for _, x := range []struct {
		commands []string
		want     string
	}{
		{[]string{"createStream"}, "flash-publish"},
		{[]string{"releaseStream", "FCPublish", "createStream"}, "fmle-publish"},
		{[]string{"createStream", "FCPublish"}, "haivision-publish"},
	} {
		c := srv.dial(t)
		c.connect("rtmp://127.0.0.1/live")
		<-seen
		for i, name := range x.commands {
			c.command(name, float64(i+2), 0, "p")
		}
		c.command("publish", 9, 1, x.want, "live")
		if r := <-seen; r.Type != x.want {
			t.Errorf("%v: %s", x.commands, r.Type)
		}
	}
}

// TestPing: the answer has the ping's time, whatever the client does.
func TestPing(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	c := srv.dial(t)
	c.quiet() // before connect
	c.publish("s")
	c.ping(0xfffffffe)
	m := c.next()
	if binary.BigEndian.Uint32(m.Payload[2:]) != 0xfffffffe {
		t.Errorf("%s", say(m))
	}
}

// TestGateOfGonePeer: a gate that takes its time learns that the peer has left.
func TestGateOfGonePeer(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{})
	ended := make(chan error, 1)
	srv.Hub().AddGate(stream.GateFunc(func(ctx context.Context, s *stream.Session) error {
		if s.Action != stream.ActionPublish {
			return nil
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}))
	c := srv.dial(t)
	c.connect("rtmp://127.0.0.1/live")
	c.command("createStream", 2, 0)
	c.command("publish", 3, 1, "s", "live")
	_ = c.Close()
	if err := <-ended; !errors.Is(err, protocol.ErrGone) {
		t.Error(err)
	}
}
