package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const maxHTTPHead = 16 << 10 // longest response head taken

// httpSession plays HTTP-FLV or WebSocket-FLV, or publishes FLV by POST.
type httpSession struct {
	outbox
	to      target
	publish bool
	ev      events
	head    []byte // response head until it is complete
	got     bool   // the head has been read
	tags    tagReader
	body    func(b []byte) error // takes what follows the head
}

func newHTTPSession(to target, publish bool, ev events) *httpSession {
	s := &httpSession{to: to, publish: publish, ev: ev}
	s.tags.on = ev.media
	return s
}

// open sends the request. A POST is chunked and may go on at once: servers answer it at its end.
func (s *httpSession) open() {
	method, more := "GET", ""
	switch {
	case s.publish:
		method, more = "POST", "Content-Type: video/x-flv\r\nTransfer-Encoding: chunked\r\n"
	case s.to.websocket():
		var key [16]byte
		rand.Read(key[:])
		more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
			base64.StdEncoding.EncodeToString(key[:]) + "\r\n"
	}
	s.buf = fmt.Appendf(s.buf, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: srsbench\r\nAccept: */*\r\n%s\r\n",
		method, s.to.path, s.to.host, more)
	s.ev.requested()
	if s.publish {
		s.ev.ready()
	}
}

func (s *httpSession) feed(b []byte) error {
	if s.got {
		return s.body(b)
	}
	s.head = append(s.head, b...)
	end := bytes.Index(s.head, []byte("\r\n\r\n"))
	if end < 0 {
		if len(s.head) > maxHTTPHead {
			return fmt.Errorf("http: response head longer than %d bytes", maxHTTPHead)
		}
		return nil
	}
	rest := s.head[end+4:]
	if err := s.response(string(s.head[:end])); err != nil {
		return err
	}
	s.head = nil
	if !s.got { // 100 Continue
		return s.feed(rest)
	}
	return s.body(rest)
}

// response reads the status line and the fields that say how the body is framed.
func (s *httpSession) response(head string) error {
	lines := strings.Split(head, "\r\n")
	proto, status, _ := strings.Cut(lines[0], " ")
	if !strings.HasPrefix(proto, "HTTP/1.") {
		return fmt.Errorf("http: response begins with %.40q", lines[0])
	}
	code, _, _ := strings.Cut(status, " ")
	want := "200"
	if s.to.websocket() {
		want = "101"
	}
	if code == "100" {
		return nil
	}
	if code != want {
		return fmt.Errorf("http: server answered %.80q", status)
	}
	s.got, s.body = true, s.tags.feed
	if s.publish {
		s.body = func([]byte) error { return nil }
		return nil
	}
	if s.to.websocket() {
		ws := &frameReader{on: s.tags.feed, pong: s.pong}
		s.body = ws.feed
		return nil
	}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		if strings.EqualFold(name, "Transfer-Encoding") && strings.EqualFold(strings.TrimSpace(value), "chunked") {
			s.body = (&bodyReader{on: s.tags.feed}).feed
		}
	}
	return nil
}

func (s *httpSession) pong(payload []byte) {
	s.buf = append(s.buf, 0x8A, 0x80|byte(len(payload)), 0, 0, 0, 0) // masked with zeros
	s.buf = append(s.buf, payload...)
}

// bodyReader takes a chunked HTTP body in arbitrary pieces (RFC 9112 §7.1). Trailers end the body.
type bodyReader struct {
	on   func([]byte) error
	line []byte
	left int
	crlf bool // the line end after a chunk's data is due
}

var errBodyEnd = errors.New("http: the server ended the stream")

func (r *bodyReader) feed(b []byte) error {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(len(b), r.left)
			r.left -= n
			r.crlf = r.left == 0
			if err := r.on(b[:n]); err != nil {
				return err
			}
			b = b[n:]
			continue
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			i = len(b) - 1
		}
		r.line = append(r.line, b[:i+1]...)
		b = b[i+1:]
		if len(r.line) > 256 {
			return errors.New("http: chunk header longer than 256 bytes")
		}
		if r.line[len(r.line)-1] == '\n' {
			if err := r.size(); err != nil {
				return err
			}
		}
	}
	return nil
}

// size takes in a complete line: a chunk's size, or the empty line after its data.
func (r *bodyReader) size() error {
	line := strings.TrimSpace(string(r.line))
	r.line = r.line[:0]
	if r.crlf {
		if r.crlf = false; line != "" {
			return fmt.Errorf("http: %.20q after a chunk's data", line)
		}
		return nil
	}
	hex, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 31)
	if err != nil {
		return fmt.Errorf("http: chunk size %.20q: %w", line, err)
	}
	if n == 0 {
		return errBodyEnd
	}
	r.left = int(n)
	return nil
}

// frameReader takes a server's WebSocket frames in arbitrary pieces (RFC 6455 §5.2).
type frameReader struct {
	on   func([]byte) error
	pong func([]byte)
	hdr  []byte
	op   byte
	ctl  []byte // payload of a control frame
	left uint64
	in   bool
}

func (r *frameReader) feed(b []byte) error {
	for len(b) > 0 {
		if !r.in {
			n := min(len(b), r.need()-len(r.hdr))
			r.hdr = append(r.hdr, b[:n]...)
			b = b[n:]
			if len(r.hdr) < r.need() {
				continue
			}
			if err := r.begin(); err != nil {
				return err
			}
		}
		n := min(uint64(len(b)), r.left) // none for an empty frame, which ends at once
		if r.op >= 8 {
			r.ctl = append(r.ctl, b[:n]...)
		} else if err := r.on(b[:n]); err != nil {
			return err
		}
		r.left -= n
		b = b[n:]
		if r.left == 0 {
			r.in = false
			if r.op == 9 {
				r.pong(r.ctl)
			}
		}
	}
	return nil
}

func (r *frameReader) need() int {
	if len(r.hdr) < 2 {
		return 2
	}
	switch r.hdr[1] & 0x7F {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// begin takes in a complete frame header.
func (r *frameReader) begin() error {
	h := r.hdr
	r.hdr, r.ctl = r.hdr[:0], r.ctl[:0]
	r.op = h[0] & 15
	switch len(h) {
	case 2:
		r.left = uint64(h[1] & 0x7F)
	case 4:
		r.left = uint64(binary.BigEndian.Uint16(h[2:]))
	default:
		r.left = binary.BigEndian.Uint64(h[2:])
	}
	switch {
	case h[1]&0x80 != 0:
		return errors.New("websocket: the server masks its frames")
	case r.op >= 8 && r.left > 125:
		return fmt.Errorf("websocket: control frame of %d bytes", r.left)
	case r.op == 8:
		return errors.New("websocket: closed by the server")
	}
	r.in = true
	return nil
}
