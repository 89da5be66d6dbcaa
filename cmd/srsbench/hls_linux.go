package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/srsgo/srs/protocol"
)

// hlsOptions are what one run of hls needs to know.
type hlsOptions struct {
	url      string
	n        int
	streams  int
	rate     float64
	duration time.Duration
	pids     list
	pin      int
	json     bool
}

// hlsReport is what hls found.
type hlsReport struct {
	Seconds   float64   `json:"seconds"`
	Viewers   int       `json:"viewers"`
	Playing   int       `json:"playing"`
	Playlists uint64    `json:"playlists"`
	Segments  uint64    `json:"segments"`
	Bytes     uint64    `json:"bytes"`
	BitRate   float64   `json:"bit_rate"`
	Media     float64   `json:"media_seconds_per_second"` // of all viewers that play, 1 is real time
	Stalls    uint64    `json:"stalls"`
	Failed    uint64    `json:"failed"`
	Latency   quantiles `json:"latency"` // of requests, to the last byte
	CPU       float64   `json:"cpu_percent"`
	RSS       int64     `json:"rss"`
	Tool      float64   `json:"tool_percent"`
	Error     string    `json:"error,omitempty"`
}

// hlsCommand plays HLS as many viewers: each has a connection of its own, follows the playlist, gets
// every segment once, and plays it in real time.
func hlsCommand(args []string) error {
	var o hlsOptions
	f := newFlagSet("hls")
	f.StringVar(&o.url, "url", "", `http:// URL of a playlist; "{i}" stands for the stream's number`)
	f.IntVar(&o.n, "n", 100, "viewers")
	f.IntVar(&o.streams, "streams", 1, "streams that viewers spread over")
	f.Float64Var(&o.rate, "rate", 500, "viewers that join a second")
	f.DurationVar(&o.duration, "duration", 20*time.Second, "length of the measurement, after all have joined")
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
	r, err := runHLS(&o)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		fmt.Printf("%d of %d viewers play, in %.1f s %d playlists and %d segments, %.1f Mb/s, %.3f of real time, %d stalls, %d failed\n"+
			"request ms: p50 %.2f  p99 %.2f  max %.2f\ncpu: server %.1f %%, tool %.1f %%; server RSS %d MB\n", r.Playing, r.Viewers, r.Seconds,
			r.Playlists, r.Segments, r.BitRate/1e6, r.Media, r.Stalls, r.Failed, r.Latency.P50, r.Latency.P99, r.Latency.Max, r.CPU, r.Tool, r.RSS>>20)
	}
	if err == nil && (r.Failed > 0 || r.Playing < r.Viewers) {
		err = fmt.Errorf("%d requests failed, %d of %d viewers play; %s", r.Failed, r.Playing, r.Viewers, r.Error)
	}
	return err
}

func runHLS(o *hlsOptions) (*hlsReport, error) {
	pids, err := o.pids.ints("pid")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(expand(o.url, 0))
	if err != nil || u.Scheme != "http" || o.n < 1 || o.duration <= 0 || o.streams < 1 || o.rate <= 0 {
		return nil, errors.New("hls: want -url http://…, and -n, -streams, -rate and -duration above 0")
	}
	if err := loopbackOnly(net.JoinHostPort(u.Hostname(), "80")); err != nil {
		return nil, err
	}
	s := sampler{pids: pids}
	start := time.Now()
	joined := start.Add(time.Duration(float64(o.n) / o.rate * float64(time.Second))).Add(2 * time.Second)
	end := joined.Add(o.duration)
	all := make([]*hlsViewer, o.n)
	room := make([]byte, 1<<20)
	var wait sync.WaitGroup
	for i := range all {
		all[i] = &hlsViewer{url: expand(o.url, i%o.streams), from: joined, end: end, room: room}
		at := start.Add(time.Duration(float64(i) / o.rate * float64(time.Second)))
		wait.Go(func() { time.Sleep(time.Until(at)); all[i].run() })
	}
	time.Sleep(time.Until(joined))
	before := s.take(false)
	time.Sleep(time.Until(end))
	after := s.take(false)
	wait.Wait()
	return hlsSum(all, o.duration, before, after), nil
}

// hlsSum adds up what viewers had between the two samples.
func hlsSum(all []*hlsViewer, d time.Duration, before, after usage) *hlsReport {
	r := &hlsReport{Seconds: round(d.Seconds()), Viewers: len(all), CPU: after.cpuPercent(before), Tool: after.toolPercent(before), RSS: after.rss}
	var times histogram
	var media time.Duration
	for _, v := range all {
		times.merge(&v.times)
		r.Playlists, r.Segments, r.Bytes = r.Playlists+v.playlists, r.Segments+v.segments, r.Bytes+v.bytes
		r.Stalls, r.Failed = r.Stalls+v.stalls, r.Failed+v.failed
		media += v.media
		if v.segments > 0 {
			r.Playing++
		}
		if v.err != nil {
			r.Error = v.err.Error()
		}
	}
	r.Latency = times.summary()
	r.BitRate = round(float64(r.Bytes) * 8 / d.Seconds())
	r.Media = round(media.Seconds() / d.Seconds() / float64(max(r.Playing, 1)))
	return r
}

// hlsViewer is one player. It counts what it does between from and end.
type hlsViewer struct {
	url       string
	from, end time.Time
	room      []byte // as much as is dropped at once; shared, the kernel does not write it

	conn net.Conn
	in   *bufio.Reader
	last string // segment got last
	dry  time.Time

	times                              histogram
	playlists, segments, bytes, stalls uint64
	failed                             uint64
	media                              time.Duration
	err                                error
}

