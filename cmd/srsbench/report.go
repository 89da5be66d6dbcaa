package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
)

// report is the outcome of one run, as -json prints it. Bit rates are in bits a second, CPU figures in
// percent of one core, memory in bytes; all rates are those of the measurement alone.
type report struct {
	Mode       string         `json:"mode"`
	URL        string         `json:"url,omitempty"`
	PublishURL string         `json:"publish_url,omitempty"`
	Seconds    float64        `json:"seconds"`
	Complete   bool           `json:"complete"` // measured to the end; else the run broke off and its rates mean little
	Players    *roleReport    `json:"players,omitempty"`
	Publishers *roleReport    `json:"publishers,omitempty"`
	Latency    quantiles      `json:"latency"`       // sampled players, from the publisher's send to the read
	Startup    quantiles      `json:"startup"`       // from connect to the first key frame, or to the leave to publish
	Join       quantiles      `json:"join"`          // from the request to play to the first key frame
	LostFrames uint64         `json:"lost_frames"`   // missing from the numbering that sampled players read
	NotKey     int            `json:"not_key_first"` // players whose first video frame was no key frame
	Server     *serverReport  `json:"server,omitempty"`
	Cores      []coreReport   `json:"cores,omitempty"`
	Tool       toolReport     `json:"tool"`
	Reasons    map[string]int `json:"reasons,omitempty"` // why connections failed or were lost
	Series     []second       `json:"series,omitempty"`
}

// roleReport is about all players or all publishers.
type roleReport struct {
	Asked     int     `json:"asked"`
	Connected int     `json:"connected"`
	Started   int     `json:"started"`
	Alive     int     `json:"alive"`  // at the end
	Failed    int     `json:"failed"` // before they started
	Lost      int     `json:"lost"`   // after they started
	BitRate   float64 `json:"bit_rate"`
	Expected  float64 `json:"expected_bit_rate"`
	Ratio     float64 `json:"ratio"`     // of the two; above 1 by the protocol's own bytes
	Worst     float64 `json:"min_ratio"` // of the connection that fared worst
	Short     int     `json:"short"`     // connections below 0.9
	Stalls    int     `json:"stalls"`    // pauses of more than 2 s
	StallTime float64 `json:"stall_seconds"`
}

// serverReport is about the processes of -pid and their children.
type serverReport struct {
	CPU        float64 `json:"cpu"`
	RSSBefore  int64   `json:"rss_before"` // before the measured connections joined
	RSS        int64   `json:"rss"`
	Private    int64   `json:"private"`      // at the end: pages that no other process has
	PerConn    int64   `json:"rss_per_conn"` // growth divided by connections alive
	Processes  int     `json:"processes"`
	CPUPerConn float64 `json:"cpu_us_per_conn_s"` // microseconds of CPU a second and connection
}

// coreReport is about one core of -cpu: everything that ran on it, interrupts included.
type coreReport struct {
	CPU     int     `json:"core"`
	Busy    float64 `json:"busy"`
	SoftIRQ float64 `json:"softirq"`
	Steal   float64 `json:"steal"`
}

// toolReport says whether the tool itself was the bottleneck: it was if its CPU is near 100, or if its
// timed work ran much later than due.
type toolReport struct {
	CPU float64   `json:"cpu"`
	Lag quantiles `json:"lag"`
}

// second is one line of the series.
type second struct {
	At        float64      `json:"at"`
	Phase     string       `json:"phase"`
	Players   int          `json:"players"`
	BitRate   float64      `json:"bit_rate"`
	Expected  float64      `json:"expected_bit_rate"`
	Stalled   int          `json:"stalled"` // players now without a byte for more than 2 s
	Publisher int          `json:"publishers"`
	SendRate  float64      `json:"send_bit_rate"`
	P50       float64      `json:"latency_p50_ms"`
	P99       float64      `json:"latency_p99_ms"`
	CPU       float64      `json:"cpu"`
	RSS       int64        `json:"rss"`
	Cores     []coreReport `json:"cores,omitempty"`
	Tool      float64      `json:"tool_cpu"`
}

