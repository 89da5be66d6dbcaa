package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/srsgo/srs/rtc/peer"
)

// rtcOptions are what one run of rtc needs to know.
type rtcOptions struct {
	url, publish  string
	n, publishers int
	streams       int
	rate          float64
	bitrate       bitrate
	fps           int
	gop           time.Duration
	duration      time.Duration
	pids          list
	pin           int
	json          bool
}

// rtcReport is what rtc found.
type rtcReport struct {
	Seconds    float64   `json:"seconds"`
	Players    int       `json:"players"`
	Connected  int       `json:"connected"`
	Playing    int       `json:"playing"` // had packets in the last second
	Packets    uint64    `json:"packets"`
	Lost       uint64    `json:"lost"`
	Late       uint64    `json:"late"` // that came out of order, or again
	BitRate    float64   `json:"bit_rate"`
	Jitter     float64   `json:"jitter_ms"`     // of sound (RFC 3550 6.4.1), the players' mean
	JitterMost float64   `json:"jitter_max_ms"` // of the worst player
	Latency    quantiles `json:"latency"`       // from a publisher of srsbench to the players
	Publishers int       `json:"publishers"`
	Publishing int       `json:"publishing"` // connected at the end
	Sent       uint64    `json:"sent"`       // packets, those that were sent again among them
	Resent     uint64    `json:"resent"`     // that the server asked for again
	Refused    uint64    `json:"refused"`    // that could not be sent
	CPU        float64   `json:"cpu_percent"`
	RSS        int64     `json:"rss"`
	Tool       float64   `json:"tool_percent"`
	Error      string    `json:"error,omitempty"`
}

// rtcCommand plays and publishes WebRTC as many clients, each with a socket and a DTLS session of its own.
func rtcCommand(args []string) error {
	o := rtcOptions{bitrate: 600_000}
	f := newFlagSet("rtc")
	f.StringVar(&o.url, "url", "", `http:// URL of WHEP, or of SRS's /rtc/v1/play/ with streamurl=…; "{i}" stands for the stream's number`)
	f.IntVar(&o.n, "n", 100, "players, if -url is given")
	f.StringVar(&o.publish, "publish", "", `http:// URL of WHIP, or of SRS's /rtc/v1/publish/ with streamurl=…; "{i}" stands for the publisher's number`)
	f.IntVar(&o.publishers, "publishers", 1, "publishers, if -publish is given")
	f.IntVar(&o.streams, "streams", 1, "streams that players spread over")
	f.Float64Var(&o.rate, "rate", 100, "clients that join a second")
	f.Var(&o.bitrate, "bitrate", "of what is published, with sound")
	f.IntVar(&o.fps, "fps", 25, "frames a second of what is published")
	f.DurationVar(&o.gop, "gop", 2*time.Second, "between the key frames of what is published")
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
	r, err := runRTC(&o)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		r.print()
	}
	return errors.Join(err, r.sound())
}

func (r *rtcReport) print() {
	if r.Publishers > 0 {
		fmt.Printf("%d of %d publishers publish, in %.1f s %d packets, %d sent again, %d refused\n", r.Publishing, r.Publishers, r.Seconds, r.Sent, r.Resent, r.Refused)
	}
	if r.Players > 0 {
		fmt.Printf("%d of %d players play, in %.1f s %d packets, %.1f Mb/s, %d lost, %d late; jitter of sound %.1f ms, at most %.1f\n",
			r.Playing, r.Players, r.Seconds, r.Packets, r.BitRate/1e6, r.Lost, r.Late, r.Jitter, r.JitterMost)
	}
	if l := r.Latency; l.Count > 0 {
		fmt.Printf("latency: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, at most %.2f ms\n", l.P50, l.P99, l.P999, l.Max)
	}
	fmt.Printf("cpu: server %.1f %%, tool %.1f %%; server RSS %d MB\n", r.CPU, r.Tool, r.RSS>>20)
}

// sound tells whether all did what they were to do.
func (r *rtcReport) sound() error {
	if r.Playing < r.Players || r.Publishing < r.Publishers {
		return fmt.Errorf("%d of %d players play, %d of %d publishers publish; %s", r.Playing, r.Players, r.Publishing, r.Publishers, r.Error)
	}
	return nil
}

func (o *rtcOptions) check() error {
	if o.url == "" {
		o.n = 0
	}
	if o.publish == "" {
		o.publishers = 0
	}
	if o.url == "" && o.publish == "" || o.n < 0 || o.publishers < 0 || o.duration <= 0 || o.streams < 1 || o.rate <= 0 || o.fps < 1 || o.gop <= 0 {
		return errors.New("rtc: want -url or -publish http://…, and -n, -publishers, -streams, -rate, -fps, -gop and -duration above 0")
	}
	for _, raw := range []string{o.url, o.publish} {
		if raw == "" {
			continue
		}
		u, err := url.Parse(expand(raw, 0))
		if err != nil || u.Scheme != "http" {
			return fmt.Errorf("rtc: %q: want http://…", raw)
		}
		if err := loopbackOnly(net.JoinHostPort(u.Hostname(), "80")); err != nil {
			return err
		}
	}
	return nil
}

