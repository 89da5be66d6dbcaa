package api

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// srsMetrics are the lines of SRS's exporter, with patterns for what differs from server to server.
var srsMetrics = []string{
	`# HELP srs_node_uname_info Labeled system information as provided by the uname system call\.`,
	`# TYPE srs_node_uname_info gauge`,
	`srs_node_uname_info\{sysname="[^"]+",nodename="[^"]+",release="[^"]*",version="[^"]*",machine="[^"]+"\} 1`,
	`# HELP srs_build_info A metric with a constant '1' value labeled by build_date, version from which SRS was built\.`,
	`# TYPE srs_build_info gauge`,
	`srs_build_info\{server="vid-1234567",service="[0-9a-z]{8}",pid="\d+",build_date="2026-11-22 06:10:01",major="6",version="6\.0\.157",code="Hang",label="lab1",tag="tag1"\} 1`,
	`# HELP srs_cpu_percent SRS cpu used percent\.`,
	`# TYPE srs_cpu_percent gauge`,
	`srs_cpu_percent \d+`,
	`# HELP srs_memory SRS memory used\.`,
	`# TYPE srs_memory gauge`,
	`srs_memory \d+`,
	`# HELP srs_send_bytes_total SRS total sent bytes\.`,
	`# TYPE srs_send_bytes_total counter`,
	`srs_send_bytes_total \d+`,
	`# HELP srs_receive_bytes_total SRS total received bytes\.`,
	`# TYPE srs_receive_bytes_total counter`,
	`srs_receive_bytes_total \d+`,
	`# HELP srs_streams The number of SRS concurrent streams\.`,
	`# TYPE srs_streams gauge`,
	`srs_streams 1`,
	`# HELP srs_clients The number of SRS concurrent clients\.`,
	`# TYPE srs_clients gauge`,
	`srs_clients 1`,
	`# HELP srs_clients_total The total counts of SRS clients\.`,
	`# TYPE srs_clients_total counter`,
	`srs_clients_total 1`,
	`# HELP srs_clients_errs_total The total errors of SRS clients\.`,
	`# TYPE srs_clients_errs_total counter`,
	`srs_clients_errs_total 0`,
}

func TestMetricsAsSRS(t *testing.T) {
	o := operate(t, Config{Version: "6.0.157", Metrics: MetricsConfig{
		Code: "Hang", BuildDate: "2026-11-22 06:10:01", Label: "lab1", Tag: "tag1"}})
	p := o.publish(t, stream.Key{Vhost: "__defaultVhost__", App: "live", Name: "livestream"})
	require.NoError(t, stream.Copy(p, streamtest.H264AAC().Source()))
	w := o.askAt("exporter", "GET", "/metrics")
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	lines := strings.Split(w.Body.String(), "\n")
	for i, want := range srsMetrics {
		require.Regexp(t, "^"+want+"$", lines[i], "line %d", i+1)
	}
	series := parseMetrics(t, w)
	require.Contains(t, series, "go_goroutines{}")
	require.Contains(t, series, "process_open_fds{}")
	labels := `{app="live",stream="livestream",vhost="__defaultVhost__"}`
	require.EqualValues(t, 1, series["srs_stream_live"+labels])
	require.EqualValues(t, 100, series["srs_stream_frames_total"+labels])
	require.EqualValues(t, 1, series["srs_stream_key_frame_interval_seconds"+labels])
	sum := 0
	for _, q := range streamtest.H264AAC().Packets() {
		sum += len(q.Payload)
	}
	require.EqualValues(t, sum, series["srs_stream_receive_bytes_total"+labels])
	require.EqualValues(t, sum, series["srs_receive_bytes_total{}"])
}

func TestMetricsOff(t *testing.T) {
	o := operate(t, Config{Auth: AuthConfig{Username: "admin", Password: "secret"}, Metrics: MetricsConfig{Off: true}})
	w := o.ask("GET", "/metrics", from(far))
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"code":1090}`, w.Body.String())
}

func TestMetricsOpen(t *testing.T) {
	o := operate(t, Config{Auth: AuthConfig{Username: "admin", Password: "secret"}, Metrics: MetricsConfig{Open: true}})
	require.Equal(t, 200, o.ask("GET", "/metrics", from(far)).Code)
	require.Equal(t, 401, o.ask("GET", versionsPath, from(far)).Code)
}

// parseMetrics parses an answer with Prometheus's own parser, and gives the value of each series.
func parseMetrics(t *testing.T, w *httptest.ResponseRecorder) map[string]float64 {
	t.Helper()
	require.Equal(t, 200, w.Code)
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(w.Body.String()))
	require.NoError(t, err)
	out := map[string]float64{}
	for name, f := range families {
		for _, s := range f.Metric {
			var l []string
			for _, p := range s.Label {
				l = append(l, fmt.Sprintf("%s=%q", p.GetName(), p.GetValue()))
			}
			slices.Sort(l)
			key := name + "{" + strings.Join(l, ",") + "}"
			require.NotContains(t, out, key, "twice")
			out[key] = s.GetGauge().GetValue() + s.GetCounter().GetValue() + float64(s.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// TestMetricsOfHostileNames publishes what a label must not contain.
func TestMetricsOfHostileNames(t *testing.T) {
	o := operate(t, Config{})
	long := strings.Repeat("x", 10_000)
	names := []string{"\"} 1\nsrs_streams 666", "back\\slash\\n", "\x00\x01\r\n\x7f", "\xff\xfe", "\xff\xfd", "<script>alert(1)</script>",
		long + "1", long + "2", "größe", "a\x01", tame("a\x01"), "~"}
	for _, n := range names {
		o.publish(t, stream.Key{Vhost: "v", App: "live", Name: n})
	}
	w := o.ask("GET", "/metrics")
	series := parseMetrics(t, w)
	require.EqualValues(t, len(names), series["srs_streams{}"])
	found := 0
	for k := range series {
		if strings.HasPrefix(k, "srs_stream_live{") {
			found++
			require.Less(t, len(k), 400)
		}
	}
	require.Equal(t, len(names), found, "different names stay different")
	for line := range strings.Lines(w.Body.String()) {
		require.Regexp(t, `^(# |[a-z][a-z0-9_]*[{ ])`, line)
	}
}

