// Package raw is what is behind SRS's RAW API, /api/v1/raw?rpc=…: to reload, to query and to change the
// configuration of a running server.
//
//	rpc=raw                                  what of this is allowed; always answered
//	rpc=reload, rpc=reload-fetch             reload, and how the last one went
//	rpc=query&scope=global|minimal           the configuration as JSON
//	rpc=query&scope=vhost&vhost=NAME         one vhost of it
//	rpc=update&scope=SCOPE&value=VALUE       change one directive, see below
//
// All but the first need http_api.raw_api.enabled, and each needs its allow_reload, allow_query or
// allow_update. The last two are what SRS 3 had; SRS 5 and later have neither.
//
// An update of the scopes listen, pid, chunk_size, ff_log_dir, srs_log_tank, srs_log_level, srs_log_file,
// max_connections, utc_time and pithy_print_ms sets that directive to the value; several ports are
// separated by commas, utc_time takes true or false. scope=vhost takes the name as the value and
// param=create, update (to the name in data), delete, enable or disable; only a disabled vhost can be
// renamed or deleted. scope=dvr takes the vhost as the value, param=enable or disable, and
// data=app/stream, which it puts on or takes off the vhost's dvr_apply.
//
// What is updated is in force at once, and written into the file in which it stands, of which all else
// stays as it is, unless persist=off. The next update that is to be written writes that, too, and a
// reload before it undoes it. Nothing is written in the environment-only mode, which has no file; there
// SRSD_HTTP_API_RAW_API_ALLOW_QUERY and SRSD_HTTP_API_RAW_API_ALLOW_UPDATE allow what they are named after.
//
// An answer has one of SRS's codes: 0, 1060 for an unknown rpc, 1061 for what is not enabled, 1062 for an
// unknown scope or action, or one that is not possible as things are, 1063 for a bad value, and 1059 if the
// file cannot be written. As in SRS 6, query and update that are not allowed are unknown. Why
// something was refused is in the log.
package raw

import (
	"context"
	"log/slog"
	"net/url"
	"sync"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/stream"
)

// The codes of SRS that an answer can have, beside those of a configuration.
const (
	CodePersistence = 1059 // ConfigPersistence
	CodeRPC         = 1060 // ConfigRaw
	CodeDisabled    = 1061 // ConfigRawDisable
	CodeNotAllowed  = 1062 // ConfigRawNotAllowed
	CodeParams      = 1063 // ConfigRawParams
)

// Config is what a Backend works on. Current, Load and Apply are required.
type Config struct {
	// Current returns the configuration that runs.
	Current func() *conf.File
	// Load reads the configuration anew from where the process has it.
	Load func() (*conf.File, error)
	// Apply makes a configuration the one that runs, and Current then returns it. If it fails, the
	// old one goes on. Only one call runs at a time.
	Apply func(context.Context, *conf.File) error
	// Schedule asks for a call of [Backend.Reload] soon, but not within this one: the request that
	// asked is to be answered first. Nil refuses rpc=reload.
	Schedule func()
	// VhostID returns the id that the API has for a vhost; nil for none.
	VhostID func(name string) string
	// Describe returns SRS's code for an error of Load or Apply, and its text; nil tells the faults of
	// a configuration, and 1 for others.
	Describe func(error) (code int, text string)
	// Dir is where relative names of files begin; empty is the working directory.
	Dir    string
	Logger *slog.Logger // nil logs nothing
}

// Backend answers the RAW API. Its methods may be called at any time from anywhere.
type Backend struct {
	cfg  Config
	rows map[string][]conf.Item // of the schema, by the block they are in

	applying sync.Mutex        // held while a configuration is taken up
	last     *conf.File        // what the last update made, and
	disk     map[string][]byte // the texts of its files as they are on the disk

	mu     sync.Mutex
	status status // of the last reload
}

// New returns a Backend.
func New(c Config) *Backend {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Describe == nil {
		c.Describe = describe
	}
	b := &Backend{cfg: c, rows: map[string][]conf.Item{}, status: status{text: "Success", id: stream.NewID()[:7]}}
	for _, it := range conf.Schema() {
		b.rows[it.Parent()] = append(b.rows[it.Parent()], it)
	}
	return b
}

// Call answers a request by its query parameters. The body holds what is in the answer beside the code;
// nil for nothing. It can be marshalled as JSON.
func (b *Backend) Call(ctx context.Context, q url.Values) (body Object, code int) {
	r, rpc := b.cfg.Current().Root(), q.Get("rpc")
	switch {
	case rpc == "raw":
		return rawBody(r), 0
	case !r.Bool("http_api.raw_api.enabled"):
		return nil, b.refuse(q, CodeDisabled, "raw_api is off")
	case rpc == "reload" && (!r.Bool("http_api.raw_api.allow_reload") || b.cfg.Schedule == nil):
		return nil, b.refuse(q, CodeDisabled, "allow_reload is off")
	case rpc == "reload":
		b.cfg.Schedule()
		return nil, 0
	case rpc == "reload-fetch":
		return b.fetch(), 0
	case rpc == "query" && r.Bool("http_api.raw_api.allow_query"):
		return b.query(q)
	case rpc == "update" && r.Bool("http_api.raw_api.allow_update"):
		return nil, b.update(ctx, q)
	}
	return nil, b.refuse(q, CodeRPC, "unknown rpc, or not allowed")
}

// refuse tells why a request was refused, as the answer does not.
func (b *Backend) refuse(q url.Values, code int, why string) int {
	b.cfg.Logger.Warn("raw api: refused", "rpc", short(q.Get("rpc")), "scope", short(q.Get("scope")),
		"code", code, "err", why)
	return code
}

// short cuts a text of a request to what a line of the log can bear.
func short(s string) string { return s[:min(len(s), 100)] }

func rawBody(r *conf.Scope) Object {
	return Object{{"http_api", Object{
		{"enabled", r.Bool("http_api.enabled")},
		{"listen", r.String("http_api.listen")},
		{"crossdomain", r.Bool("http_api.crossdomain")},
		{"raw_api", Object{
			{"enabled", r.Bool("http_api.raw_api.enabled")},
			{"allow_reload", r.Bool("http_api.raw_api.allow_reload")},
			{"allow_query", r.Bool("http_api.raw_api.allow_query")},
			{"allow_update", r.Bool("http_api.raw_api.allow_update")},
		}},
	}}}
}
