package conf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLegacyNames(t *testing.T) {
	for _, c := range []struct{ name, in, want, warning string }{
		{"http_stream", "http_stream { enabled on; }", `http_server {enabled "on";}`, "x.conf:3: http_stream: an old name, read as http_server"},
		{"tlpkdrop", "srt_server { tlpkdrop off; }", `srt_server {tlpktdrop "off";}`, "srt_server.tlpkdrop: an old name"},
		{"http", "vhost v { http { enabled on; } }", `vhost "v" {http_static {enabled "on";}}`, "vhost.http: an old name, read as http_static"},
		{"hstrs", "vhost v { http_remux { enabled on; hstrs on; } }", `vhost "v" {http_remux {enabled "on";}}`, "vhost.http_remux.hstrs: an old name without effect"},
		{"refer", "vhost v { refer a.com b.com; }", `vhost "v" {refer {all "a.com" "b.com"; enabled "on";}}`, "vhost.refer: an old name, read as refer.all"},
		{"three refers", "vhost v { refer a; refer_play b; refer_publish c; }", `vhost "v" {refer {all "a"; enabled "on"; play "b"; publish "c";}}`, "vhost.refer_publish"},
		{"new refer", "vhost v { refer { enabled on; all a; } }", `vhost "v" {refer {enabled "on"; all "a";}}`, ""},
		{"mr", "vhost v { mr { enabled on; latency 500; } }", `vhost "v" {publish {mr "on"; mr_latency "500";}}`, "vhost.mr.latency: an old name, read as publish.mr_latency"},
		{"timeouts", "vhost v { publish_1stpkt_timeout 1; publish_normal_timeout 2; }", `vhost "v" {publish {firstpkt_timeout "1"; normal_timeout "2";}}`, "vhost.publish_normal_timeout"},
		{"play", `vhost v { time_jitter zero; mix_correct on; atc on; atc_auto on; mw_latency 1; gop_cache off; gop_cache_max_frames 2;
queue_length 3; send_min_interval 4; reduce_sequence_header on; }`, `vhost "v" {play {time_jitter "zero"; mix_correct "on"; atc "on"; atc_auto "on"; mw_latency "1"; gop_cache "off"; gop_cache_max_frames "2"; queue_length "3"; send_min_interval "4"; reduce_sequence_header "on";}}`, "x.conf:4: vhost.queue_length: an old name, read as play.queue_length"},
		{"into a block that is there", "vhost v { gop_cache off; play { atc on; gop_cache on; } }", `vhost "v" {play {atc "on"; gop_cache "off";}}`, "vhost.gop_cache"},
		{"without value", "vhost v { gop_cache; }", `vhost "v" {}`, "vhost.gop_cache"},
		{"forward", "vhost v { forward a:1 b:2; }", `vhost "v" {forward {destination "a:1" "b:2"; enabled "on";}}`, "vhost.forward: an old name, read as forward.destination"},
		{"new forward", "vhost v { forward { enabled on; } }", `vhost "v" {forward {enabled "on";}}`, ""},
		{"cluster", "vhost v { mode remote; origin a b; token_traverse on; vhost w; debug_srs_upnode off; }", `vhost "v" {cluster {mode "remote"; origin "a" "b"; token_traverse "on"; vhost "w"; debug_srs_upnode "off";}}`, "vhost.vhost: an old name, read as cluster.vhost"},
		{"nack and twcc", "vhost v { nack { enabled off; no_copy off; } twcc { enabled off; } }", `vhost "v" {rtc {nack "off"; nack_no_copy "off"; twcc "off";}}`, "vhost.twcc.enabled: an old name, read as rtc.twcc"},
		{"aac and bframe", "vhost v { rtc { aac transcode; bframe keep; } }", `vhost "v" {rtc {rtmp_to_rtc "on"; keep_bframe "on";}}`, "vhost.rtc.aac: an old name, read as rtmp_to_rtc on"},
		{"aac and bframe off", "vhost v { rtc { aac discard; bframe discard; } }", `vhost "v" {rtc {rtmp_to_rtc "off"; keep_bframe "off";}}`, "vhost.rtc.bframe: an old name, read as keep_bframe off"},
		{"gb28181 host", "stream_caster { caster gb28181; host 192.0.2.1; }", `stream_caster {caster "gb28181"; sip {candidate "192.0.2.1";}}`, "stream_caster.host: an old name, read as sip.candidate"},
		{"gb28181", `stream_caster { caster gb28181; tcp_enable on; rtp_port_min 1; rtp_port_max 2; wait_keyframe on; rtp_idle_timeout 3; audio_enable on;
auto_create_channel on; sip { serial a; realm b; ack_timeout 1; keepalive_timeout 2; invite_port_fixed on; query_catalog_interval 3; auto_play on; } }`, "", "x.conf:4: stream_caster.sip.auto_play: SRS 5 and later ignore it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustLoad(t, base+c.in)
			if c.want != "" {
				require.Equal(t, c.want, show(f.root.Children[2:]))
			}
			if c.warning == "" {
				require.Empty(t, f.Warnings())
			}
			require.Contains(t, lines(f), c.warning)
		})
	}
}

func TestLegacyErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"vhost v { mr { latncy 1; } }", `x.conf:3: unknown directive "latncy" in vhost.mr`},
		{"vhost v { mr on; }", `unknown directive "mr" in vhost`},
		{"vhost v {\n gop_cache_max_frames x; }", `x.conf:4: vhost.play.gop_cache_max_frames: "x" is not a whole number`},
		{"vhost v { rtc { aac on; } }", `x.conf:3: vhost.rtc.aac: "on" is not one of transcode, discard`},
		{"vhost v { mode elsewhere; }", `vhost.cluster.mode: "elsewhere" is not one of local, remote`},
	} {
		_, err := load(base + c.in)
		require.ErrorContains(t, err, c.want)
	}
}
