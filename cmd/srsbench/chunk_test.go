package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// note turns a message into text that tests compare.
func note(m message) string {
	return fmt.Sprintf("%d sid=%d ts=%d size=%d %x", m.kind, m.sid, m.ts, m.size, m.head[:min(len(m.head), 8)])
}

// readChunks feeds b in pieces of n bytes and gives what came out.
func readChunks(b []byte, n int) (out []string, err error) {
	r := newChunkReader(func(m message) error {
		out = append(out, note(m))
		return nil
	})
	for len(b) > 0 {
		k := min(n, len(b))
		if err := r.feed(b[:k]); err != nil {
			return out, err
		}
		b = b[k:]
	}
	return out, nil
}

func fill(n int) []byte { return bytes.Repeat([]byte{0xAB}, n) }

var chunkTests = []struct {
	name string
	in   []byte
	want []string
	err  string
}{
	{"short", appendMessage(nil, 3, 128, typeCommandAMF0, 1, 7, []byte{1, 2, 3}), []string{"20 sid=1 ts=7 size=3 010203"}, ""},
	{"two chunks", appendMessage(nil, 6, 128, typeVideo, 1, 40, fill(200)), []string{"9 sid=1 ts=40 size=200 abababababababab"}, ""},
	{"exactly one chunk", appendMessage(nil, 6, 128, typeVideo, 1, 40, fill(128)), []string{"9 sid=1 ts=40 size=128 abababababababab"}, ""},
	{"empty body", appendMessage(nil, 4, 128, typeAudio, 1, 9, nil), []string{"8 sid=1 ts=9 size=0 "}, ""},
	{"chunk size", append(appendMessage(nil, 2, 128, typeSetChunkSize, 0, 0, []byte{0, 0, 16, 0}),
		appendMessage(nil, 6, 4096, typeVideo, 1, 1, fill(4000))...), []string{"9 sid=1 ts=1 size=4000 abababababababab"}, ""},
	{"deltas", []byte{4, 0, 0, 10, 0, 0, 1, 8, 1, 0, 0, 0, 'a', 0x44, 0, 0, 5, 0, 0, 2, 8, 'b', 'c',
		0x84, 0, 0, 6, 'd', 'e', 0xC4, 'f', 'g'},
		[]string{"8 sid=1 ts=10 size=1 61", "8 sid=1 ts=15 size=2 6263", "8 sid=1 ts=21 size=2 6465", "8 sid=1 ts=27 size=2 6667"}, ""},
	{"extended timestamp", append(append([]byte{4, 0xFF, 0xFF, 0xFF, 0, 0, 130, 8, 1, 0, 0, 0, 1, 2, 3, 4}, fill(128)...),
		0xC4, 1, 2, 3, 4, 'x', 'y'), []string{"8 sid=1 ts=16909060 size=130 abababababababab"}, ""},
	{"long stream ids", []byte{0, 6, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 'a', 1, 6, 1, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 'b'},
		[]string{"8 sid=0 ts=0 size=1 61", "8 sid=0 ts=0 size=1 62"}, ""},
	{"abort", append(append(appendMessage(nil, 6, 128, typeVideo, 1, 40, fill(200))[:140],
		appendMessage(nil, 2, 128, typeAbort, 0, 0, []byte{0, 0, 0, 6})...), appendMessage(nil, 6, 128, typeVideo, 1, 5, fill(2))...),
		[]string{"9 sid=1 ts=5 size=2 abab"}, ""},
	{"no first header", []byte{0xC4}, nil, "begins with a type 3"},
	{"new message inside another", append(appendMessage(nil, 6, 128, typeVideo, 1, 40, fill(200))[:140],
		appendMessage(nil, 6, 128, typeVideo, 1, 5, fill(2))...), nil, "new message after 128 of 200"},
	{"chunk size 0", appendMessage(nil, 2, 128, typeSetChunkSize, 0, 0, []byte{0, 0, 0, 0}), nil, "out of range"},
	{"chunk size short", appendMessage(nil, 2, 128, typeSetChunkSize, 0, 0, []byte{1}), nil, "1 bytes"},
	{"long command", []byte{3, 0, 0, 0, 1, 0, 1, 20, 0, 0, 0, 0}, nil, "more than 65536"},
}

func TestChunkReader(t *testing.T) {
	for _, tt := range chunkTests {
		for _, n := range []int{1, 2, 3, 7, 64, 1 << 20} {
			got, err := readChunks(tt.in, n)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%s by %d: error %v, want %q", tt.name, n, err, tt.err)
				}
				continue
			}
			if err != nil || strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("%s by %d: %v, %v; want %v", tt.name, n, got, err, tt.want)
			}
		}
	}
}

func TestChunkStreamsAreBounded(t *testing.T) {
	var b []byte
	for i := range maxChunkStream + 1 {
		b = append(b, 0, byte(i), 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0)
	}
	if _, err := readChunks(b, len(b)); err == nil {
		t.Error("no error")
	}
}

// FuzzChunkReader checks that how the bytes are split changes nothing and that memory is bounded.
func FuzzChunkReader(f *testing.F) {
	for _, tt := range chunkTests {
		f.Add(tt.in, 5)
	}
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		n = max(1, n)
		whole, err1 := readChunks(in, max(1, len(in)))
		parts, err2 := readChunks(in, n)
		if fmt.Sprint(whole, err1) != fmt.Sprint(parts, err2) {
			t.Fatalf("by %d: %v %v; whole: %v %v", n, parts, err2, whole, err1)
		}
	})
}

// FuzzRTMPSession feeds a player whatever comes after its handshake.
func FuzzRTMPSession(f *testing.F) {
	for _, tt := range chunkTests {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newRTMPSession(target{scheme: "rtmp", host: "h", app: "live", stream: "s"}, false, new(recorder))
		s.open()
		shake := make([]byte, 1+2*handshakeSize)
		shake[0] = 3
		if err := s.feed(shake); err != nil {
			t.Fatal(err)
		}
		_ = s.feed(in)
		s.pending()
	})
}

// recorder notes what a session tells its connection.
type recorder struct {
	asked, leave int
	got          []string
}

func (r *recorder) requested() { r.asked++ }
func (r *recorder) ready()     { r.leave++ }
func (r *recorder) media(m message) error {
	r.got = append(r.got, note(m))
	return nil
}
