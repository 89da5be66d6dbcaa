package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrRunning: another process has the lock of the pid file.
var ErrRunning = errors.New("another process has it locked")

// PIDFile is a file with the process's pid that no other process can have at the time.
type PIDFile struct{ f *os.File }

// LockPID writes the pid into a file, which is made if need be, and keeps it locked until Close or
// the end of the process. The error wraps ErrRunning where another process has it.
//
// The file stays when the process ends: its lock is what tells, not that it is there.
func LockPID(path string) (*PIDFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("daemon: pid file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("daemon: pid file: %w", err)
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("daemon: pid file %s: %w", path, err)
	}
	_ = f.Truncate(0)
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("daemon: pid file: %w", err)
	}
	return &PIDFile{f}, nil
}

// Close gives the lock up.
func (p *PIDFile) Close() error { return p.f.Close() }

// ServerID gives the id under which the server is known for good: the configured one, else the one in
// the file beside the pid file, which is made with a new id if it is not there.
func ServerID(configured, pidFile string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	path := strings.TrimSuffix(pidFile, ".pid") + ".id"
	if b, err := os.ReadFile(path); err == nil {
		if id := strings.TrimSpace(string(b)); id != "" && len(id) < 100 {
			return id, nil
		}
	}
	id := NewServerID()
	if err := os.WriteFile(path, []byte(id), 0o644); err != nil {
		return id, fmt.Errorf("daemon: the server's id will be another one after a restart: %w", err)
	}
	return id, nil
}

// NewServerID makes an id of SRS's form.
func NewServerID() string { return "vid-" + strings.ToLower(rand.Text()[:7]) }
