package dvr

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

var live = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}

// patience bounds waits in tests.
const patience = 20 * time.Second

// rig is a server with the module.
type rig struct {
	*protocol.Server
	module *Module
	dir    string
	log    *logBuffer

	mu    sync.Mutex
	files []Recording
	told  chan struct{}
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig records below a directory of the test: v.Path is seen from there.
func newRig(t testing.TB, v Vhost) *rig {
	t.Helper()
	return newRigIn(t, t.TempDir(), v)
}

func newRigIn(t testing.TB, dir string, v Vhost) *rig {
	t.Helper()
	r := &rig{dir: dir, log: &logBuffer{}, told: make(chan struct{}, 1000)}
	r.module = New(r.config(v))
	r.Server = protocol.NewServer(protocol.Config{Logger: slog.New(slog.NewTextHandler(r.log, nil))}, r.module)
	require.NoError(t, r.Start(context.Background()))
	t.Cleanup(func() { r.stop(t) })
	return r
}

// config records with v below the rig's directory.
func (r *rig) config(v Vhost) Config {
	v.Path = r.dir + "/" + v.Path
	return Config{Vhost: func(string) Vhost { return v }, OnFile: func(x Recording) {
		r.mu.Lock()
		r.files = append(r.files, x)
		r.mu.Unlock()
		r.told <- struct{}{}
	}}
}

func (r *rig) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	require.Zero(t, r.Panics())
}

// publish publishes packets, as fast as the stream takes them.
func (r *rig) publish(t testing.TB, k stream.Key, packets ...*stream.Packet) {
	t.Helper()
	pub := r.begin(t, k)
	require.NoError(t, streamtest.Publish(context.Background(), pub, streamtest.Source(packets...), 0))
	require.NoError(t, pub.Close(nil))
}

func (r *rig) begin(t testing.TB, k stream.Key) *stream.Publisher {
	t.Helper()
	pub, err := r.Hub().Publish(context.Background(), stream.Request{Key: k})
	require.NoError(t, err)
	return pub
}

// wait gives the complete files, once there are n.
func (r *rig) wait(t testing.TB, n int) []Recording {
	t.Helper()
	for deadline := time.After(patience); ; {
		r.mu.Lock()
		files := append([]Recording(nil), r.files...)
		r.mu.Unlock()
		if len(files) >= n {
			require.Len(t, files, n)
			return files
		}
		select {
		case <-r.told:
		case <-deadline:
			require.FailNow(t, "files are missing", "%d of %d\n%s", len(files), n, r.log)
		}
	}
}

// names gives all files below the rig's directory but the index.
func (r *rig) names(t testing.TB) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(r.dir, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != indexName {
			names = append(names, strings.TrimPrefix(name, r.dir+"/"))
		}
		return err
	}))
	return names
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

// output gives what a program says on both outputs.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := exec.CommandContext(ctx, program(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s", b)
	return string(b)
}

// decodes checks that ffmpeg decodes a file without a word.
func decodes(t testing.TB, file string) {
	t.Helper()
	require.Empty(t, output(t, "ffmpeg", "-v", "warning", "-xerror", "-i", file, "-f", "null", "-"), file)
}

// lines tells how many lines of the log have a text.
func lines(r *rig, text string) int { return strings.Count(r.log.String(), text) }

// containsLine tells whether a line of the log has all texts.
func containsLine(r *rig, texts ...string) bool {
	for line := range strings.Lines(r.log.String()) {
		if !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(line, s) }) {
			return true
		}
	}
	return false
}
