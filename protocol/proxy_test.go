package protocol

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func v2(cmdFam string, body string) string {
	return proxyV2Signature + cmdFam + string([]byte{byte(len(body) >> 8), byte(len(body))}) + body
}

var (
	v2TCP4 = "\xc0\x00\x02\x01\x0a\x00\x00\x02\x1f\x90\x07\x8f"
	v2TCP6 = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02" + "\x1f\x90\x07\x8f"
)

var proxyHeaders = []struct {
	in       string
	src, dst string // empty: the socket's addresses stay
	bad      bool
}{
	{"PROXY TCP4 192.0.2.1 10.0.0.2 8080 1935\r\n", "192.0.2.1:8080", "10.0.0.2:1935", false},
	{"PROXY TCP6 2001:db8::1 2001:db8::2 8080 1935\r\n", "[2001:db8::1]:8080", "[2001:db8::2]:1935", false},
	{"PROXY UNKNOWN\r\n", "", "", false},
	{"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", "", false},
	{v2("\x21\x11", v2TCP4), "192.0.2.1:8080", "10.0.0.2:1935", false},
	{v2("\x21\x11", v2TCP4+"\x03\x00\x04\x00\x00\x00\x00"), "192.0.2.1:8080", "10.0.0.2:1935", false},
	{v2("\x21\x21", v2TCP6), "[2001:db8::1]:8080", "[2001:db8::2]:1935", false},
	{v2("\x20\x00", ""), "", "", false},
	{v2("\x21\x00", ""), "", "", false},
	{v2("\x21\x31", strings.Repeat("x", 216)), "", "", false},
	{"", "", "", true},
	{"GET / HTTP/1.1\r\n\r\n", "", "", true},
	{"PROXY TCP4 192.0.2.1 10.0.0.2 8080\r\n", "", "", true},
	{"PROXY TCP4 192.0.2.1 10.0.0.2 8080 1935\n", "", "", true},
	{"PROXY TCP4 ::1 ::2 8080 1935\r\n", "", "", true},
	{"PROXY TCP6 192.0.2.1 10.0.0.2 8080 1935\r\n", "", "", true},
	{"PROXY TCP6 fe80::1%eth0 ::2 8080 1935\r\n", "", "", true},
	{"PROXY TCP4 192.0.2.1 10.0.0.2 8080 65536\r\n", "", "", true},
	{"PROXY  TCP4 192.0.2.1 10.0.0.2 8080 1935\r\n", "", "", true},
	{"PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n", "", "", true},
	{"PROXY UNKNOWN", "", "", true},
	{v2("\x11\x11", v2TCP4), "", "", true},
	{v2("\x22\x11", v2TCP4), "", "", true},
	{v2("\x21\x11", v2TCP4[:11]), "", "", true},
	{v2("\x21\x11", v2TCP4)[:20], "", "", true},
	{proxyV2Signature + "\x21\x11\xff\xff", "", "", true},
}

func TestProxyHeader(t *testing.T) {
	for _, tt := range proxyHeaders {
		r := strings.NewReader(tt.in + "rest")
		if tt.bad {
			r = strings.NewReader(tt.in)
		}
		p, err := readProxyHeader(r)
		if tt.bad {
			if !errors.Is(err, ErrProxyHeader) || p != nil {
				t.Errorf("%q: %v, %v, want an error", tt.in, p, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if rest, _ := io.ReadAll(r); string(rest) != "rest" {
			t.Errorf("%q: what is left is %q", tt.in, rest)
		}
		if p == nil {
			if tt.src != "" {
				t.Errorf("%q: no address", tt.in)
			}
			continue
		}
		if p.src.String() != tt.src || p.dst.String() != tt.dst {
			t.Errorf("%q: %v %v", tt.in, p.src, p.dst)
		}
	}
}

func FuzzProxyHeader(f *testing.F) {
	for _, tt := range proxyHeaders {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		p, err := readProxyHeader(r)
		if err != nil && p != nil {
			t.Fatal("a value with an error")
		}
		if read := len(b) - r.Len(); read > 16+proxyV2Max {
			t.Fatalf("read %d bytes", read)
		}
	})
}
