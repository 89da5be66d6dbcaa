package conf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reference has a row for each directive: name, kind, default, unit, reload letter and variable. A line
// in brackets begins a block and gives the letter of its rows and whether they have variables ("env"
// or "-"). A column that is missing is as the block says or empty, and so is a "-".
const reference = `
[: N env]
listen addrs - - Y
server_id word
pid word ./objs/srs.pid
chunk_size int 60000 bytes L SRS_VHOST_CHUNK_SIZE
ff_log_dir word ./objs - L
ff_log_level enum info - L
srs_log_tank enum file - N SRS_SRS_LOG_TANK,SRS_LOG_TANK
srs_log_level enum trace - N SRS_SRS_LOG_LEVEL,SRS_LOG_LEVEL
srs_log_level_v2 enum - - N SRS_SRS_LOG_LEVEL_V2,SRS_LOG_LEVEL_V2
srs_log_file word ./objs/srs.log - N SRS_SRS_LOG_FILE,SRS_LOG_FILE
max_connections int 1000 connections Y
daemon bool on
utc_time bool off
pithy_print_ms int 10000 ms Y
work_dir word ./
asprocess bool off
empty_ip_ok bool on - L
in_docker bool off
disable_daemon_for_docker bool on
grace_start_wait int 2300 ms L
grace_final_wait int 3200 ms L
force_grace_quit bool off - L
inotify_auto_reload bool off
auto_reload_for_docker bool on
tcmalloc_release_rate float 0.8
query_latest_version bool off
first_wait_for_qlv int 300 s
is_full bool off - - none
[threads: N env]
interval int 5 s
[circuit_breaker: N env]
enabled bool on
high_threshold int 90 %
high_pulse int 2 samples
critical_threshold int 95 %
critical_pulse int 1 samples
dying_threshold int 99 %
dying_pulse int 5 samples
[rtmps: N env]
enabled bool off
listen addrs 1443
key word ./conf/server.key
cert word ./conf/server.crt
[http_api: N env]
enabled bool off
listen addr 1985
crossdomain bool on
[http_api.raw_api: N env]
enabled bool off
allow_reload bool off
allow_query bool off - - SRSD_HTTP_API_RAW_API_ALLOW_QUERY
allow_update bool off - - SRSD_HTTP_API_RAW_API_ALLOW_UPDATE
[http_api.auth: L env]
enabled bool off
username word
password word
[http_api.https: N env]
enabled bool off
listen addr 1990
key word ./conf/server.key
cert word ./conf/server.crt
[http_server: N env]
enabled bool off
listen addr 8080
dir word ./objs/nginx/html
crossdomain bool on
[http_server.https: N env]
enabled bool off
listen addr 8088
key word ./conf/server.key
cert word ./conf/server.crt
[stats: L -]
enabled bool on
network int 0
disk list
[heartbeat: N env]
enabled bool off
interval int 10 s
url word http://127.0.0.1:8085/api/v1/servers - L
device_id word - - L
summaries bool off - L
ports bool off - L
[exporter: N env]
enabled bool off
listen addr 9972
label word
tag word
[tencentcloud_cls: N env]
enabled bool off
label word
tag word
secret_id word
secret_key word
endpoint word
topic_id word
debug_logging bool off
stat_heartbeat bool on
heartbeat_ratio int 1
stat_streams bool on
streams_ratio int 1
[tencentcloud_apm: N env]
enabled bool off
team word
token word
endpoint word
service_name word srs-server
debug_logging bool off
[stream_caster: N -]
enabled bool off
caster enum
output word
listen addr
tcp_enable bool off
rtp_port_min int 0
rtp_port_max int 0
rtp_idle_timeout int 30 s
audio_enable bool off
wait_keyframe bool on
auto_create_channel bool off
[stream_caster.sip: N -]
enabled bool on
listen addr 5060
timeout float 60 s
reinvite float 5 s
candidate word *
serial word 34020000002000000001
realm word 3402000000
ack_timeout int 30 s
keepalive_timeout int 120 s
auto_play bool on
invite_port_fixed bool on
query_catalog_interval int 60 s
[srt_server: N env]
enabled bool off
listen addr 10080
maxbw int -1 bytes/s
mss int 1500 bytes
latency int 120 ms
recvlatency int 120 ms
peerlatency int 0 ms
connect_timeout int 3000 ms
peer_idle_timeout int 10000 ms
tsbpdmode bool on
tlpktdrop bool on
sendbuf int 12058624 bytes
recvbuf int 12058624 bytes
payloadsize int 1316 bytes
default_app word live
passphrase word
pbkeylen int 0 bytes
sei_filter bool on
mix_correct bool off
[rtc_server: N env]
enabled bool off
listen addr 8000
protocol enum udp
candidate word *
use_auto_detect_network_ip bool on
ip_family enum ipv4
api_as_candidates bool on
resolve_api_domain bool on
keep_api_domain bool off
ecdsa bool on
encrypt bool on
reuseport int 1
merge_nalus bool off
dir word
[rtc_server.tcp: N env]
enabled bool off
listen addr 8000
[rtc_server.black_hole: N env]
enabled bool off
addr word
[vhost: Y env]
enabled bool on - - none
chunk_size int 60000 bytes
min_latency bool off
tcp_nodelay bool off
in_ack_size int 0 bytes L
out_ack_size int 2500000 bytes L
[vhost.cluster: L -]
mode enum local - N
origin list
token_traverse bool off
vhost word [vhost]
debug_srs_upnode bool on
origin_cluster bool off
coworkers list
protocol enum rtmp
follow_client bool off
[vhost.forward: Y -]
enabled bool off
destination list
backend word
[vhost.play: Y env]
gop_cache bool on
gop_cache_max_frames int 2500 frames
queue_length int 30 s
time_jitter enum full
mix_correct bool off
atc bool off
atc_auto bool off
mw_latency int 350 ms
mw_msgs int 8 messages
send_min_interval float 0.0 ms
reduce_sequence_header bool off - L
[vhost.publish: L env]
mr bool off
mr_latency int 350 ms
firstpkt_timeout int 20000 ms Y
normal_timeout int 5000 ms Y
parse_sps bool on
try_annexb_first bool on
kickoff_for_idle float 0 s
[vhost.refer: L -]
enabled bool off
all list
publish list
play list
[vhost.security: L -]
enabled bool off
allow list
deny list
[vhost.bandcheck: L -]
enabled bool off
key list
interval int 30 s
limit_kbps int 1000 kbps
[vhost.http_static: N env]
enabled bool off
mount word [vhost]/
dir word ./objs/nginx/html
[vhost.http_remux: N env]
enabled bool off
mount word [vhost]/[app]/[stream].flv
fast_cache float 0 s
drop_if_not_match bool on
has_audio bool on
has_video bool on
guess_has_av bool on
[vhost.http_hooks: L env]
enabled bool off
on_connect list
on_close list
on_publish list
on_unpublish list
on_play list
on_stop list
on_dvr list
on_hls list
on_hls_notify list
[vhost.exec: Y -]
enabled bool off
publish list
[vhost.dash: Y env]
enabled bool off
dash_fragment int 10 s
dash_update_period int 5 s
dash_timeshift int 300 s
dash_path word ./objs/nginx/html
dash_mpd_file word [app]/[stream].mpd
dash_window_size int 5 segments
dash_cleanup bool on
dash_dispose int 120 s
[vhost.hls: Y env]
enabled bool off
hls_fragment float 10 s
hls_td_ratio float 1.0
hls_aof_ratio float 2.1
hls_window float 60 s
hls_on_error enum continue - L
hls_path word ./objs/nginx/html
hls_m3u8_file word [app]/[stream].m3u8
hls_ts_file word [app]/[stream]-[seq].ts
hls_entry_prefix word
hls_acodec enum aac
hls_vcodec enum h264
hls_cleanup bool on
hls_dispose int 120 s
hls_wait_keyframe bool on
hls_ts_floor bool off
hls_nb_notify int 64 bytes L
hls_ctx bool on
hls_ts_ctx bool on
hls_keys bool off
hls_fragments_per_key int 5 fragments
hls_key_file word [app]/[stream]-[seq].key
hls_key_file_path word ./objs/nginx/html
hls_key_url word ./objs/nginx/html
hls_dts_directly bool on
hls_storage word - - - none
hls_mount word - - - none
[vhost.hds: Y env]
enabled bool off
hds_fragment float 10 s
hds_window float 60 s
hds_path word ./objs/nginx/html
[vhost.dvr: Y env]
enabled bool off
dvr_apply list all - N none
dvr_plan enum session
dvr_path word ./objs/nginx/html/[app]/[stream].[timestamp].flv
dvr_duration int 30 s
dvr_wait_keyframe bool on
time_jitter enum full
[vhost.ingest: Y -]
enabled bool off
ffmpeg word
[vhost.ingest.input: Y -]
type enum file
url word
[vhost.ingest.engine: Y -]
ENGINE
[vhost.transcode: Y -]
enabled bool off
ffmpeg word
[vhost.transcode.engine: Y -]
ENGINE
[vhost.rtc: L env]
enabled bool off
nack bool on
nack_no_copy bool on
twcc bool on
stun_timeout int 30 s
stun_strict_check bool off
dtls_role enum passive
dtls_version enum auto
drop_for_pt int 0 payload-type
rtmp_to_rtc bool off
keep_bframe bool off
keep_avc_nalu_sei bool on
opus_bitrate int 48000 bps
rtc_to_rtmp bool off
pli_for_rtmp float 6.0 s
aac_bitrate int 48000 bps
[vhost.srt: L env]
enabled bool off
srt_to_rtmp bool on - L SRS_VHOST_SRT_SRT_TO_RTMP,SRS_VHOST_SRT_TO_RTMP
`

