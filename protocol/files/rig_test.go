package files

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

const patience = 30 * time.Second

// rig is a server with the module in this process.
type rig struct {
	*protocol.Server
	module *Module
	addr   string
}

func newRig(t testing.TB, cfg Config, change ...func(*protocol.Config)) *rig {
	t.Helper()
	streamtest.CheckLeaks(t)
	pc := protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}}}
	for _, f := range change {
		f(&pc)
	}
	r := &rig{module: New(cfg)}
	r.Server = protocol.NewServer(pc, r.module)
	require.NoError(t, r.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, r.Shutdown(ctx))
		require.Zero(t, r.Panics())
	})
	r.addr = r.HTTPAddrs("http")[0].String()
	return r
}

// do sends a request whose path goes out as it is, dots, escapes and all.
func (r *rig) do(t testing.TB, method, path string, header ...string) (res *http.Response, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	host := "Host: h\r\n"
	if len(header) > 0 && strings.HasPrefix(header[0], "Host: ") {
		host = ""
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%sConnection: close\r\n%s\r\n", method, path, host, strings.Join(append(header, ""), "\r\n"))
	require.NoError(t, err)
	req, err := http.NewRequest(method, "/", nil)
	require.NoError(t, err)
	res, err = http.ReadResponse(bufio.NewReader(conn), req)
	require.NoError(t, err, path)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(b)
}

// get gives the status and the body.
func (r *rig) get(t testing.TB, path string, header ...string) (int, string) {
	t.Helper()
	res, body := r.do(t, http.MethodGet, path, header...)
	return res.StatusCode, body
}

// write makes files, with the directories they are in.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
}

// tree makes a directory with the root of the files in it, and things beside that nobody may see.
func tree(t testing.TB) (root string) {
	t.Helper()
	top := t.TempDir()
	root = filepath.Join(top, "html")
	write(t, top, map[string]string{
		"secret": "OUTSIDE", "htmlx/secret": "OUTSIDE", "linked/secret": "OUTSIDE",
		"html/index.html": "root index", "html/a.txt": "0123456789", "html/live/a.m3u8": "#EXTM3U",
		"html/live/b%2ets": "odd name", "html/dir/x.ts": "ts", "html/idx/index.html": "idx index",
		"html/.git/config": "HIDDEN", "html/.hidden": "HIDDEN", "html/live/.env": "HIDDEN",
		"html/.well-known/acme-challenge/token": "proof", "html/.well-known/.secret": "HIDDEN",
		"html/sub/.well-known/x": "HIDDEN", "html/twisted/index.html/x": "x",
	})
	for link, to := range map[string]string{
		"html/out": "../secret", "html/outdir": "../linked", "html/abs": filepath.Join(top, "secret"),
		"html/in": "a.txt", "html/loop": "loop", "html/dangling": "nowhere",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(top, link)))
	}
	return root
}
