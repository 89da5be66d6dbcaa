package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
)

// Raw is what reads and changes the configuration for /api/v1/raw.
type Raw interface {
	// Call does what the parameter rpc of a request says. What it gives is answered beside
	// "code" and has to be a JSON object, or nil; a code other than 0 is answered alone. ctx
	// outlives the request: a change is not left half done.
	Call(ctx context.Context, query url.Values) (body any, code int)
}

// rawDisabled is what a server without Config.Raw answers to rpc=raw.
var rawDisabled = object{{"http_api", object{{"enabled", true}, {"listen", ""}, {"crossdomain", true},
	{"raw_api", object{{"enabled", false}, {"allow_reload", false}, {"allow_query", false}, {"allow_update", false}}},
}}}

func (m *Module) serveRaw(w http.ResponseWriter, r *http.Request) {
	query, raw := r.URL.Query(), m.cfg.Load().Raw
	var body any
	var code int
	switch {
	case raw != nil:
		body, code = raw.Call(context.WithoutCancel(r.Context()), query)
	case query.Get("rpc") == "raw":
		body = rawDisabled
	default:
		code = codeNoRaw
	}
	if code != 0 {
		fail(w, code)
		return
	}
	replyBytes(w, beside(encode(failure{0}), encode(body)))
}

// beside puts the members of an object behind those of another one.
func beside(a, b []byte) []byte {
	inner := bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("{")), []byte("}"))
	if len(inner) == 0 || len(inner)+2 != len(b) { // empty, or no object
		return a
	}
	out := append(bytes.TrimSuffix(a, []byte("}")), ',')
	return append(append(out, inner...), '}')
}
