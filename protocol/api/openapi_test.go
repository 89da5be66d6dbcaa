package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// described is the description as the tests read it.
type described struct {
	OpenAPI string
	Paths   map[string]map[string]operationObject
	// Components.Responses are those that several operations have.
	Components struct {
		Schemas   map[string]any
		Responses map[string]any
	}
}

type operationObject struct {
	OperationID string
	Summary     string
	Parameters  []struct{ Name, In string }
	Responses   map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct{ Schema map[string]any }
	}
}

func description(t *testing.T) (d described) {
	t.Helper()
	require.NoError(t, json.Unmarshal(openapi, &d))
	require.Equal(t, "3.1.0", d.OpenAPI)
	return d
}

// TestOpenAPIHasAllRoutes compares the description with the routes that the module registers.
func TestOpenAPIHasAllRoutes(t *testing.T) {
	routes := map[string]bool{}
	for _, r := range New(Config{Root: true}).routes() {
		routes[r.path] = false
	}
	ids := map[string]bool{}
	for path, ops := range description(t).Paths {
		prefix, _, _ := strings.Cut(path, "{")
		_, ok := routes[prefix]
		require.True(t, ok, "%s is described, and there is no such route", path)
		routes[prefix] = true
		for method, op := range ops {
			require.NotEmpty(t, op.Summary, "%s %s", method, path)
			require.False(t, ids[op.OperationID], "%s twice", op.OperationID)
			ids[op.OperationID] = true
			named := slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.In == "path" })
			require.Equal(t, strings.Contains(path, "{"), named, "%s %s: the parameter", method, path)
		}
	}
	for path, ok := range routes {
		require.True(t, ok, "%s is served, and not described", path)
	}
}

// pretend is the application's part of an API.
type pretend struct{ err error }

func (p pretend) Recordings() []Recording {
	return []Recording{{Key: stream.Key{Vhost: "v", App: "live", Name: "s"}, File: "a.flv", Start: time.Now()}}
}
func (p pretend) Record(context.Context, stream.Key) error { return p.err }
func (p pretend) Stop(context.Context, stream.Key) error   { return p.err }
func (p pretend) Cut(context.Context, stream.Key) error    { return p.err }
func (p pretend) Call(context.Context, url.Values) (any, int) {
	return map[string]string{"data": "x"}, 0
}

// ended has a request end at once, for answers that would go on.
func ended(r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	*r = *r.WithContext(ctx)
}

