package flv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestPlay plays each clip over each kind of HTTP.
func TestPlay(t *testing.T) {
	r := newRig(t, Config{})
	h1, h2 := httpClient(t, false), httpClient(t, true)
	for i, clip := range streamtest.Clips() {
		for _, c := range []struct {
			name, base string
			client     *http.Client
		}{
			{"HTTP", "http://" + r.addr, h1},
			{"HTTPS", "https://" + r.secure, h1},
			{"HTTP2", "https://" + r.secure, h2},
		} {
			t.Run(clip.Name+"/"+c.name, func(t *testing.T) {
				k := liveKey
				k.Name = c.name + strconv.Itoa(i)
				f := r.publish(t, k, clip)
				resp := get(t, c.client, c.base+"/live/"+k.Name+".flv")
				require.Equal(t, 200, resp.StatusCode)
				require.Equal(t, map[bool]int{true: 2, false: 1}[c.client == h2], resp.ProtoMajor)
				require.Equal(t, "video/x-flv", resp.Header.Get("Content-Type"))
				f.finish()
				requirePlayed(t, f.all, resp.Body)
			})
		}
	}
	waitFor(t, "the sessions have ended", func() bool { return r.sessions() == 0 })
}

// raw sends a request as it is.
func raw(t testing.TB, addr, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(c, request)
	require.NoError(t, err)
	return c, bufio.NewReader(c)
}

