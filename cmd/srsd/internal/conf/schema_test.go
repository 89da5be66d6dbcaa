package conf

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// directives are the names and defaults of the reference, a block's path before what is in it. "-"
// stands for a default that is empty or none, and a name that ends in / opens a block within.
const directives = `
: listen=- server_id=- pid=./objs/srs.pid chunk_size=60000 ff_log_dir=./objs ff_log_level=info srs_log_tank=file
  srs_log_level=trace srs_log_level_v2=- srs_log_file=./objs/srs.log max_connections=1000 daemon=on utc_time=off
  pithy_print_ms=10000 work_dir=./ asprocess=off empty_ip_ok=on in_docker=off disable_daemon_for_docker=on
  grace_start_wait=2300 grace_final_wait=3200 force_grace_quit=off inotify_auto_reload=off auto_reload_for_docker=on
  tcmalloc_release_rate=0.8 query_latest_version=off first_wait_for_qlv=300 is_full=off log_format=srs
rtmps: enabled=off listen=1443 key=./conf/server.key cert=./conf/server.crt
threads: interval=5
circuit_breaker: enabled=on high_threshold=90 high_pulse=2 critical_threshold=95 critical_pulse=1 dying_threshold=99 dying_pulse=5
http_api: enabled=off listen=1985 crossdomain=on
http_api.raw_api: enabled=off allow_reload=off allow_query=off allow_update=off
http_api.auth: enabled=off username=- password=-
http_api.https: enabled=off listen=1990 key=./conf/server.key cert=./conf/server.crt
http_server: enabled=off listen=8080 dir=./objs/nginx/html crossdomain=on
http_server.https: enabled=off listen=8088 key=./conf/server.key cert=./conf/server.crt
stats: enabled=on network=0 disk=-
heartbeat: enabled=off interval=10 url=http://127.0.0.1:8085/api/v1/servers device_id=- summaries=off ports=off
exporter: enabled=off listen=9972 label=- tag=-
tencentcloud_cls: enabled=off label=- tag=- secret_id=- secret_key=- endpoint=- topic_id=- debug_logging=off
  stat_heartbeat=on heartbeat_ratio=1 stat_streams=on streams_ratio=1
tencentcloud_apm: enabled=off team=- token=- endpoint=- service_name=srs-server debug_logging=off
stream_caster: enabled=off caster=- output=- listen=- tcp_enable=off rtp_port_min=0 rtp_port_max=0 rtp_idle_timeout=30
  audio_enable=off wait_keyframe=on auto_create_channel=off
stream_caster.sip: enabled=on listen=5060 timeout=60 reinvite=5 candidate=* serial=34020000002000000001
  realm=3402000000 ack_timeout=30 keepalive_timeout=120 auto_play=on invite_port_fixed=on query_catalog_interval=60
srt_server: enabled=off listen=10080 maxbw=-1 mss=1500 latency=120 recvlatency=120 peerlatency=0 connect_timeout=3000
  peer_idle_timeout=10000 tsbpdmode=on tlpktdrop=on sendbuf=12058624 recvbuf=12058624 payloadsize=1316 default_app=live
  passphrase=- pbkeylen=0 sei_filter=on mix_correct=off
rtc_server: enabled=off listen=8000 protocol=udp candidate=* use_auto_detect_network_ip=on ip_family=ipv4
  api_as_candidates=on resolve_api_domain=on keep_api_domain=off ecdsa=on encrypt=on reuseport=1 merge_nalus=off dir=-
rtc_server.tcp: enabled=off listen=8000
rtc_server.black_hole: enabled=off addr=-
vhost: enabled=on chunk_size=60000 min_latency=off tcp_nodelay=off in_ack_size=0 out_ack_size=2500000
vhost.cluster: mode=local origin=- token_traverse=off vhost=[vhost] debug_srs_upnode=on origin_cluster=off coworkers=-
  protocol=rtmp follow_client=off
vhost.forward: enabled=off destination=- backend=-
vhost.play: gop_cache=on gop_cache_max_frames=2500 queue_length=30 time_jitter=full mix_correct=off atc=off atc_auto=off
  mw_latency=350 mw_msgs=8 send_min_interval=0.0 reduce_sequence_header=off
vhost.publish: mr=off mr_latency=350 firstpkt_timeout=20000 normal_timeout=5000 parse_sps=on try_annexb_first=on
  kickoff_for_idle=0
vhost.refer: enabled=off all=- publish=- play=-
vhost.security: enabled=off allow=- deny=-
vhost.bandcheck: enabled=off key=- interval=30 limit_kbps=1000
vhost.http_static: enabled=off mount=[vhost]/ dir=./objs/nginx/html
vhost.http_remux: enabled=off mount=[vhost]/[app]/[stream].flv fast_cache=0 drop_if_not_match=on has_audio=on
  has_video=on guess_has_av=on
vhost.http_hooks: enabled=off on_connect=- on_close=- on_publish=- on_unpublish=- on_play=- on_stop=- on_dvr=- on_hls=-
  on_hls_notify=-
vhost.exec: enabled=off publish=-
vhost.dash: enabled=off dash_fragment=10 dash_update_period=5 dash_timeshift=300 dash_path=./objs/nginx/html
  dash_mpd_file=[app]/[stream].mpd dash_window_size=5 dash_cleanup=on dash_dispose=120
vhost.hls: enabled=off hls_fragment=10 hls_td_ratio=1.0 hls_aof_ratio=2.1 hls_window=60 hls_on_error=continue
  hls_path=./objs/nginx/html hls_m3u8_file=[app]/[stream].m3u8 hls_ts_file=[app]/[stream]-[seq].ts hls_entry_prefix=-
  hls_acodec=aac hls_vcodec=h264 hls_cleanup=on hls_dispose=120 hls_wait_keyframe=on hls_ts_floor=off hls_nb_notify=64
  hls_ctx=on hls_ts_ctx=on hls_keys=off hls_fragments_per_key=5 hls_key_file=[app]/[stream]-[seq].key
  hls_key_file_path=./objs/nginx/html hls_key_url=./objs/nginx/html hls_dts_directly=on hls_storage=- hls_mount=-
vhost.hds: enabled=off hds_fragment=10 hds_window=60 hds_path=./objs/nginx/html
vhost.dvr: enabled=off dvr_apply=all dvr_plan=session dvr_path=./objs/nginx/html/[app]/[stream].[timestamp].flv
  dvr_duration=30 dvr_wait_keyframe=on time_jitter=full
vhost.ingest: enabled=off ffmpeg=-
vhost.ingest.input: type=file url=-
vhost.ingest.engine: ENGINE
vhost.transcode: enabled=off ffmpeg=-
vhost.transcode.engine: ENGINE
vhost.rtc: enabled=off nack=on nack_no_copy=on twcc=on stun_timeout=30 stun_strict_check=off dtls_role=passive
  dtls_version=auto drop_for_pt=0 rtmp_to_rtc=off keep_bframe=off keep_avc_nalu_sei=on opus_bitrate=48000 rtc_to_rtmp=off
  pli_for_rtmp=6.0 aac_bitrate=48000
vhost.srt: enabled=off srt_to_rtmp=on
`

