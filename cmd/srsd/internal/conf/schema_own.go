package conf

import "slices"

// The rows of this file are srsd's own: what SRS does not have. Their names follow its style, and
// their defaults make srsd do what SRS does.

// loopback are the networks from which a proxy is believed what it says of its clients' addresses. SRS
// believes everybody, which would let anybody pass the lists of allowed addresses.
const loopback = "127.0.0.0/8 ::1/128"

// count bounds a number that cannot be negative.
var count = &Limits{0, 1 << 31, Refuse}

func ownRows() []Item {
	return ours(append(group("", Live, true,
		// What the lines of the log look like, and when a new file begins: at that many MB, 0 for never.
		Item{Path: "log_format", Kind: Enum, Default: "srs", Reload: Restart, Enum: []string{"srs", "text", "json"},
			Env: []string{"SRSD_LOG_FORMAT"}},
		Item{Path: "srs_log_max_size", Kind: Int, Default: "0", Unit: "MB", Limits: count,
			Env: []string{"SRS_SRS_LOG_MAX_SIZE", "SRS_LOG_MAX_SIZE"}},
		Item{Path: "srs_log_max_files", Kind: Int, Default: "5", Unit: "files", Limits: count,
			Env: []string{"SRS_SRS_LOG_MAX_FILES", "SRS_LOG_MAX_FILES"}},
		// How long a graceful quit waits for clients, 0 for ever.
		Item{Path: "drain_timeout", Kind: Int, Default: "0", Unit: "s", Limits: count},
		// Whose RTMP connections begin with a PROXY protocol header.
		Item{Path: "rtmp_proxies", Kind: Networks},
		// Beside Basic auth: bearer tokens, and JWTs signed with a secret or a key of a file or a JWKS.
		Item{Path: "http_api.auth.token", Kind: List, Secret: true},
		// Whether an API without any credential answers other machines, as that of SRS does.
		Item{Path: "http_api.auth.anonymous", Kind: BoolOn, Default: "on"},
		Item{Path: "http_api.auth.jwt", Kind: Block},
		Item{Path: "http_api.auth.jwt.secret", Kind: List, Secret: true},
		Item{Path: "http_api.auth.jwt.public_key", Kind: List},
		Item{Path: "http_api.auth.jwt.jwks", Kind: String},
		Item{Path: "http_api.auth.jwt.issuer", Kind: String},
		Item{Path: "http_api.auth.jwt.audience", Kind: String},
		Item{Path: "http_api.pprof", Kind: BoolOff, Default: "off"},
		Item{Path: "http_api.events", Kind: BoolOn, Default: "on"},
		// Whose X-Forwarded-For is believed.
		Item{Path: "http_api.trusted_proxies", Kind: Networks, Default: loopback},
		Item{Path: "http_server.trusted_proxies", Kind: Networks, Default: loopback},
		// How many streams have metrics of their own.
		Item{Path: "exporter.streams", Kind: Int, Default: "1000", Unit: "streams", Limits: count},
	), limitRows("")...)...)
}