const referenceEngine = `enabled bool off
perfile free
iformat word flv
vfilter free
vcodec word
vbitrate int 0 kbps
vfps float 0
vwidth int 0 pixels
vheight int 0 pixels
vthreads int 1
vprofile word
vpreset word
vparams free
acodec word
abitrate int 0 kbps
asample_rate int 0 Hz
achannels int 0
aparams free
oformat word flv
output word`

// referenceOwn has the rows that SRS does not have.
const referenceOwn = `
[: L env]
log_format enum srs - N SRSD_LOG_FORMAT
srs_log_max_size int 0 MB L SRS_SRS_LOG_MAX_SIZE,SRS_LOG_MAX_SIZE
srs_log_max_files int 5 files L SRS_SRS_LOG_MAX_FILES,SRS_LOG_MAX_FILES
drain_timeout int 0 s
rtmp_proxies nets
[limits: L env]
LIMITS
[http_api: L env]
pprof bool off
events bool on
trusted_proxies nets LOOPBACK
[http_api.auth: L env]
token list
anonymous bool on
[http_api.auth.jwt: L env]
secret list
public_key list
jwks word
issuer word
audience word
[http_server: L env]
trusted_proxies nets LOOPBACK
[exporter: L env]
streams int 1000 streams
[vhost.http_hooks: L env]
timeout float 30 s
on_error enum deny
verify_tls bool off
[vhost.rtc: L env]
playout_delay_min int 0 ms
playout_delay_max int 0 ms
[vhost.security.signed_url: L env]
enabled bool off
key list
require_ip bool off
[vhost.security.jwt: L env]
enabled bool off
secret list
public_key list
jwks word
param word token
[vhost.limits: L env]
LIMITS
[vhost.http_remux: Y env]
mounts list
[vhost.hls: Y env]
hls_use_fmp4 bool off
hls_low_latency bool off
hls_part_duration float 0.25 s
hls_recover bool on
hls_rewind float 0 s
hls_end_list bool off
hls_memory bool off
hls_max_memory int 512 MB
hls_variants list
[vhost.dash: Y env]
dash_memory bool off
dash_max_memory int 512 MB
dash_low_latency bool off
dash_part_duration float 0.25 s
[vhost.dvr: Y env]
dvr_overwrite bool off
dvr_play bool off
dvr_max_age float 0 s
dvr_max_size int 0 MB
[vhost.s3: Y env]
enabled bool off
endpoint word
region word
bucket word
prefix word
access_key word
secret_key word
path_style bool off
tls bool on
spool word ./objs/spool
spool_size int 10240 MB
hls bool on
dash bool on
dvr bool on
`

