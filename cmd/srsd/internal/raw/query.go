package raw

import (
	"net/url"
	"slices"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// query answers with what is set of a scope, in the shapes of SRS 3: values of which neither the file
// nor the environment says anything are not there. Secrets are hidden.
func (b *Backend) query(q url.Values) (Object, int) {
	f := b.cfg.Current()
	switch scope := q.Get("scope"); scope {
	case "minimal":
		return Object{{scope, Object{{"listen", list(f.Root().List("listen"))}}}}, 0
	case "global":
		return Object{{scope, b.global(f)}}, 0
	case "vhost":
		v := vhost(f, q.Get("vhost"))
		if v == nil {
			return nil, b.refuse(q, CodeParams, "no such vhost")
		}
		return Object{{scope, b.vhost(v)}}, 0
	}
	return nil, b.refuse(q, CodeNotAllowed, "unknown scope")
}

// vhost finds the vhost of exactly that name.
func vhost(f *conf.File, name string) *conf.Vhost {
	all := f.Vhosts()
	if i := slices.IndexFunc(all, func(v *conf.Vhost) bool { return v.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

func (b *Backend) global(f *conf.File) Object {
	r := f.Root()
	o := Object{{"listen", list(r.List("listen"))}}
	for _, path := range []string{"pid", "chunk_size", "ff_log_dir", "srs_log_tank", "srs_log_level", "srs_log_file",
		"max_connections", "daemon", "utc_time", "pithy_print_ms"} {
		o = b.value(o, r, path, path)
	}
	for _, path := range []string{"heartbeat", "stats", "http_api", "http_server"} {
		if r.Has(path) {
			o = append(o, Field{path, b.block(r, path, path)})
		}
	}
	if casters := r.Blocks("stream_caster"); len(casters) > 0 { // of several, SRS shows the last
		o = append(o, Field{"stream_caster", b.block(casters[len(casters)-1], "stream_caster", "")})
	}
	vhosts := Object{}
	for _, v := range f.Vhosts() {
		one := b.identity(v)
		for _, flag := range features {
			if flag.in(v.Scope) {
				one = append(one, Field{flag.name, true})
			}
		}
		vhosts = append(vhosts, Field{v.Name, one})
	}
	return append(o, Field{"nb_vhosts", len(vhosts)}, Field{"vhosts", vhosts})
}

func (b *Backend) identity(v *conf.Vhost) Object {
	var id any
	if b.cfg.VhostID != nil {
		id = b.cfg.VhostID(v.Name)
	}
	return Object{{"id", id}, {"name", v.Name}, {"enabled", v.Enabled}}
}

// features are the flags of a vhost, each there only if it is used.
var features = []struct {
	name string
	in   func(*conf.Scope) bool
}{
	{"dvr", on("dvr.enabled")}, {"http_static", on("http_static.enabled")}, {"http_remux", on("http_remux.enabled")},
	{"hls", on("hls.enabled")}, {"hds", on("hds.enabled")}, {"http_hooks", on("http_hooks.enabled")},
	{"exec", on("exec.enabled")}, {"bandcheck", on("bandcheck.enabled")},
	{"origin", func(s *conf.Scope) bool { return s.String("cluster.mode") == "remote" }},
	{"forward", on("forward.enabled")}, {"security", on("security.enabled")}, {"refer", on("refer.enabled")},
	{"mr", on("publish.mr")}, {"min_latency", on("min_latency")}, {"gop_cache", on("play.gop_cache")},
	{"tcp_nodelay", on("tcp_nodelay")}, {"mix_correct", on("play.mix_correct")},
	{"time_jitter", func(s *conf.Scope) bool { return s.String("play.time_jitter") != "off" }},
	{"atc", on("play.atc")}, {"transcode", anyOn("transcode")}, {"ingest", anyOn("ingest")},
}

func on(path string) func(*conf.Scope) bool {
	return func(s *conf.Scope) bool { return s.Bool(path) }
}

func anyOn(path string) func(*conf.Scope) bool {
	return func(s *conf.Scope) bool { return slices.ContainsFunc(s.Blocks(path), on("enabled")) }
}

func (b *Backend) vhost(v *conf.Vhost) Object {
	o := b.identity(v)
	for _, name := range []string{"chunk_size", "min_latency", "tcp_nodelay"} {
		o = b.value(o, v.Scope, "vhost."+name, name)
	}
	for _, name := range []string{"cluster", "forward", "play", "publish", "refer", "bandcheck", "http_static", "http_remux",
		"http_hooks", "hls", "hds", "dvr", "exec"} {
		if v.Has(name) {
			o = append(o, Field{name, b.block(v.Scope, "vhost."+name, name)})
		}
	}
	if v.Has("security") {
		o = append(o, Field{"security", Object{{"enabled", v.Bool("security.enabled")},
			{"allows", rules(v, "allow")}, {"denies", rules(v, "deny")}}})
	}
	if blocks := v.Blocks("ingest"); len(blocks) > 0 {
		o = append(o, Field{"ingests", b.repeated(blocks, "vhost.ingest", "id")})
	}
	if blocks := v.Blocks("transcode"); len(blocks) > 0 {
		o = append(o, Field{"transcodes", b.repeated(blocks, "vhost.transcode", "apply")})
	}
	return o
}

// rules are those of vhost.security that allow, or that deny.
func rules(v *conf.Vhost, action string) []Object {
	all := []Object{}
	for _, words := range v.Each("security." + action) {
		words = append(words, "")
		all = append(all, Object{{"action", action}, {"method", words[0]}, {"entry", words[1]}})
	}
	return all
}

func (b *Backend) repeated(blocks []*conf.Scope, path, id string) []Object {
	all := []Object{}
	for _, s := range blocks {
		all = append(all, append(Object{{id, s.Arg()}}, b.block(s, path, "")...))
	}
	return all
}

// block is all that is set in a block: path is its path in the schema, rel that in the scope.
func (b *Backend) block(s *conf.Scope, path, rel string) Object {
	o := Object{}
	for _, it := range b.rows[path] {
		name := it.Name()
		at := name
		if rel != "" {
			at = rel + "." + name
		}
		switch {
		case name == "enabled":
			o = append(o, Field{name, s.Bool(at)})
		case !s.Has(at):
		case it.Path == "vhost.ingest.engine":
			o = append(o, Field{name, b.repeated(s.Blocks(at)[:1], it.Path, "id")[0]})
		case it.Path == "vhost.transcode.engine":
			o = append(o, Field{"engines", b.repeated(s.Blocks(at), it.Path, "id")})
		case it.Kind == conf.Block:
			o = append(o, Field{name, b.block(s, it.Path, at)})
		case it.Kind == conf.Free:
			free := Object{}
			for _, d := range s.Free(at) {
				free = append(free, Field{d.Name, word(d.Shown())})
			}
			o = append(o, Field{name, free})
		default:
			o = b.value(o, s, it.Path, at)
		}
	}
	return o
}

// value adds a directive, if it is set.
func (b *Backend) value(o Object, s *conf.Scope, path, rel string) Object {
	it, _ := conf.Lookup(path)
	if !s.Has(rel) {
		return o
	}
	var v any
	switch it.Kind {
	case conf.BoolOff, conf.BoolOn:
		v = s.Bool(rel)
	case conf.Int:
		v = s.Int(rel)
	case conf.Float:
		v = number(s.Float(rel))
	case conf.List, conf.AddrList, conf.Networks:
		v = list(s.Shown(rel))
	default:
		v = word(s.Shown(rel))
	}
	return append(o, Field{it.Name(), v})
}

// word is the one that counts.
func word(words []string) string { return append(words, "")[0] }

// list is never null in JSON.
func list(words []string) []string { return append([]string{}, words...) }
