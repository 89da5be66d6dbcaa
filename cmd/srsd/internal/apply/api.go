package apply

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/dvr"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/protocol/hook"
)

// Control is what the API may do with the process.
type Control struct {
	Raw    api.Raw
	Reload func(context.Context) (api.ReloadReport, error)
	// Summaries is what the API has of the process, for the heartbeat.
	Summaries func() any
	// Hooks is the module of the callbacks that runs, nil for none.
	Hooks func() *hook.Module
	// DVR is the module of recordings that runs, nil for none.
	DVR func() *dvr.Module
	// Counters are figures of the process for /metrics.
	Counters func() []api.Counter
}

// credentials tells how the API is closed, and opened, in the words of a configuration.
const credentials = "set http_api { auth { enabled on; username NAME; password SECRET; } }, or auth { token SECRET; }; " +
	"without any, auth { anonymous off; } closes it to other machines"

// readAPI reads what the HTTP API is to do; nil if it is off. It also has the exporter's metrics and the
// heartbeat's figures, and is there for them alone if http_api is off.
func (c *Config) readAPI(r *conf.Scope) (*api.Config, error) {
	if !r.Bool("http_api.enabled") && !r.Bool("exporter.enabled") && !r.Bool("heartbeat.summaries") {
		return nil, nil
	}
	auth, err := auth(r)
	if err != nil {
		return nil, err
	}
	date := ""
	if t := built(); !t.IsZero() {
		date = t.UTC().Format(time.DateTime)
	}
	return &api.Config{
		Version:  cli.Version,
		Features: api.Features{SSL: true, Callback: true, Caster: true, HTTP: r.Bool("http_server.enabled"), Build: built()},
		Root:     !r.Bool("http_server.enabled") || r.Addr("http_api.listen") != r.Addr("http_server.listen"),
		Vhost: func(name string) api.VhostInfo {
			h := c.vhosts[name].hls
			return api.VhostInfo{HLS: h.Enabled, Fragment: h.Fragment}
		},
		RTMP:  first(r.Addrs("listen")),
		Disks: disks(r),
		Auth:  auth,
		Metrics: api.MetricsConfig{
			Off: !r.Bool("exporter.enabled"), Open: r.Bool("exporter.enabled"), MaxStreams: streams(r), Code: "Go", BuildDate: date,
			Label: r.String("exporter.label"), Tag: r.String("exporter.tag"),
		},
		Events: api.EventsConfig{Off: !r.Bool("http_api.events")},
		Debug:  r.Bool("http_api.pprof"),
	}, nil
}

// auth says who may use the API. SRS leaves it open where it is enabled without a credential, and so
// does srsd, with a warning, unless the configuration says otherwise.
func auth(r *conf.Scope) (api.AuthConfig, error) {
	a := api.AuthConfig{Tokens: r.List("http_api.auth.token"), Hint: credentials}
	if r.Bool("http_api.auth.enabled") {
		a.Username, a.Password = r.String("http_api.auth.username"), r.String("http_api.auth.password")
		if a.Username == "" || a.Password == "" {
			return a, fault(r, "http_api.auth.enabled", "it needs a username and a password")
		}
	}
	cfg, err := jwt(r, "http_api.auth.jwt")
	if err != nil {
		return a, fault(r, "http_api.auth.jwt", err.Error())
	}
	if len(cfg.Secrets) > 0 || cfg.PublicKeys != "" || cfg.JWKS != "" || cfg.JWKSURL != "" {
		cfg.Issuer = r.String("http_api.auth.jwt.issuer")
		if s := r.String("http_api.auth.jwt.audience"); s != "" {
			cfg.Audience = []string{s}
		}
		a.JWT = cfg
	}
	none := a.Username == "" && len(a.Tokens) == 0 && a.JWT == nil
	a.Anonymous = none && r.Bool("http_api.auth.anonymous")
	return a, nil
}

// built is when the program's sources were committed, the zero time if that is not known.
func built() time.Time {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value)
			return t
		}
	}
	return time.Time{}
}

func disks(r *conf.Scope) []string {
	if !r.Bool("stats.enabled") {
		return nil
	}
	return r.List("stats.disk")
}

// streams is how many of them have metrics of their own.
func streams(r *conf.Scope) int {
	if n := r.Int("exporter.streams"); n > 0 {
		return n
	}
	return -1
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