// TestOpenAPIHolds asks every operation for every answer that it is described to have, and holds the
// answers against their schemas: a field that is missing, or that is not described, fails.
func TestOpenAPIHolds(t *testing.T) {
	d := description(t)
	unready := false
	full := operate(t, Config{Root: true, Version: "6.0.157", Debug: true, Raw: pretend{}, Recorder: pretend{},
		Vhost:  func(string) VhostInfo { return VhostInfo{HLS: true, Fragment: 10 * time.Second} },
		Reload: func(context.Context) (ReloadReport, error) { return ReloadReport{Applied: []string{"listen"}}, nil },
		Ready: func() error {
			if unready {
				return errors.New("no")
			}
			return nil
		}})
	bare := operate(t, Config{Metrics: MetricsConfig{Off: true}, Events: EventsConfig{Off: true}})
	busy := operate(t, Config{Events: EventsConfig{Clients: -1}, Recorder: pretend{err: stream.ErrNotFound},
		Reload: func(context.Context) (ReloadReport, error) { return ReloadReport{}, errors.New("no") }})
	key := stream.Key{Vhost: "__defaultVhost__", App: "live", Name: "livestream"}
	p := full.publish(t, key)
	require.NoError(t, stream.Copy(p, streamtest.H264AAC().Source()))
	v, err := full.srv.Hub().Play(t.Context(), stream.Request{Key: key, Protocol: "flv", Type: "flv-play", URL: "http://a/live/livestream.flv"})
	require.NoError(t, err)
	empty := full.publish(t, stream.Key{Vhost: "other", App: "live", Name: "empty"})
	id := full.srv.Identity()

	seen := map[string]bool{}
	ask := func(o *operated, method, path, target string, status int, changes ...with) {
		t.Helper()
		w := o.ask(method, target, changes...)
		name := fmt.Sprintf("%s %s %d", method, path, status)
		require.Equal(t, status, w.Code, "%s: %s", name, w.Body)
		resp, ok := d.Paths[path][strings.ToLower(method)].Responses[fmt.Sprint(status)]
		require.True(t, ok, "%s is not described", name)
		kind := w.Header().Get("Content-Type")
		content, ok := resp.Content[kind]
		require.True(t, ok, "%s: %s is not described", name, kind)
		if kind == "application/json" {
			require.NoError(t, d.hold(content.Schema, w.Body.Bytes()), "%s: %s", target, w.Body)
		}
		seen[name] = true
	}
	for path, ops := range d.Paths { // those that need nothing
		if _, ok := ops["get"]; ok && !strings.Contains(path, "{") && ops["get"].Responses["200"].Content["application/json"].Schema != nil {
			ask(full, "GET", path, path, 200)
		}
	}
	stream1, client := id.StreamID(key), v.Session().ID
	for _, x := range []struct {
		o            *operated
		method, path string
		target       string
		status       int
	}{
		{full, "GET", "/api/v1/vhosts/{id}", id.VhostID("__defaultVhost__"), 200},
		{full, "GET", "/api/v1/vhosts/{id}", "none", 200},
		{full, "PUT", "/api/v1/vhosts/{id}", "", 405},
		{full, "GET", "/api/v1/streams/{id}", stream1, 200},
		{full, "GET", "/api/v1/streams/{id}", "none", 200},
		{full, "GET", "/api/v1/streams/{id}", id.StreamID(empty.Stream().Key()), 200},
		{full, "GET", "/api/v1/clients/{id}", client, 200},
		{full, "GET", "/api/v1/clients/{id}", "none", 200},
		{full, "POST", "/api/v1/dvr/{id}", stream1, 200},
		{full, "POST", "/api/v1/dvr/{id}", stream1 + "?action=cut", 200},
		{full, "POST", "/api/v1/dvr/{id}", stream1 + "?action=what", 400},
		{full, "DELETE", "/api/v1/dvr/{id}", stream1, 200},
		{full, "DELETE", "/api/v1/dvr/{id}", "none", 200},
		{bare, "POST", "/api/v1/dvr/{id}", "none", 200},
		{busy, "DELETE", "/api/v1/dvr/{id}", "none", 200},
		{full, "GET", "/debug/pprof/{profile}", "", 200},
		{full, "GET", "/debug/pprof/{profile}", "heap", 200},
		{full, "GET", "/debug/pprof/{profile}", "heap?debug=1", 200},
		{full, "GET", "/debug/pprof/{profile}", "heap?seconds=x", 400},
		{bare, "GET", "/debug/pprof/{profile}", "heap", 404},
		{full, "DELETE", "/api/v1/clients/{id}", client, 200},
		{full, "DELETE", "/api/v1/clients/{id}", "none", 200},
	} {
		prefix, _, _ := strings.Cut(x.path, "{")
		if x.status != 405 {
			ask(x.o, x.method, x.path, prefix+x.target, x.status)
		}
	}
	ask(full, "GET", "/api/v1/clusters", "/api/v1/clusters?app=live&stream=livestream", 200)
	ask(bare, "GET", "/api/v1/raw", "/api/v1/raw?rpc=raw", 200)
	ask(bare, "GET", "/api/v1/raw", "/api/v1/raw?rpc=what", 200)
	ask(bare, "GET", "/api/v1/dvr/", "/api/v1/dvr/", 200)
	for _, o := range []*operated{full, bare, busy} {
		ask(o, "POST", "/api/v1/reload", "/api/v1/reload", 200)
	}
	ask(full, "GET", "/api/v1/tests/redirects", "/api/v1/tests/redirects", 301)
	ask(bare, "GET", "/metrics", "/metrics", 200)
	ask(full, "GET", "/metrics", "/metrics", 200)
	ask(full, "GET", "/api/v1/events", "/api/v1/events", 200, ended)
	ask(full, "GET", "/api/v1/events", "/api/v1/events?stream=[", 400)
	ask(bare, "GET", "/api/v1/events", "/api/v1/events", 404)
	ask(busy, "GET", "/api/v1/events", "/api/v1/events", 503)
	ask(full, "GET", "/healthz", "/healthz", 200)
	ask(full, "GET", "/readyz", "/readyz", 200)
	unready = true
	ask(full, "GET", "/readyz", "/readyz", 503)

	for path, ops := range d.Paths {
		for method, op := range ops {
			for status, r := range op.Responses {
				name := strings.ToUpper(method) + " " + path + " " + status
				if status == "405" { // to be had by what is no operation
					target, _, _ := strings.Cut(path, "{")
					w := full.ask("PATCH", target+"x")
					if !strings.Contains(path, "{") {
						w = full.ask("PATCH", target)
					}
					require.Equal(t, 405, w.Code, path)
					continue
				}
				if r.Ref != "" {
					require.Contains(t, d.Components.Responses, strings.TrimPrefix(r.Ref, "#/components/responses/"))
					continue
				}
				require.True(t, seen[name], "%s: nobody gets it", name)
			}
		}
	}
}

func TestEventsHoldToTheirSchema(t *testing.T) {
	d := description(t)
	o := operate(t, Config{})
	p := o.publish(t, stream.Key{Vhost: "v", App: "live", Name: "s"})
	for _, err := range []error{nil, stream.ErrKicked, errors.New("x"), fmt.Errorf("x: %w", &stream.DeniedError{}), &stream.RedirectError{},
		stream.ErrTakenOver, stream.ErrShutdown, stream.ErrSlow, stream.ErrIdle, stream.ErrBusy, stream.ErrNotFound, stream.ErrUnsupported, stream.ErrLapped} {
		for typ := stream.EventConnect; typ <= stream.EventStop; typ++ {
			o.module.observe(stream.Event{Type: typ, Time: time.Now(), Session: p.Session, Err: err})
		}
	}
	require.NoError(t, o.module.Emit("reload", nil))
	cursor, n := o.module.op.events.ring.Cursor(stream.Oldest), 0
	for e, err := cursor.Try(); e != nil; e, err = cursor.Try() {
		require.NoError(t, err)
		require.NoError(t, d.hold(d.Components.Schemas["Event"].(map[string]any), e.data()), "%s", e.data())
		n++
	}
	require.Equal(t, 1+13*6+1, n)
}
