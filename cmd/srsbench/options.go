package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// target is one stream at one server, taken apart.
type target struct {
	scheme string // rtmp, rtmps, http, https, ws, wss, floor
	host   string // as written, with the port unless it is the scheme's own
	addr   string // host and port to dial
	app    string // RTMP application
	stream string // RTMP stream name with its query
	path   string // HTTP request target
}

func (t *target) tls() bool       { return strings.HasSuffix(t.scheme, "s") && t.scheme != "ws" }
func (t *target) websocket() bool { return strings.HasPrefix(t.scheme, "ws") }
func (t *target) rtmp() bool      { return strings.HasPrefix(t.scheme, "rtmp") }
func (t *target) tcURL() string   { return t.scheme + "://" + t.host + "/" + t.app }

var defaultPorts = map[string]string{
	"rtmp": "1935", "rtmps": "443", "http": "80", "https": "443", "ws": "80", "wss": "443", "floor": "",
}

// parseTarget takes a stream's URL apart: scheme://host[:port]/app/stream[?query].
func parseTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, err
	}
	port, known := defaultPorts[u.Scheme]
	if !known {
		return target{}, fmt.Errorf("url %q: scheme is not rtmp, rtmps, http, https, ws or wss", raw)
	}
	if p := u.Port(); p != "" {
		port = p
	}
	t := target{scheme: u.Scheme, host: u.Host, addr: net.JoinHostPort(u.Hostname(), port), path: u.RequestURI()}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if i := strings.LastIndexByte(path, '/'); i > 0 && i < len(path)-1 {
		t.app, t.stream = path[:i], path[i+1:]
	} else if t.scheme != "floor" {
		return target{}, fmt.Errorf("url %q: want scheme://host[:port]/app/stream", raw)
	}
	if u.RawQuery != "" {
		t.stream += "?" + u.RawQuery
	}
	return t, nil
}

// expand puts a stream's number in the place of every "{i}" of a URL.
func expand(template string, i int) string {
	return strings.ReplaceAll(template, "{i}", strconv.Itoa(i))
}

// bitrate is a flag value in bits a second; k and m multiply by a thousand and a million.
type bitrate int

// String gives the value as it can be set.
func (b *bitrate) String() string { return strconv.Itoa(int(*b)) }

// Set reads "600k", "2.5m" or a plain number.
func (b *bitrate) Set(s string) error {
	unit, num := 1.0, strings.ToLower(s)
	if n, ok := strings.CutSuffix(num, "k"); ok {
		unit, num = 1e3, n
	} else if n, ok := strings.CutSuffix(num, "m"); ok {
		unit, num = 1e6, n
	}
	v, err := strconv.ParseFloat(num, 64)
	if err != nil || v < 0 || v*unit > 1e9 {
		return errors.New("want bits a second, as 600k or 2.5m")
	}
	*b = bitrate(v * unit)
	return nil
}

// list collects a flag that may be repeated or hold several values between commas.
type list []string

// String gives the values between commas.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds the values in s.
func (l *list) Set(s string) error {
	*l = append(*l, strings.Split(s, ",")...)
	return nil
}

// ints gives a list's values as numbers.
func (l list) ints(flagName string) ([]int, error) {
	var out []int
	for _, s := range l {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("-%s %s: not a number", flagName, s)
		}
		out = append(out, n)
	}
	return out, nil
}

// options are what one run needs to know.
type options struct {
	mode       string // play, publish, both
	url        string // players' URL template
	publishURL string // publishers' URL template
	players    int
	publishers int
	streams    int // streams that the players spread over
	rate       float64
	duration   time.Duration
	settle     time.Duration
	timeout    time.Duration
	bitrate    bitrate
	fps        int
	gop        time.Duration
	noAudio    bool
	sample     int
	drain      time.Duration
	rcvbuf     int
	bind       list
	pidFlags   list
	pids       []int
	cpuFlags   list
	cpus       []int
	pin        int
	nice       int
	remote     bool
	insecure   bool
	json       bool
	quiet      bool
}

// register declares the flags that play, publish, both and floor share.
func (o *options) register(f *flag.FlagSet) {
	o.bitrate = 600000
	f.Float64Var(&o.rate, "rate", 200, "connections opened a second")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "length of the measurement, after all have joined")
	f.DurationVar(&o.settle, "settle", 2*time.Second, "time between the last join and the measurement")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "time a connection has to reach its first key frame")
	f.Var(&o.bitrate, "bitrate", "bit rate of one stream: sent by publishers, expected by players (0: unknown)")
	f.IntVar(&o.fps, "fps", 25, "video frames a second of published streams")
	f.DurationVar(&o.gop, "gop", time.Second, "key frame interval of published streams")
	f.BoolVar(&o.noAudio, "no-audio", false, "publish video only")
	f.IntVar(&o.sample, "sample", 16, "players that read and time every frame (-1: all); the others count bytes")
	f.DurationVar(&o.drain, "drain", 10*time.Millisecond, "how often the socket of a counting player is read")
	f.IntVar(&o.rcvbuf, "rcvbuf", 0, "socket receive buffer of players in bytes (0: the kernel sizes it)")
	f.Var(&o.bind, "bind", "source addresses to use in turn (127.0.1.1,127.0.1.2 gives more ports)")
	f.Var(&o.pidFlags, "pid", "server process to measure, with its children (repeatable)")
	f.Var(&o.cpuFlags, "cpu", "core to measure as a whole (repeatable)")
	f.IntVar(&o.pin, "pin", -1, "core that the tool itself runs on (-1: any)")
	f.IntVar(&o.nice, "nice", 0, "priority of the tool and of servers it starts: -10 holds its own on a busy machine")
	f.BoolVar(&o.remote, "remote", false, "allow servers that are not on this machine")
	f.BoolVar(&o.insecure, "insecure", false, "do not verify certificates of remote servers (never done on loopback)")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	f.BoolVar(&o.quiet, "quiet", false, "no line per second")
}

// check completes the options and refuses impossible ones.
func (o *options) check() (err error) {
	if o.pids, err = o.pidFlags.ints("pid"); err != nil {
		return err
	}
	if o.cpus, err = o.cpuFlags.ints("cpu"); err != nil {
		return err
	}
	switch {
	case o.rate <= 0:
		return fmt.Errorf("-rate %v: want a positive number", o.rate)
	case o.duration <= 0 || o.duration > maxMedia:
		return fmt.Errorf("-duration %v: want more than 0 and at most %v", o.duration, maxMedia)
	case o.drain < time.Millisecond:
		return fmt.Errorf("-drain %v: want at least 1ms", o.drain)
	case o.fps < 1 || o.fps > 240:
		return fmt.Errorf("-fps %d: want 1 to 240", o.fps)
	case o.players < 0 || o.publishers < 0 || o.players+o.publishers == 0:
		return errors.New("no connections asked for (-n)")
	case o.players+o.publishers > 1<<20:
		return errors.New("more than a million connections asked for")
	}
	if o.streams <= 0 {
		o.streams = max(o.publishers, 1)
	}
	for _, raw := range []string{o.url, o.publishURL} {
		if raw == "" {
			continue
		}
		t, err := parseTarget(expand(raw, 0))
		if err != nil {
			return err
		}
		if !o.remote {
			if err := loopbackOnly(t.addr); err != nil {
				return err
			}
		}
	}
	return nil
}

// loopbackOnly refuses an address that is not on this machine: pointing a load tool at somebody else's
// server should take a deliberate flag.
func loopbackOnly(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return err
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return fmt.Errorf("%s is not on this machine: give -remote if the server is yours to load", addr)
		}
	}
	return nil
}
