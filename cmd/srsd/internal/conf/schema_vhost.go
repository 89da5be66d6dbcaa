package conf

// The rows of this file are §7 to §7.8 of the reference: a vhost and how it plays, publishes and
// talks to others.

var jitters = []string{"full", "zero", "off"}

func vhostRows() []Item {
	return append(group("", Notify, true,
		Item{Path: "vhost", Kind: Block, Repeat: true},
		Item{Path: "vhost.enabled", Kind: BoolOn, Default: "on", Env: none},
		Item{Path: "vhost.chunk_size", Kind: Int, Default: "60000", Unit: "bytes", Limits: &Limits{128, 65536, Accept}},
		Item{Path: "vhost.min_latency", Kind: BoolOff, Default: "off"},
		Item{Path: "vhost.tcp_nodelay", Kind: BoolOff, Default: "off"},
		Item{Path: "vhost.in_ack_size", Kind: Int, Default: "0", Unit: "bytes", Reload: Live},
		Item{Path: "vhost.out_ack_size", Kind: Int, Default: "2500000", Unit: "bytes", Reload: Live},
	), group("vhost", Live, false,
		Item{Path: "refer", Kind: Block},
		Item{Path: "refer.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "refer.all", Kind: List},
		Item{Path: "refer.publish", Kind: List},
		Item{Path: "refer.play", Kind: List},
		Item{Path: "security", Kind: Block},
		Item{Path: "security.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "security.allow", Kind: List, Repeat: true},
		Item{Path: "security.deny", Kind: List, Repeat: true},
		Item{Path: "bandcheck", Kind: Block, Unchecked: true},
		Item{Path: "bandcheck.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "bandcheck.key", Kind: List, Secret: true},
		Item{Path: "bandcheck.interval", Kind: Int, Default: "30", Unit: "s"},
		Item{Path: "bandcheck.limit_kbps", Kind: Int, Default: "1000", Unit: "kbps"},
		Item{Path: "exec", Kind: Block, Reload: Notify},
		Item{Path: "exec.enabled", Kind: BoolOff, Default: "off", Reload: Notify},
		Item{Path: "exec.publish", Kind: List, Repeat: true, Reload: Notify},
	)...)
}

func clusterRows() []Item {
	return append(group("vhost", Live, false,
		Item{Path: "cluster", Kind: Block},
		// SRS refuses a reload that changes it (2023).
		Item{Path: "cluster.mode", Kind: Enum, Default: "local", Reload: Restart, Enum: []string{"local", "remote"}},
		Item{Path: "cluster.origin", Kind: List},
		Item{Path: "cluster.token_traverse", Kind: BoolOff, Default: "off"},
		Item{Path: "cluster.vhost", Kind: String, Default: "[vhost]"},
		Item{Path: "cluster.debug_srs_upnode", Kind: BoolOn, Default: "on"},
		Item{Path: "cluster.origin_cluster", Kind: BoolOff, Default: "off"},
		Item{Path: "cluster.coworkers", Kind: List},
		Item{Path: "cluster.protocol", Kind: Enum, Default: "rtmp", Enum: []string{"rtmp", "flv", "flvs"}},
		Item{Path: "cluster.follow_client", Kind: BoolOff, Default: "off"},
	), group("vhost", Notify, false,
		Item{Path: "forward", Kind: Block},
		Item{Path: "forward.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "forward.destination", Kind: List},
		Item{Path: "forward.backend", Kind: String},
	)...)
}

func playRows() []Item {
	return append(group("vhost", Notify, true,
		Item{Path: "play", Kind: Block},
		Item{Path: "play.gop_cache", Kind: BoolOn, Default: "on"},
		Item{Path: "play.gop_cache_max_frames", Kind: Int, Default: "2500", Unit: "frames"},
		Item{Path: "play.queue_length", Kind: Int, Default: "30", Unit: "s"},
		Item{Path: "play.time_jitter", Kind: Enum, Default: "full", Enum: jitters},
		Item{Path: "play.mix_correct", Kind: BoolOff, Default: "off"},
		Item{Path: "play.atc", Kind: BoolOff, Default: "off"},
		Item{Path: "play.atc_auto", Kind: BoolOff, Default: "off"},
		Item{Path: "play.mw_latency", Kind: Int, Default: "350", Unit: "ms"},
		Item{Path: "play.mw_msgs", Kind: Int, Default: "8", Unit: "messages", Limits: &Limits{0, 128, Clamp}},
		Item{Path: "play.send_min_interval", Kind: Float, Default: "0.0", Unit: "ms"},
		Item{Path: "play.reduce_sequence_header", Kind: BoolOff, Default: "off", Reload: Live},
	), group("vhost", Live, true,
		Item{Path: "publish", Kind: Block},
		Item{Path: "publish.mr", Kind: BoolOff, Default: "off"},
		Item{Path: "publish.mr_latency", Kind: Int, Default: "350", Unit: "ms"},
		Item{Path: "publish.firstpkt_timeout", Kind: Int, Default: "20000", Unit: "ms", Reload: Notify},
		Item{Path: "publish.normal_timeout", Kind: Int, Default: "5000", Unit: "ms", Reload: Notify},
		Item{Path: "publish.parse_sps", Kind: BoolOn, Default: "on"},
		Item{Path: "publish.try_annexb_first", Kind: BoolOn, Default: "on"},
		Item{Path: "publish.kickoff_for_idle", Kind: Float, Default: "0", Unit: "s"},
	)...)
}

func httpVhostRows() []Item {
	return append(group("vhost", Restart, true,
		Item{Path: "http_static", Kind: Block},
		Item{Path: "http_static.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "http_static.mount", Kind: String, Default: "[vhost]/"},
		Item{Path: "http_static.dir", Kind: String, Default: "./objs/nginx/html"},
		Item{Path: "http_remux", Kind: Block, Once: true},
		Item{Path: "http_remux.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "http_remux.mount", Kind: String, Default: "[vhost]/[app]/[stream].flv"},
		Item{Path: "http_remux.fast_cache", Kind: Float, Default: "0", Unit: "s"},
		Item{Path: "http_remux.drop_if_not_match", Kind: BoolOn, Default: "on"},
		Item{Path: "http_remux.has_audio", Kind: BoolOn, Default: "on"},
		Item{Path: "http_remux.has_video", Kind: BoolOn, Default: "on"},
		Item{Path: "http_remux.guess_has_av", Kind: BoolOn, Default: "on"},
	), group("vhost", Live, true,
		Item{Path: "http_hooks", Kind: Block},
		Item{Path: "http_hooks.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "http_hooks.on_connect", Kind: List},
		Item{Path: "http_hooks.on_close", Kind: List},
		Item{Path: "http_hooks.on_publish", Kind: List},
		Item{Path: "http_hooks.on_unpublish", Kind: List},
		Item{Path: "http_hooks.on_play", Kind: List},
		Item{Path: "http_hooks.on_stop", Kind: List},
		Item{Path: "http_hooks.on_dvr", Kind: List},
		Item{Path: "http_hooks.on_hls", Kind: List},
		Item{Path: "http_hooks.on_hls_notify", Kind: List},
	)...)
}
