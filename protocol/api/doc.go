// Package api answers SRS's HTTP API: what a server does, who publishes and plays, and how to
// end a session.
//
//	protocol.NewServer(protocol.Config{
//		HTTP: []protocol.HTTPListener{{Name: "api", Listen: []string{"127.0.0.1:1985"}}},
//	}, rtmp.New(rtmp.Config{}), api.New(api.Config{Root: true}))
//
// Paths, field names, their order and types are SRS's, so that its consoles and scripts work. An
// error is HTTP status 200 and {"code":N}; floats have two decimals; an unknown path below /api/
// gets the list of what there is. What the library knows beyond SRS follows SRS's fields in each
// object.
//
// As long as Config.Auth has no credential the API answers its own machine alone. The module also
// serves /metrics for Prometheus, events as they happen (/api/v1/events, to which Module.Emit adds an
// application's own), a description of all that (/api/v1/openapi.json), /healthz and /readyz, and
// Go's profiles (Config.Debug).
package api
