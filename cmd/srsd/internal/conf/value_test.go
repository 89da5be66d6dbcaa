package conf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBooleans(t *testing.T) {
	for _, c := range []struct {
		word    string
		off, on bool // what a default-off and a default-on switch make of it
		warn    bool
	}{
		{"on", true, true, false}, {"off", false, false, false}, {"yes", false, true, true},
		{"true", false, true, true}, {"1", false, true, true}, {"no", false, true, true}, {"ON", false, true, true},
	} {
		f := mustLoad(t, base+"utc_time "+c.word+";\nempty_ip_ok "+c.word+";")
		require.Equal(t, c.off, f.Root().Bool("utc_time"), c.word)
		require.Equal(t, c.on, f.Root().Bool("empty_ip_ok"), c.word)
		e := mustLoad(t, base, "SRS_UTC_TIME="+c.word, "SRS_EMPTY_IP_OK="+c.word)
		require.Equal(t, c.off, e.Root().Bool("utc_time"), c.word)
		require.Equal(t, c.on, e.Root().Bool("empty_ip_ok"), c.word)
		require.Equal(t, c.warn, len(f.Warnings()) > 0)
		require.Equal(t, c.warn, len(e.Warnings()) > 0)
	}
	f := mustLoad(t, base+"daemon yes; utc_time yes;")
	require.Equal(t, "x.conf:3: daemon: \"yes\" is neither on nor off and is read as on\n"+
		"x.conf:3: utc_time: \"yes\" is neither on nor off and is read as off\n", lines(f))
	require.Equal(t, "SRS_UTC_TIME: \"1\" is neither on nor off and is read as off\n", lines(mustLoad(t, base, "SRS_UTC_TIME=1")))
}

func TestMalformedValues(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"pithy_print_ms 10s;", `x.conf:3: pithy_print_ms: "10s" is not a whole number (ms, written without the unit)`},
		{"max_connections many;", `x.conf:3: max_connections: "many" is not a whole number (connections, written without the unit)`},
		{"tcmalloc_release_rate x;", `x.conf:3: tcmalloc_release_rate: "x" is not a number`},
		{"tcmalloc_release_rate nan;", `"nan" is not a number`},
		{"tcmalloc_release_rate 1e3;", `"1e3" is not a number`},
		{"pithy_print_ms 0x10;", `"0x10" is not a whole number`},
		{"pithy_print_ms 1.2.3;", `"1.2.3" is not a whole number`},
		{"pithy_print_ms +-1;", `"+-1" is not a whole number`},
		{"pithy_print_ms .;", `"." is not a whole number`},
		{"pithy_print_ms 99999999999999999999;", `is not a whole number`},
		{"srs_log_tank disk;", `x.conf:3: srs_log_tank: "disk" is not one of file, console`},
		{"rtc_server { protocol sctp; }", `rtc_server.protocol: "sctp" is not one of udp, tcp, all`},
		{"srt_server { pbkeylen 17; }", `srt_server.pbkeylen: "17" is not one of 0, 16, 24, 32`},
		{"vhost v {\n dvr { dvr_plan append; } }", `x.conf:4: vhost.dvr.dvr_plan: "append" is not one of session, segment`},
		{"http_api { listen x; }", `http_api.listen: "x" has no port from 1 to 65535`},
		{"rtc_server { listen 70000; }", `rtc_server.listen: "70000" has no port`},
		{"exporter { listen localhost:1; }", `exporter.listen: "localhost:1" has no IP address`},
		{"hls_fragment;", `x.conf:3: unknown directive "hls_fragment", it belongs in vhost.hls`},
		{"daemon { }", `x.conf:3: daemon: it takes a value and ";", not a block`},
		{"vhost { }", `x.conf:3: vhost: a vhost needs a name`},
	} {
		_, err := load(base + c.in)
		require.ErrorContains(t, err, c.want)
	}
	_, err := load(base, "SRS_MAX_CONNECTIONS=x", "SRS_LISTEN=1935 y", "SRS_VHOST_PLAY_TIME_JITTER=none")
	require.EqualError(t, err, `SRS_LISTEN: "y" has no port from 1 to 65535
SRS_MAX_CONNECTIONS: "x" is not a whole number (connections, written without the unit)
SRS_VHOST_PLAY_TIME_JITTER: "none" is not one of full, zero, off`)
}

