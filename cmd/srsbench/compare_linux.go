package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// contest is what compare runs: every case at every size, each with a fresh server.
type contest struct {
	base      options
	srsd      string
	srsdConf  string
	nginx     string
	module    string
	cases     list
	sizes     list
	pubSizes  list
	window    time.Duration
	serverCPU int
	dir       string
}

// entry is one way to serve. vhost is what its vhost says, in srs.conf's words.
type entry struct {
	server  string // nginx, srsd, floor
	http    bool
	publish bool
	vhost   string
}

// entries are the cases that -cases may name.
var entries = map[string]entry{
	"nginx":         {server: "nginx"},
	"srsd":          {server: "srsd"},
	"srsd-350":      {server: "srsd", vhost: "play { mw_latency 350; }"},
	"srsd-min":      {server: "srsd", vhost: "min_latency on;"},
	"http":          {server: "srsd", http: true},
	"http-350":      {server: "srsd", http: true, vhost: "play { mw_latency 350; }"},
	"floor":         {server: "floor"},
	"nginx-publish": {server: "nginx", publish: true},
	"srsd-publish":  {server: "srsd", publish: true},
	"srsd-no-gop":   {server: "srsd", publish: true, vhost: "play { gop_cache off; }"},
}

// result is one row of the table.
type result struct {
	Case   string  `json:"case"`
	N      int     `json:"n"`
	Report *report `json:"report,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// nginxConf makes one process do it all, so that nothing is left if that one is killed.
const nginxConf = `load_module %s;
worker_rlimit_nofile %d;
daemon off;
master_process off;
pid %s/nginx.pid;
error_log stderr warn;
events { worker_connections %d; }
rtmp { server { listen %s; chunk_size 4096; access_log off; application live { live on; } } }
`

const srsConf = `listen %s;
max_connections %d;
daemon off;
srs_log_tank console;
srs_log_level warn;
pid %s/srs.pid;
http_server { enabled on; listen %s; }
vhost __defaultVhost__ {
    %s
    http_remux { enabled on; mount [vhost]/[app]/[stream].flv; }
}
`

// compareCommand runs the contest and prints its table.
func compareCommand(args []string) error {
	c := contest{}
	f := newFlagSet("compare")
	c.base.register(f)
	f.StringVar(&c.srsd, "srsd", "", "srsd, or another server that reads srs.conf (its cases are left out without it)")
	f.StringVar(&c.srsdConf, "srsd-config", "", "its configuration instead of a made one; {rtmp}, {http}, {vhost} and {dir} are filled in")
	f.StringVar(&c.nginx, "nginx", "nginx", "nginx (its cases are left out if absent)")
	f.StringVar(&c.module, "nginx-module", "/usr/lib/nginx/modules/ngx_rtmp_module.so", "its RTMP module")
	f.Var(&c.cases, "cases", "of nginx, srsd, srsd-350, srsd-min, http, http-350, floor, nginx-publish, srsd-publish (default: the first three, the next two http, floor)")
	f.Var(&c.sizes, "n", "numbers of players (default 1000,2000)")
	f.Var(&c.pubSizes, "publishers", "numbers of publishers of the publish cases (default 500)")
	f.DurationVar(&c.window, "window", 350*time.Millisecond, "window of the floor")
	f.IntVar(&c.serverCPU, "server-cpu", 0, "core that servers run on")
	f.Set("rate", "500")
	f.Set("duration", "10s")
	f.Set("pin", "1")
	f.Set("quiet", "true")
	if err := parse(f, args); err != nil {
		return err
	}
	if c.cases == nil {
		c.cases = list{"nginx", "srsd", "srsd-350", "http", "http-350", "floor"}
	}
	if err := c.prepare(); err != nil {
		return err
	}
	if err := renice(&c.base); err != nil { // servers inherit it
		return err
	}
	dir, err := os.MkdirTemp("", "srsbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c.dir = dir
	return c.run()
}

// prepare drops the cases whose server is not there.
func (c *contest) prepare() error {
	if c.sizes == nil {
		c.sizes = list{"1000", "2000"}
	}
	if c.pubSizes == nil {
		c.pubSizes = list{"500"}
	}
	_, err := exec.LookPath(c.nginx)
	if err == nil {
		_, err = os.Stat(c.module)
	}
	var there list
	for _, name := range c.cases {
		e, known := entries[name]
		switch {
		case !known:
			return fmt.Errorf("-cases: no case %q", name)
		case e.server == "nginx" && err != nil:
			fmt.Fprintf(os.Stderr, "srsbench: %s is left out: %v\n", name, err)
		case e.server == "srsd" && c.srsd == "":
			fmt.Fprintf(os.Stderr, "srsbench: %s is left out: no -srsd\n", name)
		default:
			there = append(there, name)
		}
	}
	if c.cases = there; len(there) == 0 {
		return errors.New("no case is left to run")
	}
	return nil
}

// run goes through all cases and sizes. Sizes come first, so that a disturbance of the machine that lasts
// some seconds does not fall on one server alone.
func (c *contest) run() error {
	halt, cancel := interrupted()
	defer cancel()
	if !c.base.json {
		fmt.Printf("%-14s %6s %8s %9s %9s %7s %7s %7s %9s %9s %7s %7s\n", "case", "n", "CPU %", "µs/s conn",
			"KB/conn", "ratio", "worst", "stalls", "p50 ms", "p99 ms", "core %", "tool %")
	}
	var results []result
	for _, publish := range []bool{false, true} {
		sizes, err := c.sizes.ints("n")
		if publish {
			sizes, err = c.pubSizes.ints("publishers")
		}
		if err != nil {
			return err
		}
		for _, n := range sizes {
			for _, name := range c.cases {
				if entries[name].publish != publish {
					continue
				}
				select {
				case <-halt:
					return errors.New("interrupted")
				default:
				}
				results = append(results, c.one(name, n, halt))
				c.print(results[len(results)-1])
			}
		}
	}
	if c.base.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(results)
	}
	return nil
}

// one runs a case at one size.
func (c *contest) one(name string, n int, halt <-chan struct{}) result {
	o := c.base
	o.mode, o.players, o.publishers = "both", n, 1
	e := entries[name]
	if e.publish {
		o.mode, o.players, o.publishers = "publish", 0, n
	}
	if e.server == "floor" {
		o.mode, o.publishers = "floor", 0
	}
	o.cpuFlags = list{fmt.Sprint(c.serverCPU)}
	r, err := c.load(e, &o, halt)
	res := result{Case: name, N: n, Report: r}
	if err == nil && r != nil {
		err = r.sound()
	}
	if err != nil {
		res.Error = err.Error()
	}
	return res
}

// load starts the case's server and runs the load against it.
func (c *contest) load(e entry, o *options, halt <-chan struct{}) (*report, error) {
	if e.server == "floor" {
		if err := o.check(); err != nil {
			return nil, err
		}
		return runFloor(o, c.window, c.serverCPU, halt)
	}
	rtmp, http, err := freePorts()
	if err != nil {
		return nil, err
	}
	args, err := c.configure(e, o.players+o.publishers, rtmp, http)
	if err != nil {
		return nil, err
	}
	srv, _, err := start(c.serverCPU, filepath.Join(c.dir, e.server+".log"), args...)
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	if err := srv.await(rtmp); err != nil {
		return nil, err
	}
	name := "bench"
	if e.publish {
		name = "bench{i}"
	}
	o.publishURL = "rtmp://" + rtmp + "/live/" + name
	switch {
	case e.publish:
	case e.http:
		if err := srv.await(http); err != nil {
			return nil, err
		}
		o.url = "http://" + http + "/live/" + name + ".flv"
	default:
		o.url = o.publishURL
	}
	o.pidFlags = append(o.pidFlags, fmt.Sprint(srv.pid()))
	if err := o.check(); err != nil {
		return nil, err
	}
	return runPinned(o, halt)
}

// configure writes the server's configuration and gives its command line.
func (c *contest) configure(e entry, n int, rtmp, http string) ([]string, error) {
	conf := filepath.Join(c.dir, e.server+".conf")
	var text string
	var args []string
	switch {
	case e.server == "nginx":
		text = fmt.Sprintf(nginxConf, c.module, 2*n+1000, c.dir, n+1000, rtmp)
		args = []string{c.nginx, "-p", c.dir, "-c", conf}
	case c.srsdConf != "":
		b, err := os.ReadFile(c.srsdConf)
		if err != nil {
			return nil, fmt.Errorf("-srsd-config: %w", err)
		}
		text = strings.NewReplacer("{rtmp}", rtmp, "{http}", http, "{vhost}", e.vhost, "{dir}", c.dir).Replace(string(b))
		args = []string{c.srsd, "-c", conf}
	default:
		text = fmt.Sprintf(srsConf, rtmp, n+1000, c.dir, http, e.vhost)
		args = []string{c.srsd, "-c", conf}
	}
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return args, nil
}

// freePorts finds two addresses that nobody listens at.
func freePorts() (a, b string, err error) {
	var l [2]net.Listener
	for i := range l {
		if l[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", "", err
		}
		defer l[i].Close()
	}
	return l[0].Addr().String(), l[1].Addr().String(), nil
}

// print writes a row.
func (c *contest) print(r result) {
	if c.base.json {
		return
	}
	writeRow(os.Stdout, r)
}

func writeRow(w io.Writer, r result) {
	if r.Report == nil {
		fmt.Fprintf(w, "%-14s %6d  %s\n", r.Case, r.N, r.Error)
		return
	}
	rep, role := r.Report, r.Report.Players
	if role == nil {
		role = rep.Publishers
	}
	server := rep.Server
	if server == nil {
		server = &serverReport{}
	}
	core := 0.0
	if len(rep.Cores) > 0 {
		core = rep.Cores[0].Busy
	}
	fmt.Fprintf(w, "%-14s %6d %8.1f %9.1f %9.1f %7.3f %7.3f %7d %9.2f %9.2f %7.0f %7.0f", r.Case, r.N, server.CPU,
		server.CPUPerConn, float64(server.PerConn)/1e3, role.Ratio, role.Worst, role.Stalls, rep.Latency.P50, rep.Latency.P99, core, rep.Tool.CPU)
	// Whatever else ran on the server's core took part of its caches, and of its time once it is full.
	if other := core - server.CPU; other > 25 {
		fmt.Fprintf(w, "  disturbed: %.0f %% of the core went elsewhere", other)
	}
	if r.Error != "" {
		fmt.Fprintf(w, "  %s", r.Error)
	}
	fmt.Fprintln(w)
}
