package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
)

// Config configures a Module. A directory must be given: there is none that anybody could mean to
// publish without saying so.
type Config struct {
	// Name is the module's name; empty: files.
	Name string
	// HTTP names the HTTP listener to serve on; empty: http.
	HTTP string
	// Dir is what / is (http_server.dir of srs.conf); empty: nothing. A relative path is seen from
	// the process's working directory.
	Dir string
	// Mounts are directories at other places, and of vhosts (http_static).
	Mounts []Mount
}

// Mount is a directory and its place.
type Mount struct {
	// Vhost is the vhost whose requests see it, by the name under which the server knows it; empty:
	// all.
	Vhost string
	// Path is the place: [vhost]/hls has the directory at /hls/. What precedes the first slash is
	// [vhost], nothing, or the host name that requests must be for. A [vhost] behind it stands for
	// the vhost's name, and for nothing in the default vhost. Empty: [vhost]/.
	Path string
	// Dir is the directory.
	Dir string
}

// stall is how long a client may take for a piece of a file (see pacer).
const stall = time.Minute

// Module serves files. It keeps nothing open between requests.
type Module struct {
	cfg    Config
	layout atomic.Pointer[layout]
	host   *protocol.Host
	stall  time.Duration
}

// New makes a module. A configuration that makes no sense is an error of Start.
func New(cfg Config) *Module {
	cfg.Name, cfg.HTTP = cmp.Or(cfg.Name, "files"), cmp.Or(cfg.HTTP, "http")
	cfg.Mounts = slices.Clone(cfg.Mounts)
	return &Module{cfg: cfg, stall: stall}
}

// Info names the module.
func (m *Module) Info() protocol.Info { return protocol.Info{Name: m.cfg.Name} }

// Start routes.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	l, err := newLayout(&m.cfg)
	if err != nil {
		return err
	}
	m.host = h
	m.layout.Store(l)
	h.HTTP(m.cfg.HTTP).HandlePrefix("/", http.HandlerFunc(m.serve))
	return nil
}

// Shutdown has nothing to end: the server waits for HTTP requests.
func (m *Module) Shutdown(context.Context) error { return nil }

// Reload takes over the directories of next for new requests. Another listener needs a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("files: reload with a %T", next)
	}
	if n.cfg.HTTP != m.cfg.HTTP {
		return errors.New("files: reload: the listeners differ")
	}
	l, err := newLayout(&n.cfg)
	if err != nil {
		return err
	}
	m.layout.Store(l)
	return nil
}

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
)