func TestAccepted(t *testing.T) {
	for _, c := range []struct{ in, warning string }{
		{"heartbeat { interval 9.3; }", `x.conf:3: heartbeat.interval: "9.3" is read as 9: decimals are cut off`},
		{"srs_log_level loud;", `x.conf:3: srs_log_level: "loud" is not one of verbose, info, trace, warn, error`},
		{"ff_log_level 8;", `ff_log_level: "8" is not one of`},
		{"daemon off on;", `daemon: only the first value, "off", counts`},
		{"srt_server { passphrase 0123456789 x; }", `srt_server.passphrase: only the first value counts`},
		{"daemon off; daemon on;", `daemon: it is ignored, the one at x.conf:3 counts`},
		{"pid;", `pid: it has no value and is as good as absent, the default is ./objs/srs.pid`},
		{`pid "";`, `pid: it has no value`},
		{"http_server;", `http_server: it is a block, an empty one is assumed`},
		{"chunk_size 100;", `chunk_size: 100 is outside 128 to 65536`},
		{"tcmalloc_release_rate 11;", `tcmalloc_release_rate: 11 is outside 0 to 10, 10 is used`},
		{"vhost v { rtc { opus_bitrate 1; } }", `vhost.rtc.opus_bitrate: 1 is outside 8000 to 320000, 48000 is used`},
		{"vhost v { hls { hls_storage both; hls_mount x; } }", `vhost.hls.hls_storage: it is ignored`},
		{"vhost v { hls { hls_dts_directly off; } }", `vhost.hls.hls_dts_directly: it has no effect`},
		{"vhost v { dash { dash_timeshift 60; } }", `vhost.dash.dash_timeshift: it has no effect, as in SRS`},
		{"stream_caster { tcp_enable on; }", `stream_caster.tcp_enable: SRS 5 and later ignore it`},
	} {
		require.Contains(t, lines(mustLoad(t, base+c.in)), c.warning)
	}
}

func TestNumbersInForce(t *testing.T) {
	f := mustLoad(t, base+`heartbeat { interval 9.9; }
tcmalloc_release_rate -1;
chunk_size 100;
vhost v { rtc { opus_bitrate 1; aac_bitrate 64000; pli_for_rtmp 0.1; } play { mw_msgs 500; mw_latency 100; send_min_interval 2.5; }
  hls { hls_fragment 1.5; } publish { kickoff_for_idle 99999999999999; } }`)
	r := f.Root()
	require.Equal(t, 9, r.Int("heartbeat.interval"))
	require.Equal(t, 9*time.Second, r.Duration("heartbeat.interval"))
	require.Equal(t, 0.0, r.Float("tcmalloc_release_rate"))
	require.Equal(t, 100, r.Int("chunk_size"))
	v, _ := f.Vhost("v")
	require.Equal(t, 48000, v.Int("rtc.opus_bitrate"))
	require.Equal(t, 64000, v.Int("rtc.aac_bitrate"))
	require.Equal(t, 6*time.Second, v.Duration("rtc.pli_for_rtmp"))
	require.Equal(t, 128, v.Int("play.mw_msgs"))
	require.Equal(t, 100*time.Millisecond, v.Duration("play.mw_latency"))
	require.Equal(t, 2500*time.Microsecond, v.Duration("play.send_min_interval"))
	require.Equal(t, 1500*time.Millisecond, v.Duration("hls.hls_fragment"))
	require.Positive(t, v.Duration("publish.kickoff_for_idle"), "a time beyond what fits is long, not negative")
	require.Equal(t, 100, v.Int("chunk_size"))
}

