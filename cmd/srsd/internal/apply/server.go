package apply

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"

	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/dvr"
	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/hls"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/files"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/protocol/hook"
	remuxes "github.com/srsgo/srs/protocol/remux"
	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// URL is where srsd comes from.
const URL = "https://github.com/srsgo/srs"

// Config is a configuration as the library takes it. It never changes.
type Config struct {
	file   *conf.File
	vhosts map[string]vhost // those that are enabled
	server protocol.Config

	api      *api.Config   // nil without it
	files    *files.Config // likewise
	uploads  map[uploadKey]*upload
	codecs   []transcode.Codec // of sound; they bound the children of all vhosts, before and after a reload
	throttle *token.Throttle   // of all that guess credentials of streams, before and after a reload

	tls  *tls.Config            // of RTMPS; nil without it
	pair *protocol.CertReloader // likewise
	live *certificate           // what is served, by this and all reloaded ones
}

// certificate is that of RTMPS now. It is behind a pointer since the listener, which a reload leaves
// open, has its tls.Config for good, and a reload may name other files.
type certificate struct {
	atomic.Pointer[protocol.CertReloader]
}

func (c *certificate) get(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.Load().GetCertificate(h)
}

// New maps a configuration. old is the one that a reload replaces, nil for none. The error is a
// certificate, a key or a rule that cannot be read.
func New(f *conf.File, logger *slog.Logger, old *Config) (*Config, error) {
	c := &Config{file: f, vhosts: map[string]vhost{}, live: &certificate{}}
	if old != nil {
		c.live, c.throttle, c.codecs = old.live, old.throttle, old.codecs
	} else {
		c.throttle = token.NewThrottle(token.ThrottleConfig{})
		c.codecs = soundCodecs()
	}
	if err := c.readUploads(f, logger, old); err != nil {
		return nil, err
	}
	set := protocol.VhostSet{}
	for _, v := range f.Vhosts() {
		set[v.Name] = v.Enabled
		if !v.Enabled {
			continue
		}
		var err error
		if c.vhosts[v.Name], err = c.readVhost(v, logger); err != nil {
			return nil, err
		}
	}
	r := f.Root()
	c.server = protocol.Config{
		Logger: logger, Vhosts: set, HTTP: httpListeners(r), ServerName: cli.Signature, MaxConns: r.Int("max_connections"),
	}
	var err error
	if c.api, err = c.readAPI(r); err != nil {
		return nil, err
	}
	if c.files, err = readFiles(f); err != nil {
		return nil, err
	}
	if r.Bool("rtmps.enabled") {
		pair, err := protocol.NewCertReloader(r.String("rtmps.cert"), r.String("rtmps.key"), logger)
		if err != nil {
			file, line := r.Line("rtmps.cert")
			return nil, fmt.Errorf("%s: rtmps: %w", at(file, line), err)
		}
		c.pair, c.tls = pair, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.live.get}
		c.live.CompareAndSwap(nil, pair)
	}
	return c, nil
}

// Commit makes the certificate of c the one that is served, and has uploads do what c says. It is called
// when c is about to run, with nil, and once a reload went well, with the configuration that ran before.
func (c *Config) Commit(before *Config) {
	if c.pair != nil {
		c.live.Store(c.pair)
	}
	c.commitUploads(before)
}

// File is the configuration that this was made of.
func (c *Config) File() *conf.File { return c.file }

// Server is the configuration of the server.
func (c *Config) Server() protocol.Config { return c.server }

// Settings gives what is set for a stream; it is what stream.Hub.SetSettings takes. The error of a
// vhost that does not exist or is disabled wraps stream.ErrNotFound.
func (c *Config) Settings(k stream.Key) (stream.Settings, error) {
	v, ok := c.vhosts[k.Vhost]
	if !ok {
		return stream.Settings{}, fmt.Errorf("%w: %.100q", protocol.ErrVhost, k.Vhost)
	}
	return v.settings, nil
}

// Pithy gives what is shown of a vhost in periodic lines.
func (c *Config) Pithy(name string) Pithy { return c.vhosts[name].pithy }

// Modules makes the modules, for a start or a reload.
func (c *Config) Modules(x Control) []protocol.Module {
	// In this order sessions are asked, and the other way round the modules shut down: what is made of
	// streams ends after those who publish them. HLS and DASH come before mounts of .ts and .mp4, which
	// would take their files for streams.
	list := []protocol.Module{gate.New(c.gates()), hook.New(c.hooks()), hls.New(c.hls(x)), dash.New(c.dash()), dvr.New(c.dvr(x)), rtmp.New(c.rtmp())}
	if r := c.rtc(); r != nil {
		list = append(list, rtc.New(*r))
	}
	for _, f := range c.flv() {
		list = append(list, flv.New(f))
	}
	if c.files != nil {
		list = append(list, files.New(*c.files))
	}
	if c.api != nil {
		c.api.Raw, c.api.Reload, c.api.Metrics.Counters, c.api.Recorder = x.Raw, x.Reload, x.Counters, recorder{x.DVR}
		list = append(list, api.New(*c.api))
	}
	if h := c.heartbeat(x.Summaries); h != nil {
		list = append(list, hook.NewHeartbeat(*h))
	}
	return list
}

func (c *Config) rtmp() rtmp.Config {
	r := c.file.Root()
	x := rtmp.Config{
		Listen:    append([]string{}, r.Addrs("listen")...), // not nil: without a value there is no port
		ChunkSize: r.Int("chunk_size"),
		Proxies:   r.Networks("rtmp_proxies"),
		Vhost:     func(name string) rtmp.Vhost { return c.vhosts[name].rtmp },
		// In the order of SRS, as some clients show them so.
		ServerInfo: []amf.Field{
			{Name: "srs_sig", Value: "SRS"},
			{Name: "srs_server", Value: cli.Signature},
			{Name: "srs_license", Value: "MIT"},
			{Name: "srs_url", Value: URL},
			{Name: "srs_version", Value: cli.Version},
			{Name: "srs_authors", Value: ""},
			{Name: "srs_pid", Value: float64(os.Getpid())},
		},
		MetaData: metaData(),
	}
	if c.tls != nil {
		x.ListenTLS, x.TLS = r.Addrs("rtmps.listen"), c.tls
	}
	return x
}

// metaData is what players are told of the server.
func metaData() []stream.Field {
	return []stream.Field{{Name: "server", Value: cli.Signature}, {Name: "server_version", Value: cli.Version}}
}

// flv gives the module that plays, with the first stream_caster of the kind, and one module for
// each further caster.
func (c *Config) flv() []flv.Config {
	list := []flv.Config{{Vhost: func(name string) flv.Remux { return c.vhosts[name].remux }, MetaData: metaData(), Formats: remuxes.Formats()}}
	for i, s := range c.casters("flv") {
		in := flv.Ingest{Listen: []string{s.Addr("listen")}, Output: s.String("output")}
		if i == 0 {
			list[0].Ingest = in
			continue
		}
		list = append(list, flv.Config{
			Name: fmt.Sprintf("flv%d", i+1), Vhost: func(string) flv.Remux { return flv.Remux{} }, Ingest: in,
		})
	}
	return list
}

// casters are the enabled ones of a kind that have a port.
func (c *Config) casters(kind string) []*conf.Scope {
	return slices.DeleteFunc(c.file.Root().Blocks("stream_caster"), func(s *conf.Scope) bool {
		return !s.Bool("enabled") || s.String("caster") != kind || s.Addr("listen") == ""
	})
}
