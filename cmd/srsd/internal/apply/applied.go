package apply

import (
	"slices"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// applied lists the paths of all directives that srsd acts upon; the rest of the schema is known
// only. The values of a stream_caster count for the kinds in casters.
var applied = []string{
	// The process: packages app, daemon and srslog.
	"server_id", "pid", "srs_log_tank", "srs_log_level", "srs_log_level_v2", "srs_log_file", "log_format",
	"srs_log_max_size", "srs_log_max_files",
	"daemon", "utc_time", "pithy_print_ms", "work_dir", "asprocess", "in_docker", "disable_daemon_for_docker",
	"inotify_auto_reload", "auto_reload_for_docker", "drain_timeout", "grace_start_wait", "grace_final_wait", "force_grace_quit", "is_full",

	// The server and its modules: server.go.
	"listen", "chunk_size", "max_connections", "rtmp_proxies",
	"rtmps.enabled", "rtmps.listen", "rtmps.key", "rtmps.cert",
	"http_server.enabled", "http_server.listen", "http_server.dir", "http_server.crossdomain", "http_server.trusted_proxies", "http_api.trusted_proxies",
	"http_server.https.enabled", "http_server.https.listen", "http_server.https.key", "http_server.https.cert",
	"http_api.enabled", "http_api.listen",
	"http_api.https.enabled", "http_api.https.listen", "http_api.https.key", "http_api.https.cert",
	"http_api.auth.enabled", "http_api.auth.username", "http_api.auth.password", "http_api.auth.anonymous",
	"http_api.auth.token", "http_api.auth.jwt.secret", "http_api.auth.jwt.public_key", "http_api.auth.jwt.jwks",
	"http_api.auth.jwt.issuer", "http_api.auth.jwt.audience", "http_api.pprof", "http_api.events",
	"http_api.raw_api.enabled", "http_api.raw_api.allow_reload", "http_api.raw_api.allow_query", "http_api.raw_api.allow_update",
	"exporter.enabled", "exporter.listen", "exporter.label", "exporter.tag", "exporter.streams",
	"stats.enabled", "stats.disk", "stats.network",
	"heartbeat.enabled", "heartbeat.interval", "heartbeat.url", "heartbeat.device_id", "heartbeat.summaries", "heartbeat.ports",
	"stream_caster.enabled", "stream_caster.caster", "stream_caster.listen", "stream_caster.output",

	// The vhosts: vhost.go.
	"vhost.enabled", "vhost.chunk_size", "vhost.in_ack_size", "vhost.out_ack_size",
	"vhost.min_latency", "vhost.tcp_nodelay",
	"vhost.play.gop_cache", "vhost.play.gop_cache_max_frames", "vhost.play.queue_length", "vhost.play.time_jitter",
	"vhost.play.mix_correct", "vhost.play.atc", "vhost.play.atc_auto", "vhost.play.mw_latency", "vhost.play.mw_msgs",
	"vhost.play.send_min_interval", "vhost.play.reduce_sequence_header",
	"vhost.publish.mr", "vhost.publish.mr_latency", "vhost.publish.firstpkt_timeout",
	"vhost.publish.normal_timeout", "vhost.publish.kickoff_for_idle",
	"vhost.refer.enabled", "vhost.refer.all", "vhost.refer.publish", "vhost.refer.play",
	"vhost.security.enabled", "vhost.security.allow", "vhost.security.deny",
	"vhost.security.signed_url.enabled", "vhost.security.signed_url.key", "vhost.security.signed_url.require_ip",
	"vhost.security.jwt.enabled", "vhost.security.jwt.secret", "vhost.security.jwt.public_key",
	"vhost.security.jwt.jwks", "vhost.security.jwt.param",
	"vhost.http_hooks.enabled", "vhost.http_hooks.on_connect", "vhost.http_hooks.on_close",
	"vhost.http_hooks.on_publish", "vhost.http_hooks.on_unpublish", "vhost.http_hooks.on_play", "vhost.http_hooks.on_stop",
	"vhost.http_hooks.timeout", "vhost.http_hooks.on_error", "vhost.http_hooks.verify_tls",
	"vhost.http_hooks.on_hls", "vhost.http_hooks.on_hls_notify",
	"vhost.hls.enabled", "vhost.hls.hls_fragment", "vhost.hls.hls_td_ratio", "vhost.hls.hls_aof_ratio", "vhost.hls.hls_window",
	"vhost.hls.hls_on_error", "vhost.hls.hls_path", "vhost.hls.hls_m3u8_file", "vhost.hls.hls_ts_file", "vhost.hls.hls_entry_prefix",
	"vhost.hls.hls_acodec", "vhost.hls.hls_vcodec", "vhost.hls.hls_cleanup", "vhost.hls.hls_dispose", "vhost.hls.hls_wait_keyframe",
	"vhost.hls.hls_ts_floor", "vhost.hls.hls_nb_notify", "vhost.hls.hls_ctx", "vhost.hls.hls_ts_ctx", "vhost.hls.hls_keys",
	"vhost.hls.hls_fragments_per_key", "vhost.hls.hls_key_file", "vhost.hls.hls_key_file_path", "vhost.hls.hls_key_url",
	"vhost.hls.hls_use_fmp4", "vhost.hls.hls_low_latency", "vhost.hls.hls_part_duration", "vhost.hls.hls_recover", "vhost.hls.hls_rewind",
	"vhost.hls.hls_end_list", "vhost.hls.hls_memory", "vhost.hls.hls_max_memory", "vhost.hls.hls_variants",
	"vhost.dash.enabled", "vhost.dash.dash_fragment", "vhost.dash.dash_update_period", "vhost.dash.dash_window_size", "vhost.dash.dash_path",
	"vhost.dash.dash_mpd_file", "vhost.dash.dash_cleanup", "vhost.dash.dash_dispose", "vhost.dash.dash_low_latency", "vhost.dash.dash_memory", "vhost.dash.dash_max_memory", "vhost.dash.dash_part_duration",
	"vhost.http_hooks.on_dvr", "vhost.dvr.enabled", "vhost.dvr.dvr_apply", "vhost.dvr.dvr_plan", "vhost.dvr.dvr_path", "vhost.dvr.dvr_duration",
	"vhost.dvr.dvr_wait_keyframe", "vhost.dvr.time_jitter", "vhost.dvr.dvr_overwrite", "vhost.dvr.dvr_play", "vhost.dvr.dvr_max_age", "vhost.dvr.dvr_max_size",
	"vhost.s3.enabled", "vhost.s3.endpoint", "vhost.s3.region", "vhost.s3.bucket", "vhost.s3.prefix", "vhost.s3.access_key", "vhost.s3.secret_key",
	"vhost.s3.path_style", "vhost.s3.tls", "vhost.s3.spool", "vhost.s3.spool_size", "vhost.s3.hls", "vhost.s3.dash", "vhost.s3.dvr",
	"rtc_server.enabled", "rtc_server.listen", "rtc_server.tcp.enabled", "rtc_server.tcp.listen", "rtc_server.protocol", "rtc_server.candidate",
	"rtc_server.use_auto_detect_network_ip", "rtc_server.ip_family", "rtc_server.api_as_candidates", "rtc_server.resolve_api_domain",
	"rtc_server.keep_api_domain", "rtc_server.ecdsa", "rtc_server.reuseport", "rtc_server.black_hole.enabled",
	"rtc_server.black_hole.addr", "rtc_server.encrypt", "rtc_server.merge_nalus",
	"vhost.rtc.enabled", "vhost.rtc.nack", "vhost.rtc.twcc", "vhost.rtc.stun_timeout", "vhost.rtc.stun_strict_check", "vhost.rtc.dtls_role",
	"vhost.rtc.drop_for_pt", "vhost.rtc.rtmp_to_rtc", "vhost.rtc.keep_bframe", "vhost.rtc.keep_avc_nalu_sei", "vhost.rtc.opus_bitrate",
	"vhost.rtc.rtc_to_rtmp", "vhost.rtc.pli_for_rtmp", "vhost.rtc.aac_bitrate", "vhost.rtc.playout_delay_min", "vhost.rtc.playout_delay_max",
	"vhost.http_remux.enabled", "vhost.http_remux.mount", "vhost.http_remux.mounts", "vhost.http_remux.fast_cache", "vhost.http_remux.drop_if_not_match",
	"vhost.http_remux.has_audio", "vhost.http_remux.has_video", "vhost.http_remux.guess_has_av",
	"vhost.http_static.enabled", "vhost.http_static.mount", "vhost.http_static.dir",
}

// limited are the directives of a block of limits, which the server and each vhost have.
var limited = []string{"connections", "publishers", "players", "bitrate",
	"connections_per_ip", "publishers_per_ip", "players_per_ip", "players_per_stream"}

// casters are the kinds of stream_caster that work.
var casters = []string{"flv"}

// Applied says whether srsd acts upon what a configuration sets there.
func Applied(u conf.Use) bool {
	if strings.HasPrefix(u.Path, "stream_caster.") && !slices.Contains(casters, u.Caster) {
		return false
	}
	if _, name, ok := strings.Cut(u.Path, "limits."); ok {
		return slices.Contains(limited, name)
	}
	return slices.Contains(applied, u.Path)
}