func TestParseAddr(t *testing.T) {
	for in, want := range map[string]string{
		"1935": ":1935", ":1935": ":1935", "0.0.0.0:1935": "0.0.0.0:1935", "[::]:1935": "[::]:1935", "[::1]:1": "[::1]:1",
		"": "", "0": "", "65536": "", "-1": "", "+1": "", "::1:1935": "", "[::]": "", "host:1": "", "1.2.3:1": "", "1.2.3.4": "",
	} {
		got, err := ParseAddr(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want == "", err != nil, in)
	}
}

func TestNetworks(t *testing.T) {
	networks := func(f *File, path string) string {
		return strings.Trim(fmt.Sprint(f.Root().Networks(path)), "[]")
	}
	f := mustLoad(t, base)
	require.Equal(t, loopback, networks(f, "http_api.trusted_proxies"))
	require.Empty(t, networks(f, "rtmp_proxies"))
	f = mustLoad(t, base+"http_api { trusted_proxies none; } http_server { trusted_proxies 192.0.2.7/24 2001:db8::1; }", "SRS_RTMP_PROXIES=::1 10.0.0.1")
	require.Empty(t, networks(f, "http_api.trusted_proxies"))
	require.Equal(t, "192.0.2.0/24 2001:db8::1/128", networks(f, "http_server.trusted_proxies"))
	require.Equal(t, "::1/128 10.0.0.1/32", networks(f, "rtmp_proxies"))
	for _, in := range []string{"192.0.2.0/33", "none 10.0.0.1", "fe80::1%eth0", "host"} {
		_, err := load(base + "rtmp_proxies " + in + ";")
		require.ErrorContains(t, err, "x.conf:3: rtmp_proxies: ", in)
	}
}

func TestUnknownNames(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"vhost v {\n hls {\n hls_fragmnt 4;\n} }", `x.conf:5: unknown directive "hls_fragmnt" in vhost.hls, did you mean "hls_fragment"?`},
		{"htpp_api {}", `x.conf:3: unknown directive "htpp_api", did you mean "http_api"?`},
		{"nonsense 1;", `x.conf:3: unknown directive "nonsense"`},
		{"vhost v { listen 1; }", `unknown directive "listen" in vhost`},
		{"vhost v { daemon off; }", `unknown directive "daemon" in vhost, it belongs outside all blocks`},
		{"rtc_server { perf_stat on; }", `unknown directive "perf_stat" in rtc_server: SRS 4 removed it`},
		{"rtc_server { queue_length 1; }", `unknown directive "queue_length" in rtc_server: SRS 4`},
		{"stream_caster { jitterbuffer_enable on; }", `unknown directive "jitterbuffer_enable" in stream_caster: SRS 5 removed it`},
		{"http_api.listen 1;", `unknown directive "http_api.listen"`},
		{"vhost v { transcode { engine e { speed 1; } } }", `unknown directive "speed" in vhost.transcode.engine`},
	} {
		_, err := load(base + c.in)
		require.ErrorContains(t, err, c.want)
	}
	// These blocks have no list of names in SRS.
	f := mustLoad(t, base+`http_api { https { x 1; } }
http_server { https { x 1; } }
rtc_server { tcp { x 1; } black_hole { x 1; } }
threads { x 1; } circuit_breaker { x 1; } tencentcloud_cls { x 1; } tencentcloud_apm { x 1; }
vhost v {
  hds { x 1; } bandcheck { x 1; }
  ingest i { input { x 1; } engine { x 1; } }
  transcode { engine e { vfilter { x 1; } vparams { x 1; } aparams { x 1; } perfile { x 1; } } }
}`)
	require.Empty(t, f.Warnings())
	v, _ := f.Vhost("v")
	e := v.Blocks("transcode")[0].Blocks("engine")[0]
	require.Equal(t, "e", e.Arg())
	require.Equal(t, "x", e.Free("vfilter")[0].Name)
}

func TestNearest(t *testing.T) {
	require.Equal(t, "abc", nearest("acb", []string{"xyz", "abc"}, 1))
	require.Equal(t, "", nearest("acb", []string{"xyz"}, 1))
	require.Equal(t, "enabled", nearest("enable", []string{"listen", "enabled"}, 2))
}
