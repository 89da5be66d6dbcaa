package protocol

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// removeStale removes the socket file that a server which was killed left behind. What
// is not a socket, or has somebody listening, stays, and listening fails.
func removeStale(network, path string) error {
	if strings.HasPrefix(path, "@") {
		return nil // Linux's abstract namespace has no files
	}
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	c, err := net.DialTimeout(network, path, time.Second)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("%s: %w", path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s: is somebody listening? %w", path, err)
	}
	return os.Remove(path)
}