// TestMetricsAreBounded publishes more streams than have metrics of their own.
func TestMetricsAreBounded(t *testing.T) {
	o := operate(t, Config{Metrics: MetricsConfig{MaxStreams: 3}})
	for i := range 10 {
		o.publish(t, stream.Key{Vhost: "v", App: "live", Name: fmt.Sprint("s", i)})
	}
	series := parseMetrics(t, o.ask("GET", "/metrics"))
	for i := range 10 {
		_, ok := series[fmt.Sprintf(`srs_stream_live{app="live",stream="s%d",vhost="v"}`, i)]
		require.Equal(t, i < 3, ok, "s%d", i)
	}
	require.EqualValues(t, 7, series[`srs_stream_live{app="",stream="",vhost=""}`], "the others")
	require.NotContains(t, series, `srs_stream_av_offset_seconds{app="",stream="",vhost=""}`, "there is no sum of that")

	o = operate(t, Config{Metrics: MetricsConfig{MaxStreams: -1}})
	o.publish(t, stream.Key{Vhost: "v", App: "live", Name: "s"})
	require.NotContains(t, o.ask("GET", "/metrics").Body.String(), "srs_stream_")
}

func TestMetricsOfTheApplicationAndOfRequests(t *testing.T) {
	asked := 0
	o := operate(t, Config{Metrics: MetricsConfig{Counters: func() []Counter {
		asked++
		return []Counter{{"srs_hooks_total", "Callbacks\nthat were made.", 3e9}}
	}}})
	for range 5 {
		o.ask("GET", versionsPath)
	}
	for range 100 { // all within the time that an answer is kept, or nearly
		o.ask("GET", "/metrics")
	}
	series := parseMetrics(t, o.ask("GET", "/metrics"))
	require.EqualValues(t, 3e9, series["srs_hooks_total{}"])
	require.EqualValues(t, 5, series[`srs_http_api_duration_seconds{route="/api/v1/versions"}`])
	require.Less(t, asked, 50, "the answer is kept")
}

func FuzzLabels(f *testing.F) {
	f.Add("live", "a\"b\\c\nd")
	f.Add("\xff", strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, a, b string) {
		var x exposition
		x.family("m", a+b, "gauge")
		x.sample(labels{{"a", a}, {"b", b}}.text(), 1)
		p := expfmt.NewTextParser(model.UTF8Validation)
		got, err := p.TextToMetricFamilies(strings.NewReader(string(x.b)))
		if err != nil || len(got) != 1 || len(got["m"].GetMetric()) != 1 || len(got["m"].Metric[0].Label) != 2 {
			t.Fatalf("%q: %v", x.b, err)
		}
		if got["m"].Metric[0].Label[0].GetValue() != tame(a) || (tame(a) == tame(b)) != (a == b) {
			t.Fatalf("%q %q → %q %q", a, b, tame(a), tame(b))
		}
	})
}

// TestNumbersHaveNoExponent: shells compare what SRS prints.
func TestNumbersHaveNoExponent(t *testing.T) {
	var x exposition
	x.name = "m"
	for _, v := range []float64{0, 6080114, 1 << 53, 0.25} {
		x.sample("", v)
	}
	require.Equal(t, "m 0\nm 6080114\nm 9007199254740992\nm 0.25\n", string(x.b))
}

// BenchmarkScrape makes the metrics of a thousand streams, as one scrape a second does.
func BenchmarkScrape(b *testing.B) {
	o := operate(b, Config{})
	for i := range 1000 {
		o.publish(b, stream.Key{Vhost: "__defaultVhost__", App: "live", Name: fmt.Sprint("stream", i)})
	}
	b.ReportAllocs()
	var page []byte
	for b.Loop() {
		page = o.module.export(page)
	}
	b.ReportMetric(float64(len(page)), "bytes")
}
