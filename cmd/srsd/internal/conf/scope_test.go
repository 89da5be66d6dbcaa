package conf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstCounts(t *testing.T) {
	f := mustLoad(t, "listen 1; listen 2; vhost a { hls { hls_window 1; } hls { hls_window 2; enabled on; } }")
	require.Equal(t, []string{":1"}, f.Root().Addrs("listen"))
	v, _ := f.Vhost("a")
	require.Equal(t, 1.0, v.Float("hls.hls_window"))
	require.False(t, v.Bool("hls.enabled"))
	// One without a value is the default, not the next.
	f = mustLoad(t, base+"pid; pid x;")
	require.Equal(t, "./objs/srs.pid", f.Root().String("pid"))
}

func TestRepeated(t *testing.T) {
	f := mustLoad(t, base+`stream_caster { caster flv; } stream_caster { caster rtsp; rtp_port_max 9; }
vhost a {
  exec { enabled on; publish ./ffmpeg -i [url]; publish b; }
  security { enabled on; allow play all; allow publish 10.0.0.1; deny play 10.0.0.2; }
  ingest one { enabled on; input { type file; url ./a.flv; } ffmpeg /f; engine { output rtmp://x; } engine { } }
  ingest two {}
  transcode {} transcode live/s { engine e { enabled on; } engine g { vfilter { i logo.png; filter_complex 'overlay=1:2'; } } }
}`)
	casters := f.Root().Blocks("stream_caster")
	require.Len(t, casters, 2)
	require.Equal(t, 0, casters[0].Int("rtp_port_min"))
	require.Equal(t, 57200, casters[1].Int("rtp_port_min"))
	require.Equal(t, 9, casters[1].Int("rtp_port_max"))

	v, _ := f.Vhost("a")
	require.Equal(t, [][]string{{"./ffmpeg", "-i", "[url]"}, {"b"}}, v.Each("exec.publish"))
	require.Equal(t, [][]string{{"play", "all"}, {"publish", "10.0.0.1"}}, v.Each("security.allow"))
	require.Equal(t, [][]string{{"play", "10.0.0.2"}}, v.Each("security.deny"))
	in := v.Blocks("ingest")
	require.Len(t, in, 2)
	require.Equal(t, "one", in[0].Arg())
	require.Equal(t, "./a.flv", in[0].String("input.url"))
	require.Len(t, in[0].Blocks("engine"), 2)
	require.Equal(t, "rtmp://x", in[0].Blocks("engine")[0].String("output"))
	tr := v.Blocks("transcode")
	require.Equal(t, "", tr[0].Arg())
	require.Equal(t, "live/s", tr[1].Arg())
	free := tr[1].Blocks("engine")[1].Free("vfilter")
	require.Equal(t, `i "logo.png"; filter_complex "overlay=1:2";`, show(free))
	require.Empty(t, tr[1].Blocks("engine")[0].Free("vfilter"))
	require.True(t, v.Has("ingest"))
	require.False(t, v.Has("dvr"))
}

func TestDefaultsThatFollow(t *testing.T) {
	f := mustLoad(t, base+"chunk_size 4096; http_api { listen 8080; } http_server { https { listen 443; } }\nvhost a { hls { hls_path /x; } }")
	r := f.Root()
	require.Equal(t, "443", r.String("http_api.https.listen"))
	require.Equal(t, ":443", r.Addr("http_api.https.listen"))
	v, _ := f.Vhost("a")
	require.Equal(t, 4096, v.Int("chunk_size"))
	require.Equal(t, "/x", v.String("hls.hls_key_file_path"))
	require.Equal(t, "/x", v.Blocks("hls")[0].String("hls_key_file_path"))
	require.Equal(t, "./objs/nginx/html", v.String("hls.hls_key_url"), "SRS takes the text of the default")
	require.Equal(t, []string{"all"}, v.List("dvr.dvr_apply"))
	file, line := v.Line("dvr.dvr_apply")
	require.Equal(t, "x.conf", file)
	require.Equal(t, 4, line, "for what is not set, the vhost")
}

// A wrong path or getter is a mistake of the program, told at once.
func TestMisuse(t *testing.T) {
	r := mustLoad(t, base).Root()
	require.PanicsWithValue(t, "conf: unknown path: hls.enabled", func() { r.Bool("hls.enabled") })
	require.PanicsWithValue(t, "conf: daemon is a bool, default on", func() { r.Int("daemon") })
	require.PanicsWithValue(t, "conf: no time: max_connections", func() { r.Duration("max_connections") })
}