// maxPlaylist bounds what is read as one.
const maxPlaylist = 1 << 20

func (v *hlsViewer) run() {
	defer v.close()
	for time.Now().Before(v.end) {
		wait, err := v.round()
		if err != nil {
			if v.counts() {
				v.failed, v.err = v.failed+1, err
			}
			v.close()
			wait = 100 * time.Millisecond
		}
		time.Sleep(min(wait, time.Until(v.end)))
	}
}

func (v *hlsViewer) counts() bool {
	now := time.Now()
	return now.After(v.from) && now.Before(v.end)
}

// round gets the playlist and what is new in it, and tells when to ask again (RFC 8216 6.3.4).
func (v *hlsViewer) round() (time.Duration, error) {
	body, err := v.get(v.url, true)
	if err != nil {
		return 0, err
	}
	if v.counts() {
		v.playlists++
	}
	list, err := parseHLS(string(body))
	if err != nil {
		return 0, err
	}
	if list.variant != "" {
		v.url, err = resolveURL(v.url, list.variant)
		return 0, err
	}
	fresh := list.after(v.last)
	for _, s := range fresh {
		at, err := resolveURL(v.url, s.uri)
		if err != nil {
			return 0, err
		}
		if _, err := v.get(at, false); err != nil {
			return 0, err
		}
		v.last = s.uri
		v.play(s.duration)
	}
	if len(fresh) == 0 {
		return list.target / 2, nil
	}
	return list.target, nil
}

// play adds a segment to the buffer, and counts a stall if it had run dry. Some of the time from one
// segment to the next is the server's to choose: a viewer begins with what the playlist has, three
// segments as players do, and stalls only when that is used up.
func (v *hlsViewer) play(d time.Duration) {
	now := time.Now()
	if v.dry.IsZero() {
		v.dry = now
	} else if now.After(v.dry) {
		if v.counts() {
			v.stalls++
		}
		v.dry = now
	}
	v.dry = v.dry.Add(d)
	if v.counts() {
		v.segments++
		v.media += d
	}
}

// get fetches a document; of one that is not kept the kernel drops the bytes.
func (v *hlsViewer) get(raw string, keep bool) (body []byte, err error) {
	began := time.Now()
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if v.conn == nil {
		addr := u.Host
		if u.Port() == "" {
			addr = net.JoinHostPort(u.Hostname(), "80")
		}
		if v.conn, err = net.DialTimeout("tcp", addr, 5*time.Second); err != nil {
			return nil, err
		}
		v.in = bufio.NewReaderSize(v.conn, 2048)
	}
	if err := v.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(v.conn, "GET "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\n\r\n"); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return nil, err
	}
	var n int64
	if keep || resp.ContentLength < 0 {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxPlaylist))
		n = int64(len(body))
	} else {
		n = resp.ContentLength
		err = v.drop(n)
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", raw, resp.Status)
	}
	if resp.Close {
		v.close()
	}
	if v.counts() {
		v.bytes += uint64(n)
		v.times.add(int64(time.Since(began)))
	}
	return body, err
}

// drop reads n bytes without looking at them.
func (v *hlsViewer) drop(n int64) error {
	k, err := v.in.Discard(int(min(n, int64(v.in.Buffered()))))
	if n -= int64(k); err != nil || n == 0 {
		return err
	}
	raw, err := protocol.TCP(v.conn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for n > 0 {
			k, err := recv(int(fd), v.room[:min(n, int64(len(v.room)))], unix.MSG_TRUNC)
			switch {
			case err != nil && again(err):
				return false
			case err != nil:
				failed = err
				return true
			case k == 0:
				failed = syscall.ECONNRESET
				return true
			}
			n -= int64(k)
		}
		return true
	})
	return errors.Join(err, failed)
}

func (v *hlsViewer) close() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

// resolveURL gives what a reference in a document means.
func resolveURL(base, ref string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u, err := b.Parse(ref)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// hlsList is what a viewer needs of a playlist.
type hlsList struct {
	variant  string // of a master playlist: the first
	target   time.Duration
	segments []hlsSegment
}

type hlsSegment struct {
	uri      string
	duration time.Duration
}

func parseHLS(text string) (l hlsList, err error) {
	if !strings.HasPrefix(text, "#EXTM3U") {
		return l, fmt.Errorf("no playlist: %.40q", text)
	}
	var d time.Duration
	variant := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, ":")
		switch {
		case name == "#EXT-X-TARGETDURATION":
			n, err := strconv.Atoi(value)
			if err != nil {
				return l, fmt.Errorf("target duration: %w", err)
			}
			l.target = time.Duration(n) * time.Second
		case name == "#EXTINF":
			value, _, _ = strings.Cut(value, ",")
			secs, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return l, fmt.Errorf("duration: %w", err)
			}
			d = time.Duration(secs * float64(time.Second))
		case name == "#EXT-X-STREAM-INF":
			variant = true
		case line == "" || line[0] == '#':
		case variant && l.variant == "":
			l.variant = line
		default:
			l.segments = append(l.segments, hlsSegment{line, d})
		}
	}
	return l, nil
}

// after gives the segments behind the last one that was got; a viewer that joins, or that has fallen
// out of the playlist, begins with the last three.
func (l *hlsList) after(last string) []hlsSegment {
	for i := len(l.segments) - 1; i >= 0; i-- {
		if l.segments[i].uri == last {
			return l.segments[i+1:]
		}
	}
	return l.segments[max(len(l.segments)-3, 0):]
}
