package apply

import (
	"log/slog"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/codec/transcode/aac"
	"github.com/srsgo/srs/protocol/codec/transcode/ffmpeg"
	"github.com/srsgo/srs/protocol/codec/transcode/mp3"
	"github.com/srsgo/srs/protocol/codec/transcode/opus"
	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
)

// rtc is the module of WebRTC; nil without it.
func (c *Config) rtc() *rtc.Config {
	r := c.file.Root()
	if !r.Bool("rtc_server.enabled") {
		return nil
	}
	x := &rtc.Config{
		Listen: []string{r.Addr("rtc_server.listen")}, RSA: !r.Bool("rtc_server.ecdsa"), Plain: !r.Bool("rtc_server.encrypt"),
		MergeNALUs: r.Bool("rtc_server.merge_nalus"),
		Vhost:      func(name string) rtc.Vhost { return c.vhosts[name].rtc },
		Candidates: rtc.Candidates{
			Hosts:        []string{r.String("rtc_server.candidate")},
			NoInterfaces: !r.Bool("rtc_server.use_auto_detect_network_ip"),
			NoAPIHost:    !r.Bool("rtc_server.api_as_candidates"),
			NoResolve:    !r.Bool("rtc_server.resolve_api_domain"),
			KeepName:     r.Bool("rtc_server.keep_api_domain"),
			NoUDP:        r.String("rtc_server.protocol") == "tcp",
			NoTCP:        r.String("rtc_server.protocol") == "udp",
		},
	}
	switch r.String("rtc_server.ip_family") {
	case "ipv6":
		x.Candidates.Family = rtc.IPv6
	case "all":
		x.Candidates.Family = rtc.AllFamilies
	}
	if r.Has("rtc_server.reuseport") { // by default as many as there are cores
		x.Sockets = max(r.Int("rtc_server.reuseport"), 1)
	}
	if r.Bool("rtc_server.black_hole.enabled") {
		x.Tap = r.String("rtc_server.black_hole.addr")
	}
	if r.Bool("rtc_server.tcp.enabled") {
		x.ListenTCP = []string{r.Addr("rtc_server.tcp.listen")}
	}
	return x
}

func rtcVhost(v *conf.Scope) rtc.Vhost {
	x := rtc.Vhost{
		Enabled: v.Bool("rtc.enabled"), NoNACK: !v.Bool("rtc.nack"), NoTWCC: !v.Bool("rtc.twcc"),
		Timeout: v.Duration("rtc.stun_timeout"), Strict: v.Bool("rtc.stun_strict_check"), Active: v.String("rtc.dtls_role") == "active",
		NoBridge: !v.Bool("rtc.rtmp_to_rtc"), KeepBFrames: v.Bool("rtc.keep_bframe"), NoSEI: !v.Bool("rtc.keep_avc_nalu_sei"),
		KeyFrames: -1,
	}
	if pt := v.Int("rtc.drop_for_pt"); pt > 0 && pt < 128 {
		x.DropPT = uint8(pt)
	}
	if most := v.Duration("rtc.playout_delay_max"); most > 0 {
		x.PlayoutDelay = &rtc.PlayoutDelay{Min: v.Duration("rtc.playout_delay_min"), Max: most}
	}
	if v.Bool("rtc.rtc_to_rtmp") {
		x.KeyFrames = v.Duration("rtc.pli_for_rtmp")
	}
	return x
}

// bridge converts sound between WebRTC and what else plays, in the directions that a vhost wants.
type bridge struct {
	*transcode.Converter
	toRTC, toOthers bool
}

// To implements stream.Converter.
func (b bridge) To(from stream.Track, accept []stream.Codec) (stream.Codec, bool) {
	to, ok := b.Converter.To(from, accept)
	if ok = ok && (to == stream.Opus && b.toRTC || to != stream.Opus && b.toOthers); !ok {
		return 0, false
	}
	return to, true
}

// New implements stream.Converter.
func (b bridge) New(to stream.Codec, dst stream.Sink) stream.Sink {
	if to == stream.Opus && !b.toRTC || to != stream.Opus && !b.toOthers {
		return dst
	}
	return b.Converter.New(to, dst)
}

// soundCodecs are those of sound, the ones in process first.
func soundCodecs() []transcode.Codec {
	return []transcode.Codec{opus.Codec(), aac.Codec(), mp3.Codec(), ffmpeg.Codec(ffmpeg.Config{})}
}

// converter gives what converts the sound of a vhost's streams; nil for nothing.
func (c *Config) converter(v *conf.Scope, logger *slog.Logger) stream.Converter {
	b := bridge{toRTC: v.Bool("rtc.rtmp_to_rtc"), toOthers: v.Bool("rtc.rtc_to_rtmp")}
	if !c.file.Root().Bool("rtc_server.enabled") || !v.Bool("rtc.enabled") || !b.toRTC && !b.toOthers {
		return nil
	}
	b.Converter = transcode.New(transcode.Config{
		Codecs:      c.codecs,
		OpusBitRate: v.Int("rtc.opus_bitrate"), AACBitRate: v.Int("rtc.aac_bitrate"), Logger: logger,
	})
	return b
}