const engine = `enabled=off iformat=flv vcodec=- vbitrate=0 vfps=0 vwidth=0 vheight=0 vthreads=1 vprofile=- vpreset=-
  acodec=- abitrate=0 asample_rate=0 achannels=0 oformat=flv output=- perfile=- vfilter=- vparams=- aparams=-`

// forEachDirective calls f with each path and default of the list.
func forEachDirective(f func(block, path, def string)) {
	block := ""
	for _, w := range strings.Fields(strings.ReplaceAll(directives, "ENGINE", engine)) {
		if name, ok := strings.CutSuffix(w, ":"); ok {
			block = name
			continue
		}
		name, def, _ := strings.Cut(w, "=")
		f(block, join(block, name), strings.TrimSuffix(def, "-"))
	}
}

// full sets every directive to its default, once more than a real configuration would.
var full = func() string {
	o := &printer{}
	for _, it := range schema.children[""] {
		if it.Kind == Block {
			o.example(it, 0)
		}
	}
	return "listen 1935;\n" + o.String()
}()

// example writes a block with all that can be in it.
func (p *printer) example(it *Item, depth int) {
	p.open(it.Name(), []string{"a"}, depth)
	for _, c := range schema.children[it.Path] {
		switch {
		case c.Kind == Block:
			p.example(c, depth+1)
		case c.Kind == Free:
			p.open(c.Name(), nil, depth+1)
			p.line(&Item{Path: "some"}, []string{"x y"}, depth+2)
			p.close(depth + 1)
		case c.Default != "":
			p.line(&Item{Path: c.Path}, strings.Fields(c.Default), depth+1)
		case c.Kind == String || c.Kind == List:
			p.line(&Item{Path: c.Path}, []string{"x234567890"}, depth+1)
		}
	}
	p.close(depth)
}

