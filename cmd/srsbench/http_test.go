package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// flvFile is a stream of two tags as a server sends it.
func flvFile() []byte {
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	b = append(b, 9, 0, 0, 3, 0, 0, 40, 1, 0, 0, 0, 0x17, 1, 5, 0, 0, 0, 14)
	b = append(b, 18, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 12)
	return append(b, 8, 0, 0, 2, 0, 0, 50, 0, 0, 0, 0, 0xAF, 1, 0, 0, 0, 13)
}

const flvNotes = "9 sid=0 ts=16777256 size=3 170105|8 sid=0 ts=50 size=2 af01"

// chunked puts b into HTTP chunks of n bytes.
func chunked(b []byte, n int) []byte {
	var out []byte
	for len(b) > 0 {
		k := min(n, len(b))
		out = fmt.Appendf(out, "%X;x=y\r\n%s\r\n", k, b[:k])
		b = b[k:]
	}
	return out
}

// framed puts b into WebSocket frames, with a ping between them.
func framed(b []byte, n int) []byte {
	var out []byte
	for len(b) > 0 {
		k := min(n, len(b))
		out = append(append(out, 0x82, byte(k)), b[:k]...)
		out = append(out, 0x89, 2, 'h', 'i', 0x89, 0)
		b = b[k:]
	}
	return out
}

func TestHTTPSession(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n"
	tests := []struct {
		name, scheme string
		in           []byte
		want, err    string
	}{
		{"identity", "http", append([]byte(ok+"\r\n"), flvFile()...), flvNotes, ""},
		{"chunked", "http", append([]byte(ok+"transfer-encoding: Chunked\r\n\r\n"), chunked(flvFile(), 11)...), flvNotes, ""},
		{"continue", "http", append([]byte("HTTP/1.1 100 Continue\r\n\r\n"+ok+"\r\n"), flvFile()...), flvNotes, ""},
		{"websocket", "ws", append([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"), framed(flvFile(), 9)...), flvNotes, ""},
		{"end", "http", []byte(ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n"), "", errBodyEnd.Error()},
		{"404", "http", []byte("HTTP/1.1 404 Not Found\r\n\r\n"), "", "404 Not Found"},
		{"not HTTP", "http", []byte("SSH-2.0\r\n\r\n"), "", "SSH-2.0"},
		{"not FLV", "http", []byte(ok + "\r\n<html><body>"), "", "begins with"},
		{"bad chunk", "http", []byte(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "", "chunk size"},
		{"websocket closed", "ws", []byte("HTTP/1.1 101 x\r\n\r\n\x88\x00"), "", "closed by the server"},
		{"endless head", "http", bytes.Repeat([]byte("x"), maxHTTPHead+2), "", "longer than"},
	}
	for _, tt := range tests {
		for _, n := range []int{1, 2, 5, 1000000} {
			ev := new(recorder)
			s := newHTTPSession(target{scheme: tt.scheme, host: "h", path: "/live/a.flv"}, false, ev)
			s.open()
			if !bytes.HasPrefix(s.pending(), []byte("GET /live/a.flv HTTP/1.1\r\nHost: h\r\n")) || ev.asked != 1 {
				t.Errorf("%s: wrong request", tt.name)
			}
			var err error
			for b := tt.in; len(b) > 0 && err == nil; b = b[min(n, len(b)):] {
				err = s.feed(b[:min(n, len(b))])
			}
			if got := strings.Join(ev.got, "|"); got != tt.want {
				t.Errorf("%s by %d: got %s", tt.name, n, got)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s by %d: error %v, want %q", tt.name, n, err, tt.err)
			}
			pong := []byte{0x8A, 0x82, 0, 0, 0, 0, 'h', 'i', 0x8A, 0x80, 0, 0, 0, 0}
			if tt.name == "websocket" && !bytes.HasPrefix(s.pending(), pong) {
				t.Errorf("%s by %d: pings are not answered", tt.name, n)
			}
		}
	}
}

// FuzzHTTPSession checks that splits change nothing for chunked, plain and WebSocket bodies.
func FuzzHTTPSession(f *testing.F) {
	f.Add(flvFile(), 3, byte(0))
	f.Add(chunked(flvFile(), 10), 3, byte(1))
	f.Add(framed(flvFile(), 10), 3, byte(2))
	f.Fuzz(func(t *testing.T, in []byte, n int, kind byte) {
		scheme, head := "http", "HTTP/1.1 200 OK\r\n\r\n"
		switch kind % 3 {
		case 1:
			head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		case 2:
			scheme, head = "ws", "HTTP/1.1 101 OK\r\n\r\n"
		}
		in = append([]byte(head), in...)
		play := func(n int) string {
			ev := new(recorder)
			s := newHTTPSession(target{scheme: scheme}, false, ev)
			var err error
			for b := in; len(b) > 0 && err == nil; b = b[min(n, len(b)):] {
				err = s.feed(b[:min(n, len(b))])
			}
			return fmt.Sprint(ev.got, err != nil, len(s.pending()))
		}
		if whole, parts := play(len(in)), play(max(1, n)); whole != parts {
			t.Fatalf("by %d: %s; whole: %s", n, parts, whole)
		}
	})
}

func TestMediaKind(t *testing.T) {
	tests := []struct {
		kind       byte
		head       string
		frame, key bool
	}{
		{typeVideo, "\x17\x01", true, true},
		{typeVideo, "\x27\x01", true, false},
		{typeVideo, "\x17\x00", false, false},
		{typeVideo, "\x12\x00", true, true},
		{typeVideo, "\x91hvc1", true, true},
		{typeVideo, "\x90hvc1", false, false},
		{typeVideo, "\xA3hvc1", true, false},
		{typeAudio, "\xAF\x00", false, false},
		{typeAudio, "\xAF\x01", true, false},
		{typeAudio, "\x2F\xFF", true, false},
		{typeAudio, "\x90Opus", false, false},
		{typeAudio, "\x91Opus", true, false},
		{typeVideo, "", false, false},
		{typeDataAMF0, "\x02\x00", false, false},
	}
	for _, tt := range tests {
		if f, k := mediaKind(message{kind: tt.kind, head: []byte(tt.head)}); f != tt.frame || k != tt.key {
			t.Errorf("%d %x: frame %v key %v", tt.kind, tt.head, f, k)
		}
	}
}
