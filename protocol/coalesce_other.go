//go:build !linux

package protocol

import "time"

// windowRead is empty where sockets have no low-water mark that wakes a poller.
type windowRead struct{}

func (c *CoalescingConn) initWindow() {}

func (c *CoalescingConn) setWindow(int, time.Duration) error { return nil }