func TestDirectivesOfTheReference(t *testing.T) {
	listed := map[string]bool{}
	forEachDirective(func(block, path, def string) {
		it, ok := Lookup(path)
		require.True(t, ok, path)
		require.True(t, Known(path))
		require.Equal(t, def, it.Default, path)
		listed[path], listed[block] = true, true
		if block != "" {
			b, _ := Lookup(block)
			require.Equal(t, Block, b.Kind, block)
		}
	})
	for _, it := range Schema() {
		require.True(t, listed[it.Path], "%s is not in the list", it.Path)
	}
	require.False(t, Known("vhost.hls.hls_fragmnt"))
	require.False(t, Known(""))
}

func TestSchemaIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, it := range Schema() {
		require.False(t, seen[it.Path], "%s is there twice", it.Path)
		seen[it.Path] = true
		if parent, _ := split(it.Path); parent != "" {
			require.True(t, seen[parent], "%s comes before its block", it.Path)
		}
		require.Contains(t, []Reload{Notify, Live, Restart}, it.Reload, it.Path)
		switch it.Kind {
		case BoolOff, BoolOn:
			require.Equal(t, it.Kind == BoolOn, it.Default == "on", it.Path)
		case Enum:
			require.NotEmpty(t, it.Enum, it.Path)
		case Int, Float:
			require.NotEmpty(t, it.Default, it.Path)
		}
		if it.Default != "" {
			fault, warning := it.check(strings.Fields(it.Default))
			require.Empty(t, fault+warning, it.Path)
		}
		for _, name := range it.Env {
			require.Regexp(t, regexp.MustCompile(`^SRSD?_[A-Z0-9_]+$`), name)
		}
	}
}

// Reload letters, by the tables of the reference: one of each group and all exceptions.
func TestReloadLetters(t *testing.T) {
	for letter, paths := range map[Reload]string{
		Notify: `listen max_connections pithy_print_ms vhost vhost.chunk_size vhost.enabled vhost.play.gop_cache
			vhost.forward.destination vhost.publish.firstpkt_timeout vhost.publish.normal_timeout vhost.exec.publish vhost.dash.enabled
			vhost.hls.hls_fragment vhost.dvr.dvr_path vhost.ingest.ffmpeg vhost.transcode.engine.vcodec vhost.hds.hds_path`,
		Live: `chunk_size ff_log_dir ff_log_level empty_ip_ok grace_start_wait grace_final_wait force_grace_quit http_api.auth.enabled
			http_api.auth.password stats.network heartbeat.url heartbeat.device_id vhost.in_ack_size vhost.out_ack_size vhost.cluster.mode
			vhost.play.reduce_sequence_header vhost.publish.mr vhost.publish.kickoff_for_idle vhost.refer.all vhost.security.allow
			vhost.http_hooks.on_play vhost.hls.hls_on_error vhost.rtc.nack vhost.srt.enabled`,
		Restart: `server_id pid daemon http_api.listen http_server.listen exporter.listen heartbeat.enabled stream_caster.listen
			srt_server.listen rtc_server.listen vhost.http_remux.mount vhost.http_static.dir vhost.dvr.dvr_apply`,
	} {
		for _, path := range strings.Fields(paths) {
			it, ok := Lookup(path)
			require.True(t, ok, path)
			require.Equal(t, string(letter), string(it.Reload), path)
		}
	}
}

func TestDefaultsInForce(t *testing.T) {
	f := mustLoad(t, base+"stream_caster {}")
	c := f.Root().Blocks("stream_caster")[0]
	v, _ := f.Vhost("x")
	for _, it := range Schema() {
		switch {
		case it.Kind <= Free || it.Path == "listen" || strings.HasPrefix(it.Path, "vhost.ingest."), strings.HasPrefix(it.Path, "vhost.transcode."):
		case strings.HasPrefix(it.Path, "vhost."):
			require.Equal(t, it.Default, v.String(strings.TrimPrefix(it.Path, "vhost.")), it.Path)
			require.False(t, v.Has(strings.TrimPrefix(it.Path, "vhost.")), it.Path)
		case strings.HasPrefix(it.Path, "stream_caster."):
			require.Equal(t, it.Default, c.String(strings.TrimPrefix(it.Path, "stream_caster.")), it.Path)
		default:
			require.Equal(t, it.Default, f.Root().String(it.Path), it.Path)
			require.False(t, f.Root().Has(it.Path), it.Path)
		}
	}
	readAll(f)
	require.Empty(t, c.Addr("listen"))
}

// Every directive can be written, and is read back.
func TestFullFile(t *testing.T) {
	f, err := load(full)
	require.NoError(t, err)
	readAll(f)
	for _, w := range f.Warnings() {
		it, _ := Lookup(w.Directive)
		require.Equal(t, it.Note, w.Text, w)
	}
}
