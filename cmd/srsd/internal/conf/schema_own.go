package conf

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
	), limitRows("vhost")...)...)
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
