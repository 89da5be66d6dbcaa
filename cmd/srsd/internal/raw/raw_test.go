package raw

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// allowed is what a configuration needs for all to be allowed.
const allowed = "listen 1935;\nhttp_api { enabled on; raw_api { enabled on; allow_reload on; allow_query on; allow_update on; } }\n"

// server is a running server, as far as a Backend sees it.
type server struct {
	*Backend
	t       testing.TB
	options conf.Options
	current *conf.File
	fail    error // of the next Apply
	applied int
	asked   int // for a reload
}

// newServer runs on a file in a directory of its own.
func newServer(t testing.TB, text string, env ...string) *server {
	dir := t.TempDir()
	s := &server{t: t, options: conf.Options{
		Path: "srs.conf", Environ: append([]string{}, env...),
		ReadFile: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) },
		Docker:   func() bool { return false }, MaxFiles: func() uint64 { return 60000 }, LocalIPs: func() int { return 1 },
	}}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "srs.conf"), []byte(text), 0o640))
	var err error
	s.current, err = conf.Load(s.options)
	require.NoError(t, err)
	s.Backend = New(Config{
		Current:  func() *conf.File { return s.current },
		Load:     func() (*conf.File, error) { return conf.Load(s.options) },
		Apply:    s.apply,
		Schedule: func() { s.asked++ },
		Dir:      dir,
	})
	return s
}

func (s *server) apply(_ context.Context, f *conf.File) error {
	if err := s.fail; err != nil {
		s.fail = nil
		return err
	}
	s.applied++
	s.current = f
	return nil
}

// call gives the code and the body as JSON.
func (s *server) call(query string) (int, string) {
	s.t.Helper()
	q, err := url.ParseQuery(query)
	require.NoError(s.t, err)
	body, code := s.Call(s.t.Context(), q)
	if body == nil {
		return code, ""
	}
	b, err := json.Marshal(body)
	require.NoError(s.t, err)
	return code, string(b)
}

func (s *server) file(name string) string {
	b, err := os.ReadFile(filepath.Join(s.cfg.Dir, name))
	require.NoError(s.t, err)
	return string(b)
}

func TestCodes(t *testing.T) {
	for _, c := range []struct {
		name, conf, query string
		want              int
	}{
		{"disabled", "listen 1; vhost a {}", "rpc=reload", CodeDisabled},
		{"disabled, unknown", "listen 1; vhost a {}", "rpc=nosuch", CodeDisabled},
		{"disabled, fetch", "listen 1; vhost a {}", "rpc=reload-fetch", CodeDisabled},
		{"disabled, raw", "listen 1; vhost a {}", "rpc=raw", 0},
		{"no reload", "listen 1; http_api { raw_api { enabled on; } }", "rpc=reload", CodeDisabled},
		{"no query, as SRS 6", "listen 1; http_api { raw_api { enabled on; allow_reload on; } }", "rpc=query", CodeRPC},
		{"no update, as SRS 6", "listen 1; http_api { raw_api { enabled on; allow_reload on; } }", "rpc=update", CodeRPC},
		{"no rpc", allowed, "", CodeRPC},
		{"unknown rpc", allowed, "rpc=nosuch", CodeRPC},
		{"reload", allowed, "rpc=reload", 0},
		{"query without scope", allowed, "rpc=query", CodeNotAllowed},
		{"query of an unknown scope", allowed, "rpc=query&scope=all", CodeNotAllowed},
		{"query of no vhost", allowed, "rpc=query&scope=vhost", CodeParams},
		{"query of an unknown vhost", allowed, "rpc=query&scope=vhost&vhost=x", CodeParams},
		{"update without scope", allowed, "rpc=update", CodeNotAllowed},
		{"update of an unknown scope", allowed, "rpc=update&scope=daemon&value=on", CodeNotAllowed},
		{"update of an SRS 3 directive that is no scope", allowed, "rpc=update&scope=http_api.auth.password&value=x", CodeNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, c.conf)
			code, _ := s.call(c.query)
			require.Equal(t, c.want, code)
			require.Equal(t, c.query == "rpc=reload" && code == 0, s.asked == 1)
			require.Zero(t, s.applied)
		})
	}
}

// The answers are those of SRS 6.0.157, but for what it does not have.
func TestRaw(t *testing.T) {
	s := newServer(t, "listen 1; http_api { enabled on; raw_api { enabled on; allow_reload on; } }")
	_, body := s.call("rpc=raw")
	require.Equal(t, `{"http_api":{"enabled":true,"listen":"1985","crossdomain":true,`+
		`"raw_api":{"enabled":true,"allow_reload":true,"allow_query":false,"allow_update":false}}}`, body)
}

var rid = regexp.MustCompile(`"rid":"[0-9a-z]{7}"`)

// fetch gives the state of the last reload, and its id on its own.
func (s *server) fetch() (body, id string) {
	code, body := s.call("rpc=reload-fetch")
	require.Zero(s.t, code)
	id = rid.FindString(body)
	require.NotEmpty(s.t, id, body)
	return rid.ReplaceAllString(body, "rid"), id
}

