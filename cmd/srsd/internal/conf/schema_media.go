package conf

// The rows of this file are §4 to §6 of the reference: stream_caster, srt_server and rtc_server.

func casterRows() []Item {
	const old = "SRS 5 and later ignore it"
	return group("", Restart, false, append([]Item{{Path: "stream_caster", Kind: Block, Repeat: true}},
		group("stream_caster", Restart, false,
			Item{Path: "enabled", Kind: BoolOff, Default: "off"},
			// A word that is none of these only fails when the caster starts, see [File.StartErrors].
			Item{Path: "caster", Kind: Enum, Enum: []string{"mpegts_over_udp", "flv", "gb28181", "rtsp"}},
			Item{Path: "output", Kind: String},
			Item{Path: "listen", Kind: Addr}, // SRS: 0, which is no port
			Item{Path: "sip", Kind: Block},
			Item{Path: "sip.enabled", Kind: BoolOn, Default: "on"},
			Item{Path: "sip.listen", Kind: Addr, Default: "5060"},
			Item{Path: "sip.timeout", Kind: Float, Default: "60", Unit: "s"},
			Item{Path: "sip.reinvite", Kind: Float, Default: "5", Unit: "s"},
			Item{Path: "sip.candidate", Kind: String, Default: "*"},
			// The GB28181 of SRS 4 and before, and the port range of its rtsp.
			Item{Path: "tcp_enable", Kind: BoolOff, Default: "off", Note: old},
			Item{Path: "rtp_port_min", Kind: Int, Default: "0", Note: old},
			Item{Path: "rtp_port_max", Kind: Int, Default: "0", Note: old},
			Item{Path: "rtp_idle_timeout", Kind: Int, Default: "30", Unit: "s", Note: old},
			Item{Path: "audio_enable", Kind: BoolOff, Default: "off", Note: old},
			Item{Path: "wait_keyframe", Kind: BoolOn, Default: "on", Note: old},
			Item{Path: "auto_create_channel", Kind: BoolOff, Default: "off", Note: old},
			Item{Path: "sip.serial", Kind: String, Default: "34020000002000000001", Note: old},
			Item{Path: "sip.realm", Kind: String, Default: "3402000000", Note: old},
			Item{Path: "sip.ack_timeout", Kind: Int, Default: "30", Unit: "s", Note: old},
			Item{Path: "sip.keepalive_timeout", Kind: Int, Default: "120", Unit: "s", Note: old},
			Item{Path: "sip.auto_play", Kind: BoolOn, Default: "on", Note: old},
			Item{Path: "sip.invite_port_fixed", Kind: BoolOn, Default: "on", Note: old},
			Item{Path: "sip.query_catalog_interval", Kind: Int, Default: "60", Unit: "s", Note: old},
		)...)...)
}

// removed tells of names that older versions had and that are errors now.
var removed = map[string]string{
	"stream_caster.jitterbuffer_enable": "SRS 5 removed it",
	"rtc_server.perf_stat":              "SRS 4 removed it",
	"rtc_server.queue_length":           "SRS 4 removed it",
}

func srtRows() []Item {
	return append([]Item{{Path: "srt_server", Kind: Block, Reload: Restart}}, group("srt_server", Restart, true,
		Item{Path: "enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "listen", Kind: Addr, Default: "10080"},
		Item{Path: "maxbw", Kind: Int, Default: "-1", Unit: "bytes/s"},
		Item{Path: "mss", Kind: Int, Default: "1500", Unit: "bytes"},
		Item{Path: "latency", Kind: Int, Default: "120", Unit: "ms"},
		Item{Path: "recvlatency", Kind: Int, Default: "120", Unit: "ms"},
		Item{Path: "peerlatency", Kind: Int, Default: "0", Unit: "ms"},
		Item{Path: "connect_timeout", Kind: Int, Default: "3000", Unit: "ms"},
		Item{Path: "peer_idle_timeout", Kind: Int, Default: "10000", Unit: "ms"},
		Item{Path: "tsbpdmode", Kind: BoolOn, Default: "on"},
		Item{Path: "tlpktdrop", Kind: BoolOn, Default: "on"},
		Item{Path: "sendbuf", Kind: Int, Default: "12058624", Unit: "bytes"},
		Item{Path: "recvbuf", Kind: Int, Default: "12058624", Unit: "bytes"},
		Item{Path: "payloadsize", Kind: Int, Default: "1316", Unit: "bytes"},
		Item{Path: "default_app", Kind: String, Default: "live"},
		Item{Path: "passphrase", Kind: String, Secret: true},
		Item{Path: "pbkeylen", Kind: Int, Default: "0", Unit: "bytes", Enum: []string{"0", "16", "24", "32"}},
		Item{Path: "sei_filter", Kind: BoolOn, Default: "on"},
		Item{Path: "mix_correct", Kind: BoolOff, Default: "off"},
	)...)
}

func rtcServerRows() []Item {
	return append([]Item{{Path: "rtc_server", Kind: Block, Reload: Restart}}, group("rtc_server", Restart, true,
		Item{Path: "enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "listen", Kind: Addr, Default: "8000"},
		Item{Path: "tcp", Kind: Block, Unchecked: true},
		Item{Path: "tcp.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "tcp.listen", Kind: Addr, Default: "8000"},
		Item{Path: "protocol", Kind: Enum, Default: "udp", Enum: []string{"udp", "tcp", "all"}},
		Item{Path: "candidate", Kind: String, Default: "*"},
		Item{Path: "use_auto_detect_network_ip", Kind: BoolOn, Default: "on"},
		Item{Path: "ip_family", Kind: Enum, Default: "ipv4", Enum: []string{"ipv4", "ipv6", "all"}},
		Item{Path: "api_as_candidates", Kind: BoolOn, Default: "on"},
		Item{Path: "resolve_api_domain", Kind: BoolOn, Default: "on"},
		Item{Path: "keep_api_domain", Kind: BoolOff, Default: "off"},
		Item{Path: "ecdsa", Kind: BoolOn, Default: "on"},
		Item{Path: "encrypt", Kind: BoolOn, Default: "on"},
		Item{Path: "reuseport", Kind: Int, Default: "1"},
		Item{Path: "merge_nalus", Kind: BoolOff, Default: "off"},
		Item{Path: "black_hole", Kind: Block, Unchecked: true},
		Item{Path: "black_hole.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "black_hole.addr", Kind: String},
		Item{Path: "dir", Kind: String},
	)...)
}