func readHead(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if line == "\r\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// The heads of a real SRS.
const (
	wantHead = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Type: video/x-flv\r\nServer: " + serverName +
		"\r\nTransfer-Encoding: chunked\r\n"
	wantCORS = "HTTP/1.1 200 OK\r\nConnection: Close\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n" +
		"Access-Control-Allow-Methods: *\r\nAccess-Control-Expose-Headers: *\r\nAccess-Control-Allow-Credentials: false\r\n" +
		"Access-Control-Request-Private-Network: true\r\nContent-Type: video/x-flv\r\nServer: " + serverName +
		"\r\nTransfer-Encoding: chunked\r\n"
)

func TestHeads(t *testing.T) {
	r := newRig(t, Config{})
	f := r.publish(t, liveKey, streamtest.H264AAC())
	for _, c := range []struct{ name, request, want string }{
		{"GET", "GET /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n", wantHead},
		{"POST", "POST /live/av.flv HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", wantHead},
		{"HEAD", "HEAD /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n", wantHead},
		{"Origin", "GET /live/av.flv HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\n\r\n", wantCORS},
		{"vhost", "GET /live/av.flv?vhost=__defaultVhost__&x=1 HTTP/1.1\r\nHost: x\r\n\r\n", wantHead},
		{"HTTP/1.0", "GET /live/av.flv HTTP/1.0\r\n\r\n", strings.Replace(wantHead, "Transfer-Encoding: chunked\r\n", "", 1)},
		{"PUT", "PUT /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "},
		{"OPTIONS", "OPTIONS /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
		{"not a mount", "GET /live/a/av.flv HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
		{"curl --http2", "GET /live/av.flv HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", wantHead},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, in := raw(t, r.addr, c.request)
			head := readHead(t, in)
			if strings.HasSuffix(c.want, "\r\n") {
				require.Equal(t, c.want, head)
			} else {
				require.True(t, strings.HasPrefix(head, c.want), head)
			}
			if c.name == "HEAD" {
				_, err := in.ReadByte()
				require.ErrorIs(t, err, io.EOF)
			}
		})
	}
	f.finish()
}

// TestChunks reads the chunks strictly, to the last one.
func TestChunks(t *testing.T) {
	r := newRig(t, Config{})
	f := r.publish(t, liveKey, streamtest.H264AAC())
	_, in := raw(t, r.addr, "GET /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Equal(t, wantHead, readHead(t, in))
	f.finish()
	requirePlayed(t, f.all, httputil.NewChunkedReader(in))
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "\r\n", string(rest), "what follows the last chunk")
}

func TestIdentity(t *testing.T) {
	r := newRig(t, Config{})
	f := r.publish(t, liveKey, streamtest.H264BFramesAAC())
	_, in := raw(t, r.addr, "GET /live/av.flv HTTP/1.0\r\n\r\n")
	readHead(t, in)
	f.finish()
	requirePlayed(t, f.all, in)
}

// TestWait holds that nothing is sent before there is something to play, and that a
// client that leaves meanwhile leaves nothing behind.
func TestWait(t *testing.T) {
	for _, noGuess := range []bool{false, true} {
		t.Run(fmt.Sprint("noGuess=", noGuess), func(t *testing.T) {
			r := newRig(t, Config{Vhost: func(string) Remux { return Remux{Enabled: true, NoGuess: noGuess} }})
			const request = "GET /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n"
			c, in := raw(t, r.addr, request)
			gone, _ := raw(t, r.addr, request)
			waitFor(t, "both wait", func() bool { return r.sessions() == 2 })
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, err := in.Peek(1)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			_ = gone.Close()
			waitFor(t, "the one that left is noticed", func() bool { return r.sessions() == 1 })

			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			f := r.publish(t, liveKey, streamtest.H264AAC())
			require.Equal(t, wantHead, readHead(t, in))
			f.finish()
			requirePlayed(t, f.all, httputil.NewChunkedReader(in))
			waitFor(t, "all is gone", func() bool { return r.sessions() == 0 && r.streams() == 0 })
		})
	}
}

// TestSilentStream holds that a viewer that leaves a stream without data is noticed.
func TestSilentStream(t *testing.T) {
	r := newRig(t, Config{})
	r.publish(t, liveKey, streamtest.H264AAC())
	for _, c := range []struct {
		base  string
		http2 bool
	}{{"http://" + r.addr, false}, {"https://" + r.secure, false}, {"https://" + r.secure, true}} {
		resp := get(t, httpClient(t, c.http2), c.base+"/live/av.flv")
		require.Equal(t, 2, r.sessions())
		_ = resp.Body.Close()
		waitFor(t, "it is noticed", func() bool { return r.sessions() == 1 })
	}
}

func TestMaxWait(t *testing.T) {
	r := newRig(t, Config{MaxWait: 50 * time.Millisecond})
	for _, base := range []string{"http://" + r.addr, "https://" + r.secure} {
		resp := get(t, httpClient(t, base[4] == 's'), base+"/live/none.flv")
		require.Equal(t, 404, resp.StatusCode)
		b, _ := io.ReadAll(resp.Body)
		require.Equal(t, "Not Found", string(b))
	}
	waitFor(t, "all is gone", func() bool { return r.sessions() == 0 && r.streams() == 0 })
}

type gate func(*stream.Session) error

func (g gate) Admit(_ context.Context, s *stream.Session) error { return g(s) }

func TestRefusals(t *testing.T) {
	r := newRig(t, Config{Ingest: Ingest{HTTP: "http"}})
	var refusal error
	r.hub.AddGate(gate(func(*stream.Session) error { return refusal }))
	secret := errors.New("secret")
	for _, c := range []struct {
		err  error
		code int
		body string
	}{
		{&stream.DeniedError{Public: "no token", Err: secret}, 403, "no token"},
		{&stream.DeniedError{Err: secret}, 403, "Forbidden"},
		{fmt.Errorf("%w: secret", stream.ErrNotFound), 404, "Not Found"},
		{fmt.Errorf("%w: secret", stream.ErrShutdown), 503, "Service Unavailable"},
		{&stream.RedirectError{URL: "http://other/live/av.flv?x=1"}, 302, "Found"},
		{secret, 500, "Internal Server Error"},
	} {
		refusal = c.err
		for _, method := range []string{"GET", "POST"} {
			req, err := http.NewRequest(method, r.url("/live/av.flv"), strings.NewReader(strings.Repeat("x", map[string]int{"POST": 9}[method])))
			require.NoError(t, err)
			resp, err := httpClient(t, false).Do(req)
			require.NoError(t, err)
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			require.Equal(t, c.code, resp.StatusCode, c.err)
			require.Equal(t, c.body, string(b))
			require.Equal(t, resp.Header.Get("Location") != "", c.code == 302)
		}
	}
	require.Zero(t, r.sessions())
}

func TestVhosts(t *testing.T) {
	r := newRig(t, Config{Vhost: func(name string) Remux {
		return map[string]Remux{
			stream.DefaultVhost: {Enabled: true},
			"a.com":             {Enabled: true, Mount: "[vhost]/[app]-x/[stream].flv"},
			"b.com":             {},
		}[name]
	}}, func(c *protocol.Config) {
		c.Vhosts = protocol.VhostSet{stream.DefaultVhost: true, "a.com": true, "b.com": true, "off.com": false}
	})
	r.publish(t, liveKey, streamtest.H264AAC())
	r.publish(t, stream.Key{Vhost: "a.com", App: "live", Name: "av"}, streamtest.AACOnly())
	r.publish(t, stream.Key{Vhost: stream.DefaultVhost, App: "a/b", Name: "av"}, streamtest.AACOnly())
	for _, c := range []struct {
		host, path string
		flags      int // of the FLV header; 0 for a 404
	}{
		{"any", "/live/av.flv", 5},
		{"any", "/a/b/av.flv", 4},
		{"any", "/a/c/av.flv", 0},
		{"a.com", "/live-x/av.flv", 4},
		{"a.com:80", "/live-x/av.flv", 4},
		{"a.com", "/live/av.flv", 0},
		{"any", "/live-x/av.flv?vhost=a.com", 4},
		{"a.com", "/live/av.flv?domain=__defaultVhost__", 0},
		{"b.com", "/live/av.flv", 0},
		{"off.com", "/live/av.flv", 0},
		{"any", "/live/../av.flv", 0},
	} {
		t.Run(c.host+c.path, func(t *testing.T) {
			_, in := raw(t, r.addr, "GET "+c.path+" HTTP/1.0\r\nHost: "+c.host+"\r\n\r\n")
			head := readHead(t, in)
			if c.flags == 0 {
				require.Contains(t, head, " 404 ")
				return
			}
			require.Contains(t, head, " 200 ")
			b, err := in.Peek(5)
			require.NoError(t, err)
			require.Equal(t, []byte{'F', 'L', 'V', 1, byte(c.flags)}, b)
		})
	}
}

// TestFlags plays with has_audio, has_video, guess_has_av and drop_if_not_match.
func TestFlags(t *testing.T) {
	var x Remux
	r := newRig(t, Config{Vhost: func(string) Remux { return x }})
	const a, v = 4, 1
	for i, c := range []struct {
		name   string
		x      Remux
		clip   *streamtest.Clip
		header byte
		kinds  int
	}{
		{"guess both", Remux{}, streamtest.H264AAC(), a | v, a | v},
		{"guess audio", Remux{}, streamtest.AACOnly(), a, a},
		{"guess video", Remux{}, streamtest.H264Only(), v, v},
		{"guess overrides", Remux{NoAudio: true, NoVideo: true}, streamtest.H264AAC(), a | v, a | v},
		{"no guess", Remux{NoGuess: true}, streamtest.AACOnly(), a | v, a},
		{"no audio", Remux{NoGuess: true, NoAudio: true}, streamtest.H264AAC(), v, v},
		{"no video", Remux{NoGuess: true, NoVideo: true}, streamtest.H264AAC(), a, a},
		{"neither", Remux{NoGuess: true, NoAudio: true, NoVideo: true}, streamtest.H264AAC(), a | v, a | v},
		{"keep", Remux{NoGuess: true, NoAudio: true, KeepUnannounced: true}, streamtest.H264AAC(), v, a | v},
	} {
		t.Run(c.name, func(t *testing.T) {
			x = c.x
			x.Enabled = true
			k := liveKey
			k.Name = strconv.Itoa(i)
			f := r.publish(t, k, c.clip)
			in := bufio.NewReader(get(t, httpClient(t, false), r.url("/live/"+k.Name+".flv")).Body)
			f.finish()
			b, err := in.Peek(5)
			require.NoError(t, err)
			require.Equal(t, c.header, b[4])
			kinds := 0
			for p, err := range stream.Packets(NewReader(in)) {
				require.NoError(t, err)
				kinds |= map[stream.Kind]int{stream.KindAudio: a, stream.KindVideo: v}[p.Kind()]
			}
			require.Equal(t, c.kinds, kinds)
		})
	}
}

// TestMetaData adds fields, also where the header announces less than there is.
func TestMetaData(t *testing.T) {
	x := DefaultRemux()
	r := newRig(t, Config{
		Vhost:    func(string) Remux { return x },
		MetaData: []stream.Field{{Name: "server", Value: "srsd/1"}},
	})
	for _, keep := range []bool{false, true} {
		x.KeepUnannounced = keep
		f := r.publish(t, liveKey, streamtest.H264AAC())
		in := NewReader(get(t, httpClient(t, false), r.url("/live/av.flv")).Body)
		p, err := in.ReadPacket()
		require.NoError(t, err)
		require.Contains(t, p.Tracks.Meta, stream.Field{Name: "server", Value: "srsd/1"})
		f.finish()
		waitFor(t, "the stream's end", func() bool { return r.streams() == 0 })
	}
}

// TestPrograms plays with curl and ffprobe.
func TestPrograms(t *testing.T) {
	r := newRig(t, Config{})
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed")
	}
	for _, arg := range []string{"--http1.1", "--http1.0", "--http2", "--http2-prior-knowledge"} {
		f := r.publish(t, liveKey, streamtest.H264AAC())
		file := filepath.Join(t.TempDir(), "a.flv")
		cmd := exec.Command(curl, "-sSN", arg, "-o", file, r.url("/live/av.flv"))
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		waitFor(t, "curl plays", func() bool { s, err := os.Stat(file); return err == nil && s.Size() > 0 })
		f.finish()
		require.NoError(t, cmd.Wait(), "%s: %s", arg, out.String())
		b, err := exec.Command(probe, "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", file).CombinedOutput()
		require.NoError(t, err)
		video, audio, _ := count(f.all)
		require.Contains(t, [][]string{
			{fmt.Sprint("aac,", audio), fmt.Sprint("h264,", video)},
			{fmt.Sprint("aac,", audio-1), fmt.Sprint("h264,", video)}, // one precedes the first key frame
		}, slices.Sorted(slices.Values(strings.Fields(string(b)))), arg)
		waitFor(t, "the stream is gone", func() bool { return r.streams() == 0 })
	}
}
