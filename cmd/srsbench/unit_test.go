package main

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	var all []int64
	for range 100000 {
		v := int64(math.Exp(rand.Float64() * 25))
		h.add(v)
		all = append(all, v)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.99, 0.999, 1} {
		want := all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
		if got := h.quantile(q); float64(got) < float64(want) || float64(got) > float64(want)*1.04+1 {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	for _, v := range []int64{0, 1, 31, 32, 63, 64, 65, 1 << 40, math.MaxInt64} {
		if i := bucketOf(v); bucketTop(i) < v || i > 0 && bucketTop(i-1) >= v {
			t.Errorf("%d is not in its bucket %d", v, i)
		}
	}
}

func TestMark(t *testing.T) {
	b := append(bytes.Repeat([]byte{7}, 100), make([]byte, markSize)...)
	putMark(b[100:], 1234567890123456789, 0xFEDCBA98)
	if at, seq, ok := findMark(b); !ok || at != 1234567890123456789 || seq != 0xFEDCBA98 {
		t.Error(at, seq, ok)
	}
	for _, bad := range [][]byte{nil, b[:120], bytes.ReplaceAll(b, []byte("f"), []byte("x"))} {
		if _, _, ok := findMark(bad); ok {
			t.Errorf("mark found in %x", bad)
		}
	}
}

func TestClip(t *testing.T) {
	for _, rate := range []int{300000, 600000, 4000000} {
		c, err := newClip(rate, 25, time.Second, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.bitrate(); math.Abs(got/float64(rate)-1) > 0.005 {
			t.Errorf("%d: bit rate is %.0f", rate, got)
		}
		if bytes.Contains(c.key[9:], []byte{0, 0, 1}) || len(c.key) < 4*len(c.inter) {
			t.Errorf("%d: bad key frame", rate)
		}
		for _, frame := range [][]byte{c.key, c.inter, c.sound} {
			if _, _, ok := findMark(frame[:min(len(frame), mediaHead)]); !ok {
				t.Error("a frame without a mark")
			}
		}
	}
	if _, err := newClip(50000, 25, time.Second, true); err == nil {
		t.Error("50 kb/s are accepted")
	}
}

// TestWires reads back what publishers send.
func TestWires(t *testing.T) {
	c, err := newClip(600000, 25, time.Second, true)
	if err != nil {
		t.Fatal(err)
	}
	play := func(b []byte, rtmp bool) (out []message) {
		on := func(m message) error {
			m.head = bytes.Clone(m.head)
			out = append(out, m)
			return nil
		}
		chunks := newChunkReader(on)
		feed := (&bodyReader{on: (&tagReader{on: on}).feed}).feed
		if rtmp {
			chunks.size = outChunkSize
			feed = chunks.feed
		} else {
			b = append([]byte(flvHeader), b...)
		}
		if err := feed(b); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, rtmp := range []bool{true, false} {
		w := c.wires(rtmp)
		var b []byte
		for i := range w.start {
			b = append(b, w.start[i].stamp(0, 1, 0, 0)...)
		}
		b = append(b, w.key.stamp(70000, 1, 42, 5)...)
		got := play(append(b, w.sound.stamp(70001, 1, 43, 6)...), rtmp)
		if !rtmp { // tagReader keeps metadata to itself
			got = append([]message{{}}, got...)
		}
		if len(got) != 5 {
			t.Fatalf("rtmp %v: %d messages", rtmp, len(got))
		}
		for i, m := range got[3:] {
			at, seq, ok := findMark(m.head)
			if !ok || at != int64(42+i) || seq != uint32(5+i) || m.ts != uint32(70000+i) {
				t.Errorf("rtmp %v: mark %d %d %v at %d", rtmp, at, seq, ok, m.ts)
			}
		}
		if got[3].size != len(c.key) || got[4].size != len(c.sound) {
			t.Errorf("rtmp %v: sizes %d %d", rtmp, got[3].size, got[4].size)
		}
	}
}

func TestParseTarget(t *testing.T) {
	tests := []struct{ url, addr, app, stream, err string }{
		{"rtmp://127.0.0.1/live/a", "127.0.0.1:1935", "live", "a", ""},
		{"rtmps://[::1]:4433/live/x/a?k=v", "[::1]:4433", "live/x", "a?k=v", ""},
		{"http://127.0.0.1:8080/live/a.flv", "127.0.0.1:8080", "live", "a.flv", ""},
		{"wss://127.0.0.1/live/a.flv", "127.0.0.1:443", "live", "a.flv", ""},
		{"srt://127.0.0.1/live/a", "", "", "", "scheme"},
		{"rtmp://127.0.0.1/a", "", "", "", "app/stream"},
		{"rtmp://127.0.0.1/live/", "", "", "", "app/stream"},
		{"://", "", "", "", "missing"},
	}
	for _, tt := range tests {
		got, err := parseTarget(tt.url)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v", tt.url, err)
			}
			continue
		}
		if err != nil || got.addr != tt.addr || got.app != tt.app || got.stream != tt.stream {
			t.Errorf("%s: %+v, %v", tt.url, got, err)
		}
	}
}

func TestLoadFlags(t *testing.T) {
	tests := []struct{ name, args, err string }{
		{"both", "-url rtmp://127.0.0.1/live/a -n 10 -bitrate 2.5m", ""},
		{"publish", "-url rtmp://127.0.0.1/live/a{i} -n 10", ""},
		{"play", "", "no -url"},
		{"play", "-url rtmp://192.0.2.1/live/a", "-remote"},
		{"play", "-url rtmp://192.0.2.1/live/a -remote", ""},
		{"play", "-url rtmp://127.0.0.1/live/a -n 0", "no connections"},
		{"play", "-url rtmp://127.0.0.1/live/a -duration 0s", "-duration"},
		{"play", "-url rtmp://127.0.0.1/live/a -pid x", "-pid"},
		{"play", "-url rtmp://127.0.0.1/live/a -bitrate fast", "bits a second"},
		{"play", "-url rtmp://127.0.0.1/live/a what", "what"},
	}
	for _, tt := range tests {
		_, err := loadFlags(tt.name, strings.Fields(tt.args))
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s %s: error %v, want %q", tt.name, tt.args, err, tt.err)
		}
	}
}

func TestReportText(t *testing.T) {
	r := &report{Mode: "play", URL: "rtmp://x/y/z", Players: &roleReport{Asked: 2, Started: 1, Failed: 1},
		Server: &serverReport{CPU: 5}, Cores: []coreReport{{}}, Reasons: map[string]int{"player: refused": 1},
		Latency: quantiles{Count: 1}, LostFrames: 3}
	var b bytes.Buffer
	r.write(&b)
	for _, want := range []string{"2 asked, 1 started", "player: refused", "3 frames missing", "core 0"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if r.sound() == nil {
		t.Error("a failed connection is sound")
	}
	if err := r.writeJSON(io.Discard); err != nil {
		t.Error(err)
	}
}
