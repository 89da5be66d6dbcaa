package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// getOptions are what one run of get needs to know.
type getOptions struct {
	urls     list
	n        int
	rate     float64
	duration time.Duration
	user     string
	pids     list
	pin      int
	json     bool
}

// getReport is what get found.
type getReport struct {
	Seconds  float64   `json:"seconds"`
	Requests uint64    `json:"requests"`
	PerSec   float64   `json:"per_second"`
	Failed   uint64    `json:"failed"`
	Bytes    uint64    `json:"bytes"`
	Latency  quantiles `json:"latency"`
	CPU      float64   `json:"cpu_percent"`
	Tool     float64   `json:"tool_percent"`
	Error    string    `json:"error,omitempty"`
}

// getCommand asks for documents, as monitoring does for those of an API.
func getCommand(args []string) error {
	var o getOptions
	f := newFlagSet("get")
	f.Var(&o.urls, "url", "http:// URL to ask for (repeatable: asked for in turn)")
	f.IntVar(&o.n, "n", 16, "connections, which stay open")
	f.Float64Var(&o.rate, "rate", 0, "requests a second by all connections together (0: as many as it takes)")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "length of the measurement")
	f.StringVar(&o.user, "user", "", "user:password of HTTP Basic authentication")
	f.Var(&o.pids, "pid", "server process to measure, with its children (repeatable)")
	f.IntVar(&o.pin, "pin", -1, "core that the tool itself runs on (-1: any)")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	if o.pin >= 0 {
		if err := pinSelf(o.pin); err != nil {
			return err
		}
	}
	r, err := runGet(&o)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		fmt.Printf("%d requests in %.1f s: %.0f/s, %d failed, %d bytes\nlatency ms: p50 %.2f  p99 %.2f  p99.9 %.2f  max %.2f\ncpu: server %.1f %%, tool %.1f %%\n",
			r.Requests, r.Seconds, r.PerSec, r.Failed, r.Bytes, r.Latency.P50, r.Latency.P99, r.Latency.P999, r.Latency.Max, r.CPU, r.Tool)
	}
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d requests failed, one with: %s", r.Failed, r.Error)
	}
	return err
}

// getter is one connection's requests.
type getter struct {
	addr     string
	requests []string
	next     int
	conn     net.Conn
	in       *bufio.Reader
	times    histogram
	bytes    uint64
	failed   uint64
	err      error
}

func runGet(o *getOptions) (*getReport, error) {
	pids, err := o.pids.ints("pid")
	if err != nil {
		return nil, err
	}
	addr, requests, err := o.prepare()
	if err != nil {
		return nil, err
	}
	s := sampler{pids: pids}
	before, start := s.take(false), time.Now()
	all := make([]*getter, o.n)
	var wait sync.WaitGroup
	for i := range all {
		all[i] = &getter{addr: addr, requests: requests, next: i}
		wait.Go(func() { all[i].run(start, o.duration, o.pace(i)) })
	}
	wait.Wait()
	took := time.Since(start)
	after := s.take(false)
	r := &getReport{Seconds: round(took.Seconds()), CPU: after.cpuPercent(before), Tool: after.toolPercent(before)}
	var sum histogram
	for _, g := range all {
		sum.merge(&g.times)
		r.Bytes += g.bytes
		r.Failed += g.failed
		if g.err != nil {
			r.Error = g.err.Error()
		}
	}
	r.Requests, r.Latency = sum.count, sum.summary()
	r.PerSec = round(float64(sum.count) / took.Seconds())
	return r, nil
}

// prepare makes the text of each request.
func (o *getOptions) prepare() (addr string, requests []string, err error) {
	if len(o.urls) == 0 || o.n < 1 || o.duration <= 0 {
		return "", nil, errors.New("get: want -url, -n and -duration above 0")
	}
	for _, raw := range o.urls {
		req, err := http.NewRequest(http.MethodGet, raw, nil)
		if err != nil {
			return "", nil, err
		}
		host := req.URL.Host
		if req.URL.Port() == "" {
			host = net.JoinHostPort(req.URL.Hostname(), "80")
		}
		if req.URL.Scheme != "http" || addr != "" && host != addr {
			return "", nil, fmt.Errorf("get: url %q: want http, and one server for all", raw)
		}
		addr = host
		if name, password, ok := strings.Cut(o.user, ":"); ok {
			req.SetBasicAuth(name, password)
		}
		var b strings.Builder
		if err := req.Write(&b); err != nil {
			return "", nil, err
		}
		requests = append(requests, b.String())
	}
	if ap, err := resolve(addr); err != nil || !ap.Addr().IsLoopback() {
		return "", nil, fmt.Errorf("get: %s is not on this machine (%v)", addr, err)
	}
	return addr, requests, nil
}

// pace gives the i-th connection the times of its requests, so that together they are even.
func (o *getOptions) pace(i int) func(k int) time.Duration {
	if o.rate <= 0 {
		return func(int) time.Duration { return 0 }
	}
	each := float64(time.Second) / o.rate
	return func(k int) time.Duration { return time.Duration(each * (float64(k)*float64(o.n) + float64(i))) }
}

// run asks until the time is over. Latency counts from when a request was due: a server that stalls
// has all that should have come meanwhile counted against it.
func (g *getter) run(start time.Time, d time.Duration, due func(int) time.Duration) {
	for k := 0; ; k++ {
		at := start.Add(due(k))
		if time.Sleep(time.Until(at)); at.Sub(start) >= d || time.Since(start) >= d {
			break
		}
		if due(k) == 0 {
			at = time.Now()
		}
		if err := g.ask(); err != nil {
			g.failed, g.err = g.failed+1, err
			g.close()
			time.Sleep(10 * time.Millisecond)
			continue
		}
		g.times.add(int64(time.Since(at)))
	}
	g.close()
}

func (g *getter) ask() (err error) {
	if g.conn == nil {
		if g.conn, err = net.DialTimeout("tcp", g.addr, 5*time.Second); err != nil {
			return err
		}
		g.in = bufio.NewReader(g.conn)
	}
	if err = g.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err = io.WriteString(g.conn, g.requests[g.next%len(g.requests)]); err != nil {
		return err
	}
	g.next++
	resp, err := http.ReadResponse(g.in, nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if g.bytes += uint64(n); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", resp.Status)
	}
	if resp.Close {
		g.close()
	}
	return err
}

func (g *getter) close() {
	if g.conn != nil {
		_ = g.conn.Close()
		g.conn = nil
	}
}
