// Command pullremote plays a stream of any RTMP server and tells, once a second of the stream's
// time, what it consists of.
//
//	go run ./examples/pullremote rtmp://127.0.0.1/live/livestream
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

func main() {
	length := flag.Duration("for", 0, "how much of the stream to read; 0: all")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("pullremote: name one URL: rtmp://host/app/stream")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *length); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string, length time.Duration) error {
	dial, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	player, err := rtmp.DialPlay(dial, url, nil)
	if err != nil {
		return err
	}
	defer player.Close()
	defer context.AfterFunc(ctx, func() { player.Close() })() // a ReadPacket under way then fails

	var m meter
	for p, err := range stream.Packets(player) {
		if err != nil {
			return err
		}
		if report := m.add(p); report != "" {
			fmt.Println(report)
		}
		if length > 0 && p.DTS-m.first >= length {
			break
		}
	}
	return nil
}

// meter counts what the tracks bring.
type meter struct {
	begun        bool
	first, since time.Duration // DTS at the start, and at the last report
	tracks       map[int]*count
}

type count struct{ packets, keys, bytes int }

// add counts a packet. When a second has passed it gives a line about that.
func (m *meter) add(p *stream.Packet) (report string) {
	if !m.begun {
		m.begun, m.first, m.since, m.tracks = true, p.DTS, p.DTS, map[int]*count{}
	}
	if passed := p.DTS - m.since; passed >= time.Second {
		report = m.report(p.Tracks, p.DTS-m.first, passed)
		m.since = p.DTS
		clear(m.tracks)
	}
	if p.Track == stream.Data { // metadata has no track
		return report
	}
	c := m.tracks[p.Track]
	if c == nil {
		c = &count{}
		m.tracks[p.Track] = c
	}
	c.packets++
	c.bytes += len(p.Payload)
	if p.Key() {
		c.keys++
	}
	return report
}

func (m *meter) report(tracks *stream.Tracks, at, passed time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%4.0f s", at.Seconds())
	for i, t := range tracks.List {
		c := m.tracks[i]
		if c == nil {
			c = &count{}
		}
		kbps := float64(c.bytes) * 8 / 1000 / passed.Seconds()
		rate := float64(c.packets) / passed.Seconds()
		switch t.Kind() {
		case stream.KindVideo:
			fmt.Fprintf(&b, " | %v %dx%d %.0f kb/s, %.1f frames/s, %d key frames", t.Codec, t.Width, t.Height, kbps, rate, c.keys)
		case stream.KindAudio:
			fmt.Fprintf(&b, " | %v %d Hz, %d channels %.0f kb/s", t.Codec, t.SampleRate, t.Channels, kbps)
		}
	}
	return b.String()
}
