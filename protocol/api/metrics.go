package api

import (
	"bytes"
	"math"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// MetricsConfig configures /metrics, which is served on the HTTP listeners named "api" and "exporter".
type MetricsConfig struct {
	// Off answers {"code":1090}, as SRS does without its exporter.
	Off bool
	// Open serves everybody who can reach it, without a credential.
	Open bool
	// MaxStreams bounds how many streams have metrics of their own, the first by vhost, app and name;
	// the others are summed up under empty labels. 0: 1000, negative: none.
	MaxStreams int
	// Code and BuildDate are of the server's release, Label and Tag of this server (SRS
	// exporter.label, exporter.tag), for srs_build_info. The last two are left out if empty.
	Code, BuildDate, Label, Tag string
	// Counters gives figures of the application's own, about once a second at most; nil: none.
	Counters func() []Counter
}

// Counter is a figure that only grows.
type Counter struct {
	// Name is its metric's, as Prometheus wants it: srs_hooks_failed_total.
	Name, Help string
	Value      float64
}

// public tells whether everybody may ask.
func (c MetricsConfig) public() bool { return c.Off || c.Open }

// exportEvery is how long a scrape is given again: any number of clients cost as much as one.
const exportEvery = 500 * time.Millisecond

// metrics is what /metrics has beside the hub's figures.
type metrics struct {
	registry *prometheus.Registry // of this module: there is nothing global
	seconds  *prometheus.HistogramVec
	uname    labels
	page     recent[[]byte]
}

func newMetrics() *metrics {
	x := &metrics{
		registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "srs_http_api_duration_seconds", Help: "How long requests of the HTTP API took.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10},
		}, []string{"route"}),
		uname: uname(),
	}
	x.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), x.seconds)
	return x
}

// timed measures the requests of a route.
func (m *Module) timed(route string, h http.Handler) http.Handler {
	seconds := m.op.metrics.seconds.WithLabelValues(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		defer func() { seconds.Observe(time.Since(start).Seconds()) }()
		h.ServeHTTP(w, r)
	})
}

// codeNoExporter is SRS's ExporterDisable.
const codeNoExporter = 1090

func (m *Module) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	if m.cfg.Load().Metrics.Off {
		fail(w, codeNoExporter)
		return
	}
	text := m.op.metrics.page.get(exportEvery, m.export)
	write(w, http.StatusOK, "text/plain; charset=utf-8", text)
}

// export writes all metrics in Prometheus's text format. Those of SRS come first, written as SRS
// does: whole numbers without an exponent, labels in its order. The last text tells how long the next
// may be.
func (m *Module) export(last []byte) []byte {
	x := exposition{b: make([]byte, 0, len(last)+4<<10)}
	m.exportServer(&x)
	m.exportStreams(&x)
	cfg := m.cfg.Load().Metrics
	if cfg.Counters != nil {
		for _, c := range cfg.Counters() {
			x.one(c.Name, c.Help, "counter", c.Value)
		}
	}
	out := bytes.NewBuffer(x.b)
	families, err := m.op.metrics.registry.Gather()
	if err != nil { // what could be gathered is there
		m.host.Logger.Warn("api: gathering metrics", "err", err)
	}
	for _, f := range families {
		_, _ = expfmt.MetricFamilyToText(out, f) // a buffer takes all
	}
	return out.Bytes()
}

// exportServer writes SRS's metrics, and those of the server as a whole.
func (m *Module) exportServer(x *exposition) {
	cfg := m.cfg.Load()
	major, _, _ := strings.Cut(m.version(), ".")
	build := labels{{"server", m.head.Server}, {"service", m.head.Service}, {"pid", m.head.PID},
		{"build_date", cfg.Metrics.BuildDate}, {"major", major}, {"version", m.version()}, {"code", cfg.Metrics.Code}}
	if cfg.Metrics.Label != "" {
		build = append(build, label{"label", cfg.Metrics.Label})
	}
	if cfg.Metrics.Tag != "" {
		build = append(build, label{"tag", cfg.Metrics.Tag})
	}
	x.family("srs_node_uname_info", "Labeled system information as provided by the uname system call.", "gauge")
	x.sample(m.op.metrics.uname.text(), 1)
	x.family("srs_build_info", "A metric with a constant '1' value labeled by build_date, version from which SRS was built.", "gauge")
	x.sample(build.text(), 1)

	var percent, resident float64 // 0 where the system does not tell
	if self := m.system.self.Load(); self != nil {
		percent, resident = math.Trunc(self.percent*100), float64(self.columns[selfRSS]*int64(os.Getpagesize()/1024))
	}
	hub := m.hubStats()
	x.one("srs_cpu_percent", "SRS cpu used percent.", "gauge", percent)
	x.one("srs_memory", "SRS memory used.", "gauge", resident)
	x.one("srs_send_bytes_total", "SRS total sent bytes.", "counter", float64(hub.Sent))
	x.one("srs_receive_bytes_total", "SRS total received bytes.", "counter", float64(hub.Received))
	x.one("srs_streams", "The number of SRS concurrent streams.", "gauge", float64(hub.Streams))
	x.one("srs_clients", "The number of SRS concurrent clients.", "gauge", float64(hub.Clients))
	x.one("srs_clients_total", "The total counts of SRS clients.", "counter", float64(hub.TotalClients))
	x.one("srs_clients_errs_total", "The total errors of SRS clients.", "counter", float64(hub.FailedClients))

	x.one("srs_publishers", "The number of clients that publish.", "gauge", float64(hub.Publishers))
	x.one("srs_api_event_clients", "The number of clients that listen to events.", "gauge", float64(m.op.events.clients.Load()))
	x.one("srs_api_wrong_credentials_total", "Requests with a wrong credential.", "counter", float64(m.op.wrong.all.Load()))
}

// uname gives what the system says of itself.
func uname() labels {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i686"}[runtime.GOARCH]
	if machine == "" {
		machine = runtime.GOARCH
	}
	host, _ := os.Hostname()
	return labels{{"sysname", kernel("ostype", runtime.GOOS)}, {"nodename", host},
		{"release", kernel("osrelease", "")}, {"version", kernel("version", "")}, {"machine", machine}}
}

// kernel reads a text of Linux's /proc/sys/kernel.
func kernel(name, otherwise string) string {
	b, err := os.ReadFile("/proc/sys/kernel/" + name)
	if err != nil {
		return otherwise
	}
	return strings.TrimSpace(string(b))
}
