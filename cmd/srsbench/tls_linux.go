package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// dialTLS gives the engine a socket that speaks plain text while two goroutines carry it over TLS: one
// end of a socket pair. It costs goroutines and copies that plain connections do without, so a
// run with TLS holds fewer connections; watch the tool's own CPU. What went wrong is left in why
// before the socket pair is closed.
func dialTLS(to target, addr netip.AddrPort, from netip.Addr, insecure bool) (int, *atomic.Pointer[error], error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("socketpair: %w", err)
	}
	f := os.NewFile(uintptr(fds[1]), "bridge")
	why := new(atomic.Pointer[error])
	d := &net.Dialer{Timeout: 10 * time.Second}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	host, _, _ := net.SplitHostPort(to.addr)
	conf := &tls.Config{ServerName: host, InsecureSkipVerify: insecure || addr.Addr().IsLoopback()}
	go func() {
		defer f.Close()
		c, err := tls.DialWithDialer(d, "tcp", addr.String(), conf)
		if err != nil {
			err = fmt.Errorf("tls: %w", err)
			why.Store(&err)
			return
		}
		defer c.Close()
		go func() {
			io.Copy(c, f) // its error shows at the reading side too
			c.Close()
		}()
		if _, err := io.Copy(f, c); err != nil {
			err = fmt.Errorf("tls: %w", err)
			why.Store(&err)
		}
	}()
	return fds[0], why, nil
}