func ownVhostRows() []Item {
	return ours(append(group("vhost", Live, true,
		Item{Path: "http_hooks.timeout", Kind: Float, Default: "30", Unit: "s", Limits: &Limits{0.001, 86400, Refuse}},
		Item{Path: "http_hooks.on_error", Kind: Enum, Default: "deny", Enum: []string{"deny", "allow"}},
		Item{Path: "http_hooks.verify_tls", Kind: BoolOff, Default: "off"},
		// The delay that WebRTC players are asked to show the picture after; a greatest one of 0 leaves it to them.
		Item{Path: "rtc.playout_delay_min", Kind: Int, Default: "0", Unit: "ms", Limits: &Limits{0, 40950, Refuse}},
		Item{Path: "rtc.playout_delay_max", Kind: Int, Default: "0", Unit: "ms", Limits: &Limits{0, 40950, Refuse}},
		Item{Path: "security.signed_url", Kind: Block},
		Item{Path: "security.signed_url.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "security.signed_url.key", Kind: List, Secret: true},
		Item{Path: "security.signed_url.require_ip", Kind: BoolOff, Default: "off"},
		Item{Path: "security.jwt", Kind: Block},
		Item{Path: "security.jwt.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "security.jwt.secret", Kind: List, Secret: true},
		Item{Path: "security.jwt.public_key", Kind: List},
		Item{Path: "security.jwt.jwks", Kind: String},
		Item{Path: "security.jwt.param", Kind: String, Default: "token"},
	), slices.Concat(segmentRows(), limitRows("vhost"))...)...)
}

// segmentRows are those of HLS, DASH and recordings.
func segmentRows() []Item {
	const day = 86400
	return group("vhost", Notify, true,
		// Further mounts beside http_remux.mount, as [vhost]/[app]/[stream].ts.
		Item{Path: "http_remux.mounts", Kind: List},

		// Fragmented MP4 in place of MPEG-TS; HEVC, AV1 and more in every browser that can.
		Item{Path: "hls.hls_use_fmp4", Kind: BoolOff, Default: "off"},
		// Low latency: parts of so many seconds (implies fMP4).
		Item{Path: "hls.hls_low_latency", Kind: BoolOff, Default: "off"},
		Item{Path: "hls.hls_part_duration", Kind: Float, Default: "0.25", Unit: "s", Limits: &Limits{0.05, 10, Refuse}},
		// Numbers and playlist go on where an earlier process ended.
		Item{Path: "hls.hls_recover", Kind: BoolOn, Default: "on"},
		// How far back ?rewind=1 on a playlist goes.
		Item{Path: "hls.hls_rewind", Kind: Float, Default: "0", Unit: "s", Limits: &Limits{0, 30 * day, Refuse}},
		// Whether a playlist is ended when its publisher leaves.
		Item{Path: "hls.hls_end_list", Kind: BoolOff, Default: "off"},
		// Nothing is written to disk: segments are served from memory, as they are in any case.
		Item{Path: "hls.hls_memory", Kind: BoolOff, Default: "off"},
		Item{Path: "dash.dash_memory", Kind: BoolOff, Default: "off"},
		// What each stream may hold in memory; the oldest segments leave early where it is not enough.
		Item{Path: "hls.hls_max_memory", Kind: Int, Default: "512", Unit: "MB", Limits: &Limits{1, 1 << 20, Refuse}},
		Item{Path: "dash.dash_max_memory", Kind: Int, Default: "512", Unit: "MB", Limits: &Limits{1, 1 << 20, Refuse}},
		// Streams that are one content in several qualities, as [stream]_720p [stream]_360p.
		Item{Path: "hls.hls_variants", Kind: List},

		Item{Path: "dash.dash_low_latency", Kind: BoolOff, Default: "off"},
		Item{Path: "dash.dash_part_duration", Kind: Float, Default: "0.25", Unit: "s", Limits: &Limits{0.05, 10, Refuse}},

		// A recording whose file exists takes its place.
		Item{Path: "dvr.dvr_overwrite", Kind: BoolOff, Default: "off"},
		// Whether who may play a stream may list and play its recordings: /record/app/stream.json, .mp4, .m3u8, .flv and .ts.
		Item{Path: "dvr.dvr_play", Kind: BoolOff, Default: "off"},
		// Recordings that are older, or the oldest of all that are larger together, are deleted; 0: none.
		Item{Path: "dvr.dvr_max_age", Kind: Float, Default: "0", Unit: "s", Limits: &Limits{0, 36500 * day, Refuse}},
		Item{Path: "dvr.dvr_max_size", Kind: Int, Default: "0", Unit: "MB", Limits: count},

		// A bucket that files go to as they are complete. What waits for it is kept below spool.
		Item{Path: "s3", Kind: Block},
		Item{Path: "s3.enabled", Kind: BoolOff, Default: "off"},
		Item{Path: "s3.endpoint", Kind: String},
		Item{Path: "s3.region", Kind: String},
		Item{Path: "s3.bucket", Kind: String},
		Item{Path: "s3.prefix", Kind: String},
		Item{Path: "s3.access_key", Kind: String, Secret: true},
		Item{Path: "s3.secret_key", Kind: String, Secret: true},
		Item{Path: "s3.path_style", Kind: BoolOff, Default: "off"},
		Item{Path: "s3.tls", Kind: BoolOn, Default: "on"},
		Item{Path: "s3.spool", Kind: String, Default: "./objs/spool"},
		Item{Path: "s3.spool_size", Kind: Int, Default: "10240", Unit: "MB", Limits: count},
		Item{Path: "s3.hls", Kind: BoolOn, Default: "on"},
		Item{Path: "s3.dash", Kind: BoolOn, Default: "on"},
		Item{Path: "s3.dvr", Kind: BoolOn, Default: "on"},
	)
}

// limitRows are those of the whole server or of one vhost; 0 is no limit.
func limitRows(prefix string) []Item {
	return append(group(prefix, Live, true, Item{Path: "limits", Kind: Block}), group(join(prefix, "limits"), Live, true,
		Item{Path: "connections", Kind: Int, Default: "0", Unit: "connections", Limits: count},
		Item{Path: "publishers", Kind: Int, Default: "0", Unit: "publishers", Limits: count},
		Item{Path: "players", Kind: Int, Default: "0", Unit: "players", Limits: count},
		Item{Path: "bitrate", Kind: Int, Default: "0", Unit: "kbps", Limits: count},
		Item{Path: "connections_per_ip", Kind: Int, Default: "0", Unit: "connections", Limits: count},
		Item{Path: "publishers_per_ip", Kind: Int, Default: "0", Unit: "publishers", Limits: count},
		Item{Path: "players_per_ip", Kind: Int, Default: "0", Unit: "players", Limits: count},
		Item{Path: "players_per_stream", Kind: Int, Default: "0", Unit: "players", Limits: count},
	)...)
}
