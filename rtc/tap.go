package rtc

import (
	"bytes"
	"context"
	"fmt"
	"net"
)

// tapQueue is how many packets wait for Config.Tap at most.
const tapQueue = 1024

// tap copies what clients send to a UDP address. nil does nothing.
type tap struct {
	conn  net.Conn
	queue chan []byte
}

// openTap gives nil for no address.
func openTap(ctx context.Context, addr string) (*tap, error) {
	if addr == "" {
		return nil, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("rtc: tap: %w", err)
	}
	return &tap{conn: conn, queue: make(chan []byte, tapQueue)}, nil
}

// packet copies one, unless too many wait. It does not keep b.
func (t *tap) packet(b []byte) {
	if t == nil || len(t.queue) == cap(t.queue) {
		return
	}
	select {
	case t.queue <- bytes.Clone(b):
	default:
	}
}

// run sends, until ctx ends.
func (t *tap) run(ctx context.Context) error {
	defer t.conn.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-t.queue:
			_, _ = t.conn.Write(b) // whoever listens may come later
		}
	}
}
