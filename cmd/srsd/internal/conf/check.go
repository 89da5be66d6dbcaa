package conf

import "strings"

// checkValues are the checks SRS makes of values in force, wherever they come from, beyond what each
// of them says of itself.
func (f *File) checkValues(x *findings, o Options) {
	f.checkGlobal(x, o)
	f.checkStats(x, o)
	f.checkHTTP(x)
	for _, v := range f.vhosts {
		checkVhost(x, v)
	}
}

func (f *File) checkGlobal(x *findings, o Options) {
	r := f.Root()
	if r.Bool("is_full") {
		x.errorf(r.at("is_full"), "this file only lists what can be written, it is not to be run")
	}
	// Without a file, SRS runs with no RTMP port rather than not at all.
	if !r.Has("listen") && !f.EnvOnly() && !x.broken {
		x.errorf(where{file: f.Path(), name: "listen"}, "it is missing, expected [ip:]port")
	}
	if r.Bool("asprocess") && r.Bool("daemon") {
		x.errorf(r.at("asprocess"), "it does not go with daemon on")
	}
	if r.String("srs_log_tank") == "file" && emptied(r, "srs_log_file") {
		x.errorf(r.at("srs_log_file"), "it is empty, expected a path, as srs_log_tank is file")
	}
	// SRS keeps 128 files for itself.
	const own = 128
	n, limit := r.Int("max_connections"), o.MaxFiles()
	if n <= 0 {
		x.errorf(r.at("max_connections"), "%d is not a positive number", n)
	} else if limit > 0 && uint64(n)+own >= limit {
		x.errorf(r.at("max_connections"), "%d connections need more than %d open files, the limit is %d: "+
			"raise it (ulimit -n) or lower max_connections", n, n+own, limit)
	}
	if p := r.String("srt_server.passphrase"); p != "" && (len(p) < 10 || len(p) > 79) {
		x.errorf(r.at("srt_server.passphrase"), "it has %d characters, expected 10 to 79", len(p))
	}
}

func (f *File) checkStats(x *findings, o Options) {
	r := f.Root()
	if n, have := r.Int("stats.network"), o.LocalIPs(); n < 0 || n >= have {
		x.errorf(r.at("stats.network"), "%d is not the index of a local address, there are %d", n, have)
	}
	if n := r.Int("heartbeat.interval"); n <= 0 {
		x.errorf(r.at("heartbeat.interval"), "%d is not a positive number of seconds", n)
	}
}

// checkHTTP checks the two HTTP servers against each other. They may share ports, but then both.
func (f *File) checkHTTP(x *findings) {
	r := f.Root()
	for _, block := range []string{"http_api", "http_server"} {
		if emptied(r, block+".listen") {
			x.errorf(r.at(block+".listen"), "it is empty, expected [ip:]port")
		}
		if r.Bool(block+".https.enabled") && !r.Bool(block+".enabled") {
			x.errorf(r.at(block+".https.enabled"), "HTTPS is on while %s is off", block)
		}
	}
	plain := r.String("http_api.listen") == r.String("http_server.listen")
	secure := r.String("http_api.https.listen") == r.String("http_server.https.listen")
	if plain && !secure {
		x.errorf(r.at("http_api.https.listen"), "http_api and http_server share HTTP port %s but not the HTTPS port: %s and %s",
			r.String("http_api.listen"), r.String("http_api.https.listen"), r.String("http_server.https.listen"))
	}
	if secure && !plain {
		x.errorf(r.at("http_api.https.listen"), "http_api and http_server share HTTPS port %s but not the HTTP port: %s and %s",
			r.String("http_api.https.listen"), r.String("http_api.listen"), r.String("http_server.listen"))
	}
}

func checkVhost(x *findings, v *Vhost) {
	// What SRS refuses. What http_remux.mounts has besides may: HLS is asked first.
	if v.Bool("hls.enabled") && v.Bool("http_remux.enabled") && strings.HasSuffix(v.String("http_remux.mount"), ".ts") {
		x.errorf(v.at("http_remux.mount"), "HTTP-TS and HLS both want the .ts names of vhost %s", v.Name)
	}
	if v.Bool("forward.enabled") && v.Float("publish.kickoff_for_idle") > 0 {
		x.errorf(v.at("publish.kickoff_for_idle"), "it does not go with forward in vhost %s", v.Name)
	}
	if v.Bool("security.signed_url.enabled") && !v.Has("security.signed_url.key") {
		x.errorf(v.at("security.signed_url.enabled"), "there is no key in vhost %s", v.Name)
	}
	if v.Bool("security.jwt.enabled") && !v.Has("security.jwt.secret") && !v.Has("security.jwt.public_key") && !v.Has("security.jwt.jwks") {
		x.errorf(v.at("security.jwt.enabled"), "there is no secret, public_key or jwks in vhost %s", v.Name)
	}
	ids := map[string]*Scope{}
	for _, i := range v.Blocks("ingest") {
		if first := ids[i.Arg()]; first != nil {
			x.errorf(atDirective(i.dir, "vhost.ingest"), "%q is already at %s:%d in vhost %s",
				i.Arg(), first.dir.File, first.dir.Line, v.Name)
			continue
		}
		ids[i.Arg()] = i
	}
}

// emptied says whether a directive is written without a value and no variable gives it one.
func emptied(s *Scope, path string) bool { return len(s.all(path)) > 0 && !s.Has(path) }
