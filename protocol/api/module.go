package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// Config configures the API. Its zero value works: it serves below /api/ on the HTTP listeners
// named "api".
type Config struct {
	// Name is that of the module; empty: api.
	Name string
	// Version is the server's, MAJOR.MINOR.REVISION; empty: 0.0.0.
	Version string
	// Features is what /api/v1/features says of the server.
	Features Features
	// Root has the API own "/" and every path that nothing else takes, as on a port of its own.
	// Leave it off where "/" belongs to files.
	Root bool
	// Routes are paths of the application's own that are protected as the API is. One that ends
	// with a slash is a prefix. The API's own come first.
	Routes map[string]http.Handler
	// Vhost tells what a vhost is set to; nil: all is off.
	Vhost func(name string) VhostInfo
	// RTMP is the first address at which the server takes RTMP, in protocol.ParseAddr's forms,
	// for the origins of a cluster; empty: port 1935.
	RTMP string
	// Disks are the block devices whose load is shown: sda, nvme0n1.
	Disks []string
	// Raw is what /api/v1/raw reads and changes; nil: it is disabled.
	Raw Raw
	// Reload is what POST /api/v1/reload calls; nil: it is disabled. The context outlives the
	// request.
	Reload func(context.Context) (ReloadReport, error)
	// Recorder is what /api/v1/dvr/ controls; nil: it is disabled.
	Recorder Recorder
	// Auth says who may use the API.
	Auth AuthConfig
	// Metrics configures /metrics.
	Metrics MetricsConfig
	// Events configures /api/v1/events.
	Events EventsConfig
	// Debug serves Go's profiles below /debug/pprof/.
	Debug bool
	// Ready tells /readyz what keeps the server from serving; nil: nothing does. It is called for
	// each request, and may run several times at once.
	Ready func() error
}

// VhostInfo is what the API shows of a vhost's configuration.
type VhostInfo struct {
	HLS      bool          // it has HLS,
	Fragment time.Duration // in segments as long as that
}

// Module is the API of a server.
type Module struct {
	cfg  atomic.Pointer[Config]
	host *protocol.Host
	head head

	system   sampler
	summary  recent[[]byte]
	hub      recent[stream.HubStats]
	vhosts   recent[[]stream.VhostStats]
	streams  recent[streamList]
	sessions recent[[]*stream.Session]

	op operation // what operators ask: operate.go
}

// New makes the module.
func New(cfg Config) *Module {
	m := &Module{op: newOperation(&cfg)}
	m.cfg.Store(&cfg)
	return m
}

// Info tells what the module is.
func (m *Module) Info() protocol.Info {
	return protocol.Info{Name: cmp.Or(m.cfg.Load().Name, "api")}
}

// Start serves the API on the HTTP listeners named "api", and the version on those named "http"
// too, as SRS does.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.host = h
	id := h.Identity()
	m.head = head{Server: id.Server, Service: id.Service, PID: strconv.Itoa(id.PID)}
	m.system.start = time.Now()
	h.Go(m.sample)
	if err := m.operate(h); err != nil {
		return err
	}
	m.mount(h.HTTP("api"), m.routes())
	m.mount(h.HTTP("http"), []route{{path: "/api/v1/versions", auth: authAPI, h: m.serveVersions}})
	return nil
}

// Shutdown ends the module.
func (m *Module) Shutdown(context.Context) error { return nil }

var errRestart = errors.New("api: routes come or go")

// Reload takes the configuration of next. Routes that come or go need another start.
func (m *Module) Reload(next protocol.Module) error {
	cfg, old := next.(*Module).cfg.Load(), m.cfg.Load()
	if cfg.Root != old.Root || !slices.Equal(paths(cfg), paths(old)) {
		return errRestart
	}
	if err := m.setGuard(cfg.Auth); err != nil {
		return err
	}
	m.cfg.Store(cfg)
	return nil
}

// paths lists the application's.
func paths(cfg *Config) []string { return slices.Sorted(maps.Keys(cfg.Routes)) }