const referenceLimits = `connections int 0 connections
publishers int 0 publishers
players int 0 players
bitrate int 0 kbps
connections_per_ip int 0 connections
publishers_per_ip int 0 publishers
players_per_ip int 0 players
players_per_stream int 0 players`

// referenceRow is one line of the tables.
type referenceRow struct{ path, kind, def, unit, reload, env string }

func readReference(text string) (rows []referenceRow, blocks []string) {
	text = strings.NewReplacer("ENGINE", referenceEngine, "LIMITS", referenceLimits).Replace(text)
	var block, letter, env string
	for line := range strings.Lines(text) {
		if head, ok := strings.CutPrefix(strings.TrimSpace(line), "["); ok {
			w := strings.Fields(strings.TrimSuffix(head, "]"))
			block, letter, env = strings.TrimSuffix(w[0], ":"), w[1], w[2]
			blocks = append(blocks, block)
			continue
		}
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		for i := range w {
			if w[i] == "-" {
				w[i] = ""
			}
		}
		w = append(w, make([]string, 6)...)
		r := referenceRow{join(block, w[0]), w[1], w[2], strings.ReplaceAll(w[3], "-", " "), w[4], w[5]}
		if r.reload == "" {
			r.reload = letter
		}
		switch {
		case r.env == "" && env == "env":
			r.env = "SRS_" + strings.ToUpper(strings.ReplaceAll(r.path, ".", "_"))
		case r.env == "none":
			r.env = ""
		}
		if r.kind == "free" {
			r.env = ""
		}
		if r.def == "LOOPBACK" {
			r.def = "127.0.0.0/8 ::1/128"
		}
		rows = append(rows, r)
	}
	return rows, blocks
}

