package hook

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
)

// DefaultHeartbeat is where SRS sends its heartbeat.
const DefaultHeartbeat = "http://127.0.0.1:8085/api/v1/servers"

// HeartbeatConfig configures a Heartbeat. Its zero value works.
type HeartbeatConfig struct {
	// Name is the module's name; empty: heartbeat.
	Name string
	// URL is posted to; empty: [DefaultHeartbeat].
	URL string
	// Interval is the time between two posts; 0: 10 s.
	Interval time.Duration
	// DeviceID and IP say which device this is, and its address.
	DeviceID, IP string
	// Summaries, if set, is asked before each post for what the HTTP API has as data of
	// /api/v1/summaries. It must not block.
	Summaries func() any
	// Ports, if set, is asked before each post for where the server listens. It must not block.
	Ports func() Ports
	// UserAgent and VerifyTLS are as in Config and Vhost.
	UserAgent string
	VerifyTLS bool
}

// Ports lists where a server listens. Lists that are empty are left out.
type Ports struct {
	RTMP []string `json:"rtmp,omitempty"`
	HTTP []string `json:"http,omitempty"`
	API  []string `json:"api,omitempty"`
	SRT  []string `json:"srt,omitempty"` // udp://0.0.0.0:PORT
	RTC  []string `json:"rtc,omitempty"` // udp:// or tcp://0.0.0.0:PORT
}

// Heartbeat is a module that tells a URL at intervals that the server lives.
type Heartbeat struct {
	cfg    atomic.Pointer[HeartbeatConfig]
	host   *protocol.Host
	caller *caller
	stop   context.CancelFunc
	done   chan struct{}
	news   chan struct{} // the configuration changed
}

// NewHeartbeat makes a Heartbeat.
func NewHeartbeat(cfg HeartbeatConfig) *Heartbeat {
	b := &Heartbeat{done: make(chan struct{}), news: make(chan struct{}, 1)}
	b.cfg.Store(&cfg)
	return b
}

// Info names the module.
func (b *Heartbeat) Info() protocol.Info {
	name := b.cfg.Load().Name
	if name == "" {
		name = "heartbeat"
	}
	return protocol.Info{Name: name}
}

// Start posts for the first time, and then at intervals.
func (b *Heartbeat) Start(_ context.Context, h *protocol.Host) error {
	b.host = h
	b.caller = newCaller(func() string { return agent(b.cfg.Load().UserAgent) })
	ctx, stop := context.WithCancel(h.Context())
	b.stop = stop
	h.Go(func(context.Context) error {
		defer close(b.done)
		b.run(ctx)
		return nil
	})
	return nil
}

// Shutdown ends the heartbeat at once.
func (b *Heartbeat) Shutdown(context.Context) error {
	b.stop()
	<-b.done
	b.caller.close()
	return nil
}

// Reload takes over what next has, and posts at once.
func (b *Heartbeat) Reload(next protocol.Module) error {
	n, ok := next.(*Heartbeat)
	if !ok {
		return fmt.Errorf("hook: heartbeat: reload with a %T", next)
	}
	b.cfg.Store(n.cfg.Load())
	select {
	case b.news <- struct{}{}:
	default:
	}
	return nil
}

// run posts until ctx ends. The log has when it begins to fail, and when it works again.
func (b *Heartbeat) run(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		cfg := b.cfg.Load()
		switch err := b.post(ctx, cfg); {
		case ctx.Err() != nil:
		case err != nil && !failing:
			b.host.Logger.Warn("heartbeat fails", "err", err)
			failing = true
		case err == nil && failing:
			b.host.Logger.Info("heartbeat works again")
			failing = false
		}
		interval := cfg.Interval
		if interval <= 0 {
			interval = 10 * time.Second
		}
		select {
		case <-ctx.Done():
		case <-b.news:
		case <-time.After(interval):
		}
	}
}

type heartbeatBody struct {
	DeviceID  string `json:"device_id"`
	IP        string `json:"ip"`
	Server    string `json:"server"`
	Service   string `json:"service"`
	PID       string `json:"pid"`
	Summaries any    `json:"summaries,omitempty"`
	Ports
}

func (b *Heartbeat) post(ctx context.Context, cfg *HeartbeatConfig) error {
	id := b.host.Identity()
	body := heartbeatBody{DeviceID: cfg.DeviceID, IP: cfg.IP, Server: id.Server, Service: id.Service, PID: strconv.Itoa(id.PID)}
	if cfg.Summaries != nil {
		body.Summaries = cfg.Summaries()
	}
	if cfg.Ports != nil {
		body.Ports = cfg.Ports()
	}
	text, err := marshal(body)
	if err != nil {
		return fmt.Errorf("hook: heartbeat: summaries: %w", err)
	}
	u := cfg.URL
	if u == "" {
		u = DefaultHeartbeat
	}
	return b.caller.do(ctx, &call{
		hook: "heartbeat", method: http.MethodPost, urls: []string{u}, body: text,
		timeout: defaultTimeout, verify: cfg.VerifyTLS,
		accept: func(res *http.Response) error {
			if res.StatusCode >= http.StatusBadRequest {
				return refused(codeStatus, "HTTP status %d", res.StatusCode)
			}
			return nil
		},
	})
}

var (
	_ protocol.Module   = (*Heartbeat)(nil)
	_ protocol.Reloader = (*Heartbeat)(nil)
)