// rtcRun is what the clients of a run share.
type rtcRun struct {
	o       *rtcOptions
	cert    *tls.Certificate
	clock   clock
	source  *rtcSource
	latency latency

	players    []*rtcPlayer
	publishers []*rtcPublisher
}

func runRTC(o *rtcOptions) (*rtcReport, error) {
	pids, err := o.pids.ints("pid")
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	run := &rtcRun{o: o, clock: newClock()}
	if run.cert, err = peer.NewCertificate(false); err != nil {
		return nil, err
	}
	if o.publishers > 0 {
		if run.source, err = newRTCSource(o, run.clock); err != nil {
			return nil, err
		}
		defer run.source.close()
	}
	defer run.close()
	run.join()
	time.Sleep(2 * time.Second)
	s := sampler{pids: pids}
	run.latency.measure.Store(true)
	before, first := s.take(false), run.sum()
	time.Sleep(o.duration)
	after, last := s.take(false), run.sum()
	run.latency.measure.Store(false)
	r := &rtcReport{Seconds: round(o.duration.Seconds()), Players: o.n, Publishers: o.publishers,
		CPU: after.cpuPercent(before), Tool: after.toolPercent(before), RSS: after.rss}
	r.Packets, r.Lost, r.Late = last.packets-first.packets, last.lost-first.lost, last.late-first.late
	r.BitRate = round(float64(last.bytes-first.bytes) * 8 / o.duration.Seconds())
	r.Sent, r.Resent, r.Refused = last.sent-first.sent, last.resent-first.resent, last.refused-first.refused
	run.judge(r)
	return r, nil
}

// join has all clients enter, publishers first.
func (run *rtcRun) join() {
	var wait sync.WaitGroup
	n := 0
	start := time.Now()
	enter := func(c *rtcClient, open func() error) {
		at := start.Add(time.Duration(float64(n) / run.o.rate * float64(time.Second)))
		n++
		wait.Go(func() {
			time.Sleep(time.Until(at))
			if err := open(); err != nil {
				c.err.Store(&err)
			}
		})
	}
	for i := range run.o.publishers {
		p := &rtcPublisher{rtcClient: rtcClient{run: run, url: expand(run.o.publish, i)}, index: i}
		run.publishers = append(run.publishers, p)
		enter(&p.rtcClient, p.open)
	}
	for i := range run.o.n {
		p := &rtcPlayer{rtcClient: rtcClient{run: run, url: expand(run.o.url, i%run.o.streams)}}
		run.players = append(run.players, p)
		enter(&p.rtcClient, p.open)
	}
	wait.Wait()
}

// judge adds what is told of clients.
func (run *rtcRun) judge(r *rtcReport) {
	failed := func(c *rtcClient) {
		if err := c.err.Load(); err != nil {
			r.Error = (*err).Error()
		}
	}
	for _, p := range run.players {
		if p.connected.Load() {
			r.Connected++
		}
		if time.Since(time.Unix(0, p.last.Load())) < time.Second {
			r.Playing++
		}
		j := float64(p.jitter.Load()) / 1e6
		r.Jitter += j / float64(len(run.players))
		r.JitterMost = max(r.JitterMost, j)
		failed(&p.rtcClient)
	}
	r.Jitter, r.JitterMost = round(r.Jitter), round(r.JitterMost)
	for _, p := range run.publishers {
		if p.connected.Load() && p.err.Load() == nil {
			r.Publishing++
		}
		failed(&p.rtcClient)
	}
	run.latency.mu.Lock()
	r.Latency = run.latency.h.summary()
	run.latency.mu.Unlock()
}

type rtcSum struct{ packets, bytes, lost, late, sent, resent, refused uint64 }

func (run *rtcRun) sum() (s rtcSum) {
	for _, p := range run.players {
		s.packets += p.packets.Load()
		s.bytes += p.bytes.Load()
		s.lost += p.lost.Load()
		s.late += p.late.Load()
	}
	for _, p := range run.publishers {
		if v := p.viewer.Load(); v != nil {
			x := v.Stats()
			s.sent += x.Packets
			s.resent += x.Resent
			s.refused += x.Refused
		}
	}
	return s
}

func (run *rtcRun) close() {
	for _, p := range run.publishers {
		p.close()
	}
	for _, p := range run.players {
		p.close()
	}
}