var referenceKinds = map[Kind]string{
	Free: "free", BoolOff: "bool", BoolOn: "bool", Int: "int", Float: "float", String: "word",
	Enum: "enum", List: "list", Addr: "addr", AddrList: "addrs", Networks: "nets",
}

// Every directive is held against the reference field by field, and there are no others.
func TestReference(t *testing.T) {
	listed := map[string]bool{}
	for text, ours := range map[string]bool{reference: false, referenceOwn: true} {
		rows, blocks := readReference(text)
		for _, r := range rows {
			it, ok := Lookup(r.path)
			require.True(t, ok, r.path)
			require.True(t, Known(r.path))
			require.False(t, listed[r.path], "%s is there twice", r.path)
			listed[r.path] = true
			unit := it.Unit
			if unit == "% CPU" {
				unit = "%"
			}
			require.Equal(t, r, referenceRow{it.Path, referenceKinds[it.Kind], it.Default, unit, string(it.Reload), strings.Join(it.Env, ",")})
			require.Equal(t, ours, it.Ours, r.path)
		}
		for _, b := range blocks {
			if listed[b] = true; b != "" {
				it, _ := Lookup(b)
				require.Equal(t, Block, it.Kind, b)
			}
		}
	}
	for _, it := range Schema() {
		require.True(t, listed[it.Path], "%s is not in the reference", it.Path)
	}
	require.False(t, Known("vhost.hls.hls_fragmnt"))
	require.False(t, Known(""))
}