func TestReload(t *testing.T) {
	s := newServer(t, allowed)
	body, first := s.fetch()
	require.Equal(t, `{"data":{"err":0,"msg":"Success","state":0,rid}}`, body)
	_, again := s.fetch()
	require.Equal(t, first, again)

	require.NoError(t, s.Reload(t.Context()))
	body, second := s.fetch()
	require.Equal(t, `{"data":{"err":0,"msg":"Success","state":90,rid}}`, body)
	require.NotEqual(t, first, second)
	require.Equal(t, 1, s.applied)

	for _, c := range []struct{ text, want string }{
		{"listen 1; nosuch 1;\nnone 2;", `{"data":{"err":1023,"msg":"code=1023(ConfigInvalid) : srs.conf:1: unknown directive \"nosuch\" : srs.conf:2: unknown directive \"none\"","state":20,rid}}`},
		{"listen 1\nvhost a {}", `{"data":{"err":1023,"msg":"code=1023(ConfigInvalid) : srs.conf:1: unexpected end of line, expecting \";\" or \"{\" on the line of the name","state":10,rid}}`},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(s.cfg.Dir, "srs.conf"), []byte(c.text), 0o640))
		old := s.current
		require.Error(t, s.Reload(t.Context()))
		body, _ = s.fetch()
		require.Equal(t, c.want, body)
		require.Same(t, old, s.current)
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.cfg.Dir, "srs.conf"), []byte(allowed), 0o640))
	s.fail = errors.New("no port")
	require.Error(t, s.Reload(t.Context()))
	body, _ = s.fetch()
	require.Equal(t, `{"data":{"err":1,"msg":"code=1 : no port","state":30,rid}}`, body)
}

func TestQuery(t *testing.T) {
	s := newServer(t, allowed+`pid './a b.pid'; max_connections 100; daemon off; srs_log_tank console;
heartbeat { enabled on; interval 9; url http://u:p@h/x; } stats { network 0; disk sda sdb; }
http_server { enabled on; listen 8080; https { enabled off; } }
stream_caster { caster flv; } stream_caster { enabled on; caster mpegts_over_udp; listen 8935; }
vhost a {
  enabled off; chunk_size 4096; min_latency on;
  play { gop_cache off; send_min_interval 2.5; }
  cluster { mode remote; origin h:1 h:2; }
  security { enabled on; allow play all; deny publish 10.0.0.0/8; }
  bandcheck { key secret1 secret2; }
  http_hooks { enabled on; on_play http://h/?token=secret3 http://g; }
  hls { enabled on; hls_fragment 2; }
  dvr { enabled on; dvr_apply live/a; }
  ingest i { enabled on; input { url x; } engine e { vcodec copy; } }
  transcode live { ffmpeg f; engine e { enabled on; vfilter { i logo.png; } } engine g { } }
}
vhost b { play { time_jitter off; } publish { mr on; } }`)
	code, body := s.call("rpc=query&scope=minimal")
	require.Zero(t, code)
	require.Equal(t, `{"minimal":{"listen":["1935"]}}`, body)

	code, body = s.call("rpc=query&scope=global")
	require.Zero(t, code)
	require.Equal(t, `{"global":{"listen":["1935"],"pid":"./a b.pid","srs_log_tank":"console","max_connections":100,"daemon":false,`+
		`"heartbeat":{"enabled":true,"interval":9,"url":"http://u:******@h/x"},"stats":{"enabled":true,"network":0,"disk":["sda","sdb"]},`+
		`"http_api":{"enabled":true,"raw_api":{"enabled":true,"allow_reload":true,"allow_query":true,"allow_update":true}},`+
		`"http_server":{"enabled":true,"listen":"8080","https":{"enabled":false}},`+
		`"stream_caster":{"enabled":true,"caster":"mpegts_over_udp","listen":"8935"},"nb_vhosts":2,"vhosts":{`+
		`"a":{"id":null,"name":"a","enabled":false,"dvr":true,"hls":true,"http_hooks":true,"origin":true,"security":true,"min_latency":true,"time_jitter":true,"ingest":true},`+
		`"b":{"id":null,"name":"b","enabled":true,"mr":true,"gop_cache":true}}}}`, body)

	s.cfg.VhostID = func(name string) string { return "vid-" + name }
	code, body = s.call("rpc=query&scope=vhost&vhost=a")
	require.Zero(t, code)
	require.Equal(t, `{"vhost":{"id":"vid-a","name":"a","enabled":false,"chunk_size":4096,"min_latency":true,`+
		`"cluster":{"mode":"remote","origin":["h:1","h:2"]},"play":{"gop_cache":false,"send_min_interval":2.50},`+
		`"bandcheck":{"enabled":false,"key":["******","******"]},`+
		`"http_hooks":{"enabled":true,"on_play":["http://h/?token=******","http://g"]},"hls":{"enabled":true,"hls_fragment":2.00},`+
		`"dvr":{"enabled":true,"dvr_apply":["live/a"]},`+
		`"security":{"enabled":true,"allows":[{"action":"allow","method":"play","entry":"all"}],"denies":[{"action":"deny","method":"publish","entry":"10.0.0.0/8"}]},`+
		`"ingests":[{"id":"i","enabled":true,"input":{"url":"x"},"engine":{"id":"e","enabled":false,"vcodec":"copy"}}],`+
		`"transcodes":[{"apply":"live","enabled":false,"ffmpeg":"f","engines":[{"id":"e","enabled":true,"vfilter":{"i":"logo.png"}},{"id":"g","enabled":false}]}]}}`, body)
}
