package hls

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// rig is a server with the module, asked without a network and by the clock of a bubble.
type rig struct {
	*protocol.Server
	module  *Module
	handler http.Handler
	stopped bool
}

// bubble runs a test with a rig inside of a testing/synctest bubble.
func bubble(t *testing.T, cfg Config, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cfg)
		defer r.stop(t)
		f(t, r)
	})
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{module: New(cfg)}
	r.Server = protocol.NewServer(protocol.Config{}, r.module)
	require.NoError(t, r.Start(context.Background()))
	r.handler = r.Handler("http")
	return r
}

func (r *rig) stop(t testing.TB) {
	if r.stopped {
		return
	}
	r.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	require.Zero(t, r.Panics())
}

// one gives a configuration of all vhosts.
func one(v Vhost) Config {
	v.Enabled = true
	return Config{Vhost: func(string) Vhost { return v }}
}

// plain are settings with which playlists are SRS's of hls_ctx off.
func plain(fragment, window time.Duration) Vhost {
	return Vhost{Fragment: fragment, Window: window, NoCtx: true}
}

var live = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}

// publish publishes in real time, which in a bubble is none.
func (r *rig) publish(t testing.TB, k stream.Key, src stream.Source) {
	t.Helper()
	pub := r.begin(t, k)
	require.NoError(t, streamtest.Publish(context.Background(), pub, src, 1))
	require.NoError(t, pub.Close(nil))
	synctest.Wait()
}

func (r *rig) begin(t testing.TB, k stream.Key) *stream.Publisher {
	t.Helper()
	pub, err := r.Hub().Publish(context.Background(), stream.Request{Key: k})
	require.NoError(t, err)
	return pub
}

// get asks for a path; header is names and values.
func (r *rig) get(t testing.TB, path string, header ...string) *httptest.ResponseRecorder {
	return r.do(t, http.MethodGet, path, header...)
}

func (r *rig) do(t testing.TB, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, "http://h.test"+path, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

// body gives what is at a path, which must be there.
func (r *rig) body(t testing.TB, path string) string {
	t.Helper()
	w := r.get(t, path)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
	return w.Body.String()
}

// uris gives the lines of a playlist that are no tags.
func uris(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

var tags = regexp.MustCompile(`(?m)^#(EXT[A-Z-]*):?(.*)$`)

// tag gives the values of a tag, in order.
func tag(text, name string) (out []string) {
	for _, m := range tags.FindAllStringSubmatch(text, -1) {
		if m[1] == name {
			out = append(out, m[2])
		}
	}
	return out
}

// sample is a playlist of SRS.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(b)
}

// program skips where ffmpeg and its like are not installed.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// decode has ffmpeg decode a file, and gives what it complains of.
func decode(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	args = append(append([]string{"-v", "warning", "-xerror"}, args...), "-f", "null", "-")
	out, err := exec.CommandContext(ctx, program(t, "ffmpeg"), args...).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	return string(out)
}

// decodeEach has ffmpeg decode files, each alone, and gives what it complains of.
func decodeEach(t testing.TB, names ...string) string {
	t.Helper()
	var in, out []string
	for i, name := range names {
		in = append(in, "-i", name)
		if i < len(names)-1 { // decode says where the last one goes
			out = append(out, "-map", strconv.Itoa(i), "-f", "null", "-")
		}
	}
	return decode(t, append(append(in, out...), "-map", strconv.Itoa(len(names)-1))...)
}

// encoder makes packets as an encoder does, of a clip's payloads: 25 frames a second, a key frame each
// gop, and sound in frames of its own length, all in whole milliseconds as RTMP has them.
type encoder struct {
	clip  *streamtest.Clip
	gop   time.Duration
	from  time.Duration
	until time.Duration
	// drop leaves out what it gives true for; nil for nothing.
	drop func(p *stream.Packet) bool
}

func (e encoder) source() stream.Source {
	type kind struct{ key, other []*stream.Packet }
	byTrack := map[int]*kind{}
	for _, p := range e.clip.Packets() {
		k := byTrack[p.Track]
		if k == nil {
			k = &kind{}
			byTrack[p.Track] = k
		}
		if p.Key() {
			k.key = append(k.key, p)
		} else {
			k.other = append(k.other, p)
		}
	}
	var out []*stream.Packet
	tracks := e.clip.Tracks()
	next := make([]int64, len(tracks.List))
	for {
		at, track := e.until, -1
		for i := range tracks.List {
			d := 40 * time.Millisecond * time.Duration(next[i])
			if tracks.List[i].Kind() == stream.KindAudio {
				samples := map[stream.Codec]int64{stream.AAC: 1024, stream.MP3: 1152}[tracks.List[i].Codec]
				d = stream.FromTicks(samples*next[i], tracks.List[i].SampleRate).Round(time.Millisecond)
			}
			if d < at {
				at, track = d, i
			}
		}
		if track < 0 {
			return streamtest.Source(out...)
		}
		k, n := byTrack[track], next[track]
		var p stream.Packet
		if len(k.key) > 0 && at%e.gop == 0 {
			p = *k.key[0]
		} else {
			p = *k.other[int(n)%min(len(k.other), 20)]
		}
		p.DTS, p.PTS = at+e.from, at+e.from
		if e.drop == nil || !e.drop(&p) {
			out = append(out, &p)
		}
		next[track]++
	}
}
