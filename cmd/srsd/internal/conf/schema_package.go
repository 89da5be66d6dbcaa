package conf

// The rows of this file are §7.9 to §7.15 of the reference: what a vhost makes of its streams.

func packagingRows() []Item {
	return group("vhost", Notify, true,
		Item{Path: "dash", Kind: Block},
		Item{Path: "dash.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "dash.dash_fragment", Kind: Int, Default: "10", Unit: "s"},
		Item{Path: "dash.dash_update_period", Kind: Int, Default: "5", Unit: "s"},
		Item{Path: "dash.dash_timeshift", Kind: Int, Default: "300", Unit: "s",
			Note: "it has no effect, as in SRS: dash_window_size says how much is kept"},
		Item{Path: "dash.dash_path", Kind: String, Default: "./objs/nginx/html"},
		Item{Path: "dash.dash_mpd_file", Kind: String, Default: "[app]/[stream].mpd"},
		Item{Path: "dash.dash_window_size", Kind: Int, Default: "5", Unit: "segments"},
		Item{Path: "dash.dash_cleanup", Kind: BoolOn, Default: "on"},
		Item{Path: "dash.dash_dispose", Kind: Int, Default: "120", Unit: "s"},
		Item{Path: "hds", Kind: Block, Unchecked: true},
		Item{Path: "hds.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "hds.hds_fragment", Kind: Float, Default: "10", Unit: "s"},
		Item{Path: "hds.hds_window", Kind: Float, Default: "60", Unit: "s"},
		Item{Path: "hds.hds_path", Kind: String, Default: "./objs/nginx/html"},
		Item{Path: "dvr", Kind: Block},
		Item{Path: "dvr.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "dvr.dvr_apply", Kind: List, Default: "all", Env: none, Reload: Restart},
		Item{Path: "dvr.dvr_plan", Kind: Enum, Default: "session", Enum: []string{"session", "segment"}},
		Item{Path: "dvr.dvr_path", Kind: String, Default: "./objs/nginx/html/[app]/[stream].[timestamp].flv"},
		Item{Path: "dvr.dvr_duration", Kind: Int, Default: "30", Unit: "s"},
		Item{Path: "dvr.dvr_wait_keyframe", Kind: BoolOn, Default: "on"},
		Item{Path: "dvr.time_jitter", Kind: Enum, Default: "full", Enum: jitters},
	)
}

func hlsRows() []Item {
	return group("vhost", Notify, true,
		Item{Path: "hls", Kind: Block},
		Item{Path: "hls.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "hls.hls_fragment", Kind: Float, Default: "10", Unit: "s"},
		Item{Path: "hls.hls_td_ratio", Kind: Float, Default: "1.0"},
		Item{Path: "hls.hls_aof_ratio", Kind: Float, Default: "2.1"},
		Item{Path: "hls.hls_window", Kind: Float, Default: "60", Unit: "s"},
		Item{Path: "hls.hls_on_error", Kind: Enum, Default: "continue", Reload: Live,
			Enum: []string{"continue", "ignore", "disconnect"}},
		Item{Path: "hls.hls_path", Kind: String, Default: "./objs/nginx/html"},
		Item{Path: "hls.hls_m3u8_file", Kind: String, Default: "[app]/[stream].m3u8"},
		Item{Path: "hls.hls_ts_file", Kind: String, Default: "[app]/[stream]-[seq].ts"},
		Item{Path: "hls.hls_entry_prefix", Kind: String},
		Item{Path: "hls.hls_acodec", Kind: Enum, Default: "aac", Enum: []string{"aac", "mp3", "an"}},
		Item{Path: "hls.hls_vcodec", Kind: Enum, Default: "h264", Enum: []string{"h264", "h265", "vn"}},
		Item{Path: "hls.hls_cleanup", Kind: BoolOn, Default: "on"},
		Item{Path: "hls.hls_dispose", Kind: Int, Default: "120", Unit: "s"},
		Item{Path: "hls.hls_wait_keyframe", Kind: BoolOn, Default: "on"},
		Item{Path: "hls.hls_ts_floor", Kind: BoolOff, Default: "off"},
		Item{Path: "hls.hls_nb_notify", Kind: Int, Default: "64", Unit: "bytes", Reload: Live},
		Item{Path: "hls.hls_ctx", Kind: BoolOn, Default: "on"},
		Item{Path: "hls.hls_ts_ctx", Kind: BoolOn, Default: "on"},
		Item{Path: "hls.hls_keys", Kind: BoolOff, Default: "off"},
		Item{Path: "hls.hls_fragments_per_key", Kind: Int, Default: "5", Unit: "fragments"},
		Item{Path: "hls.hls_key_file", Kind: String, Default: "[app]/[stream]-[seq].key"},
		// The path follows hls_path; the URL, in SRS, that directive's default text.
		Item{Path: "hls.hls_key_file_path", Kind: String, Default: "./objs/nginx/html"},
		Item{Path: "hls.hls_key_url", Kind: String, Default: "./objs/nginx/html"},
		Item{Path: "hls.hls_dts_directly", Kind: BoolOn, Default: "on", Note: "it has no effect: HLS always keeps the stream's DTS"},
		Item{Path: "hls.hls_storage", Kind: String, Env: none, Note: "it is ignored, HLS is always written to disk"},
		Item{Path: "hls.hls_mount", Kind: String, Env: none, Note: "it is ignored, HLS is always written to disk"},
	)
}

func transcodeRows() []Item {
	rows := []Item{
		{Path: "ingest", Kind: Block, Repeat: true},
		{Path: "ingest.enabled", Kind: BoolOff, Default: "off"},
		{Path: "ingest.input", Kind: Block, Unchecked: true},
		{Path: "ingest.input.type", Kind: Enum, Default: "file", Enum: []string{"file", "stream"}},
		{Path: "ingest.input.url", Kind: String},
		{Path: "ingest.ffmpeg", Kind: String},
		{Path: "ingest.engine", Kind: Block, Repeat: true, Unchecked: true},
		{Path: "transcode", Kind: Block, Repeat: true},
		{Path: "transcode.enabled", Kind: BoolOff, Default: "off"},
		{Path: "transcode.ffmpeg", Kind: String},
		{Path: "transcode.engine", Kind: Block, Repeat: true},
	}
	rows = append(rows, engineRows("ingest.engine")...)
	rows = append(rows, engineRows("transcode.engine")...)
	return group("vhost", Notify, false, rows...)
}

// engineRows are the same in an ingest as in a transcode, but for the checking of names.
func engineRows(prefix string) []Item {
	return group(prefix, Notify, false,
		Item{Path: "enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "perfile", Kind: Free},
		Item{Path: "iformat", Kind: String, Default: "flv"},
		Item{Path: "vfilter", Kind: Free},
		Item{Path: "vcodec", Kind: String},
		Item{Path: "vbitrate", Kind: Int, Default: "0", Unit: "kbps"},
		Item{Path: "vfps", Kind: Float, Default: "0"},
		Item{Path: "vwidth", Kind: Int, Default: "0", Unit: "pixels"},
		Item{Path: "vheight", Kind: Int, Default: "0", Unit: "pixels"},
		Item{Path: "vthreads", Kind: Int, Default: "1"},
		Item{Path: "vprofile", Kind: String},
		Item{Path: "vpreset", Kind: String},
		Item{Path: "vparams", Kind: Free},
		Item{Path: "acodec", Kind: String},
		Item{Path: "abitrate", Kind: Int, Default: "0", Unit: "kbps"},
		Item{Path: "asample_rate", Kind: Int, Default: "0", Unit: "Hz"},
		Item{Path: "achannels", Kind: Int, Default: "0"},
		Item{Path: "aparams", Kind: Free},
		Item{Path: "oformat", Kind: String, Default: "flv"},
		Item{Path: "output", Kind: String},
	)
}

func rtcVhostRows() []Item {
	bitrate := &Limits{8000, 320000, Default}
	return group("vhost", Live, true,
		Item{Path: "rtc", Kind: Block},
		Item{Path: "rtc.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "rtc.nack", Kind: BoolOn, Default: "on"},
		Item{Path: "rtc.nack_no_copy", Kind: BoolOn, Default: "on"},
		Item{Path: "rtc.twcc", Kind: BoolOn, Default: "on"},
		Item{Path: "rtc.stun_timeout", Kind: Int, Default: "30", Unit: "s"},
		Item{Path: "rtc.stun_strict_check", Kind: BoolOff, Default: "off"},
		Item{Path: "rtc.dtls_role", Kind: Enum, Default: "passive", Enum: []string{"passive", "active"}},
		Item{Path: "rtc.dtls_version", Kind: Enum, Default: "auto", Enum: []string{"auto", "dtls1.0", "dtls1.2"}},
		Item{Path: "rtc.drop_for_pt", Kind: Int, Default: "0", Unit: "payload type"},
		Item{Path: "rtc.rtmp_to_rtc", Kind: BoolOff, Default: "off"},
		Item{Path: "rtc.keep_bframe", Kind: BoolOff, Default: "off"},
		Item{Path: "rtc.keep_avc_nalu_sei", Kind: BoolOn, Default: "on"},
		Item{Path: "rtc.opus_bitrate", Kind: Int, Default: "48000", Unit: "bps", Limits: bitrate},
		Item{Path: "rtc.rtc_to_rtmp", Kind: BoolOff, Default: "off"},
		Item{Path: "rtc.pli_for_rtmp", Kind: Float, Default: "6.0", Unit: "s", Limits: &Limits{0.5, 30, Default}},
		Item{Path: "rtc.aac_bitrate", Kind: Int, Default: "48000", Unit: "bps", Limits: bitrate},
		Item{Path: "srt", Kind: Block},
		Item{Path: "srt.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "srt.srt_to_rtmp", Kind: BoolOn, Default: "on",
			Env: []string{"SRS_VHOST_SRT_SRT_TO_RTMP", "SRS_VHOST_SRT_TO_RTMP"}},
	)
}
