//go:build !linux

package protocol

import "time"

// windowRead is empty where sockets have no low-water mark that wakes a poller.
type windowRead struct{}

func (c *CoalescingConn) initWindow() {}

// Read reads as net.Conn does.
func (c *CoalescingConn) Read(b []byte) (int, error) { return c.plainRead(b) }

func (c *CoalescingConn) setWindow(int, time.Duration) error { return nil }
