package protocol

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// TCP finds the TCP connection below TLS and other wrappers, those that have a method
// NetConn. It gives nil where there is none. Options may be set on it; it must not be
// read, written or closed behind the back of what wraps it.
func TCP(c net.Conn) *net.TCPConn {
	for range maxWrappers {
		switch v := c.(type) {
		case *net.TCPConn:
			return v
		case interface{ NetConn() net.Conn }:
			c = v.NetConn()
		default:
			return nil
		}
	}
	return nil
}

// SetSendBuffer bounds what the kernel holds for a peer that reads slowly, in bytes
// (SO_SNDBUF; Linux accounts twice that). It does nothing where c is not TCP.
func SetSendBuffer(c net.Conn, bytes int) error {
	return onTCP(c, "send buffer", func(t *net.TCPConn) error { return t.SetWriteBuffer(bytes) })
}

// SetNoDelay sends small segments at once (true, which is how connections begin) or
// lets the kernel gather them. It does nothing where c is not TCP.
func SetNoDelay(c net.Conn, on bool) error {
	return onTCP(c, "TCP_NODELAY", func(t *net.TCPConn) error { return t.SetNoDelay(on) })
}

// SetUserTimeout ends the connection once sent data stays unacknowledged for d (RFC
// 5482; Linux alone). It does nothing where c is not TCP.
func SetUserTimeout(c net.Conn, d time.Duration) error {
	return onTCP(c, "TCP_USER_TIMEOUT", func(t *net.TCPConn) error { return setUserTimeout(t, d) })
}

// DropUnsent has Close reset the connection and free at once what the kernel holds for
// the peer. That of one that reads nothing would else stay in the host's memory for as
// long as the peer answers the kernel's probes. It does nothing where c is not TCP.
func DropUnsent(c net.Conn) error {
	return onTCP(c, "linger", func(t *net.TCPConn) error { return t.SetLinger(0) })
}

// UnsentBytes gives how many bytes the kernel holds that the peer has not acknowledged.
// The error wraps errors.ErrUnsupported where that is not known: not TCP, or not Linux.
func UnsentBytes(c net.Conn) (int, error) {
	t := TCP(c)
	if t == nil {
		return 0, fmt.Errorf("protocol: unsent bytes: %w", errors.ErrUnsupported)
	}
	n, err := unsentBytes(t)
	if err != nil {
		return 0, fmt.Errorf("protocol: unsent bytes: %w", err)
	}
	return n, nil
}

func onTCP(c net.Conn, what string, set func(*net.TCPConn) error) error {
	t := TCP(c)
	if t == nil {
		return nil
	}
	if err := set(t); err != nil {
		return fmt.Errorf("protocol: setting %s: %w", what, err)
	}
	return nil
}
