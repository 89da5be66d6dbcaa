//go:build !linux

package protocol

import (
	"errors"
	"net"
	"syscall"
	"time"
)

func setReusePort(syscall.RawConn) error { return errors.ErrUnsupported }

func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }

func unsentBytes(*net.TCPConn) (int, error) { return 0, errors.ErrUnsupported }
