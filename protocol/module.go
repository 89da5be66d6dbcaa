package protocol

import (
	"context"
	"net/url"

	"github.com/srsgo/srs/stream"
)

// Info says what a module is.
type Info struct {
	// Name tells a server's modules apart, and pairs the old and the new one in a
	// reload. Two instances of one protocol have two names.
	Name string
	// Ingest and Egress are the protocols by which streams come in and go out: rtmp,
	// http-flv, hls, …
	Ingest, Egress []string
}

// Module is a protocol, or any other part of a server with a life of its own.
type Module interface {
	// Info tells what the module is. It is called at any time, also before Start.
	Info() Info
	// Start begins and returns once the module listens. ctx ends after Shutdown, or
	// when the caller gives the start up. The module may use h until Shutdown returns;
	// what it listened on, routed and started through h is undone for it after that,
	// and after a Start that failed.
	Start(ctx context.Context, h *Host) error
	// Shutdown stops accepting, waits for sessions to end, and closes those that are
	// left when ctx ends. It is called once, after a Start that gave nil.
	Shutdown(ctx context.Context) error
}

// Tapper is a Module that takes part in every publication: HLS, DVR, forwarding.
type Tapper interface {
	// Tap is called on a goroutine of its own, once for each publication, and for those
	// under way when the module starts. It may take as long as the publication. ctx ends
	// with that, after the module's Shutdown, and when a reload has replaced the module:
	// then before its successor's Tap is called. An error is logged.
	Tap(ctx context.Context, s *stream.Stream) error
}

// Dialer is a Module that fetches streams from, and sends them to, other servers.
type Dialer interface {
	// Schemes lists the URL schemes it dials.
	Schemes() []string
	// Pull plays a stream. ctx bounds the dialling alone.
	Pull(ctx context.Context, u *url.URL) (SourceCloser, error)
	// Push publishes a stream. ctx bounds the dialling alone.
	Push(ctx context.Context, u *url.URL) (SinkCloser, error)
}

// SourceCloser is a Source that is closed when it is no longer wanted; a ReadPacket
// under way then fails.
type SourceCloser interface {
	stream.Source
	Close() error
}

// SinkCloser is a Sink with an end.
type SinkCloser interface {
	stream.Sink
	Close() error
}

// Reloader is a Module that can take a new configuration while it runs.
type Reloader interface {
	// Reload takes the configuration of next, a module of the same type and name that
	// was not started and never will be. An error means that it cannot, and has changed
	// nothing: the server then starts next and shuts this one down.
	Reload(next Module) error
}