// line gives a second for people.
func (s second) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%5.0fs %-8s", s.At, s.Phase)
	if s.Publisher > 0 {
		fmt.Fprintf(&b, "  publishers %d %.1f Mb/s", s.Publisher, s.SendRate/1e6)
	}
	if s.Players > 0 {
		fmt.Fprintf(&b, "  players %d %.1f/%.1f Mb/s stalled %d", s.Players, s.BitRate/1e6, s.Expected/1e6, s.Stalled)
	}
	if s.P99 > 0 {
		fmt.Fprintf(&b, "  latency %.1f/%.1f ms", s.P50, s.P99)
	}
	if s.RSS > 0 {
		fmt.Fprintf(&b, "  server %.1f%% %.1f MB", s.CPU, float64(s.RSS)/1e6)
	}
	for _, c := range s.Cores {
		fmt.Fprintf(&b, "  core%d %.0f%%", c.CPU, c.Busy)
	}
	fmt.Fprintf(&b, "  tool %.0f%%", s.Tool)
	return b.String()
}

// write prints the report for people.
func (r *report) write(w io.Writer) {
	urls := r.URL
	if r.PublishURL != r.URL {
		urls = strings.TrimSpace(urls + " " + r.PublishURL)
	}
	fmt.Fprintf(w, "%s %s: %.1f s measured\n", r.Mode, urls, r.Seconds)
	for _, role := range []struct {
		name string
		r    *roleReport
	}{{"players", r.Players}, {"publishers", r.Publishers}} {
		if role.r == nil {
			continue
		}
		fmt.Fprintf(w, "  %-11s %d asked, %d started, %d alive, %d failed, %d lost\n", role.name,
			role.r.Asked, role.r.Started, role.r.Alive, role.r.Failed, role.r.Lost)
		fmt.Fprintf(w, "  %-11s %.2f Mb/s of %.2f expected (%.3f; worst connection %.3f, %d below 0.9)\n", "",
			role.r.BitRate/1e6, role.r.Expected/1e6, role.r.Ratio, role.r.Worst, role.r.Short)
		fmt.Fprintf(w, "  %-11s %d stalls, %.1f s\n", "", role.r.Stalls, role.r.StallTime)
	}
	for _, h := range []struct {
		name string
		q    quantiles
	}{{"start-up", r.Startup}, {"join", r.Join}, {"latency", r.Latency}} {
		if h.q.Count > 0 {
			fmt.Fprintf(w, "  %-11s p50 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms (%d values)\n", h.name,
				h.q.P50, h.q.P99, h.q.P999, h.q.Max, h.q.Count)
		}
	}
	if r.LostFrames > 0 || r.NotKey > 0 {
		fmt.Fprintf(w, "  %-11s %d frames missing, %d players began without a key frame\n", "damage", r.LostFrames, r.NotKey)
	}
	if s := r.Server; s != nil {
		fmt.Fprintf(w, "  %-11s %.1f%% CPU (%.1f µs/s a connection), RSS %.1f MB, %.1f KB a connection, private %.1f MB, %d processes\n",
			"server", s.CPU, s.CPUPerConn, float64(s.RSS)/1e6, float64(s.PerConn)/1e3, float64(s.Private)/1e6, s.Processes)
	}
	for _, c := range r.Cores {
		fmt.Fprintf(w, "  %-11s %.1f%% busy, %.1f%% softirq, %.1f%% stolen\n", fmt.Sprintf("core %d", c.CPU), c.Busy, c.SoftIRQ, c.Steal)
	}
	fmt.Fprintf(w, "  %-11s %.1f%% CPU, timed work late by p50 %.1f  p99 %.1f  max %.1f ms\n", "tool",
		r.Tool.CPU, r.Tool.Lag.P50, r.Tool.Lag.P99, r.Tool.Lag.Max)
	var why []string
	for reason, n := range r.Reasons {
		why = append(why, fmt.Sprintf("  %-11s %d× %s", "ended", n, reason))
	}
	sort.Strings(why)
	for _, l := range why {
		fmt.Fprintln(w, l)
	}
}

// writeJSON prints the report as one JSON object.
func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// sound tells whether every connection held from its start to the end and was served throughout.
func (r *report) sound() error {
	for name, role := range map[string]*roleReport{"players": r.Players, "publishers": r.Publishers} {
		if role == nil {
			continue
		}
		if role.Failed+role.Lost+role.Stalls > 0 || role.Started < role.Asked {
			return fmt.Errorf("%s: %d of %d started, %d failed, %d lost, %d stalls",
				name, role.Started, role.Asked, role.Failed, role.Lost, role.Stalls)
		}
	}
	if !r.Complete {
		return errors.New("the run broke off before the end of the measurement")
	}
	return nil
}

// round keeps three decimals: what is below is noise.
func round(f float64) float64 { return math.Round(f*1000) / 1000 }
