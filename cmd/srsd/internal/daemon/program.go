package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Program is this program as it was started, so that it can be started again.
type Program struct {
	path string // as it was called: what is there now, or where a link leads now
	args []string
	dir  string
}

// ThisProgram finds the program's file. It is called early: the working directory may change later.
func ThisProgram() (*Program, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("daemon: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("daemon: %w", err)
	}
	// Of a link, the system tells where it leads, and not the link that an upgrade changes.
	if called, err := exec.LookPath(os.Args[0]); err == nil && sameFile(called, path) {
		if called, err = filepath.Abs(called); err == nil {
			path = called
		}
	}
	return &Program{path: path, args: slices.Clone(os.Args), dir: dir}, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// Path is the program's file.
func (p *Program) Path() string { return p.path }

// Command gives what starts the program anew: from its file as it is now, with the arguments,
// directory and environment of this process.
func (p *Program) Command() *exec.Cmd {
	return &exec.Cmd{
		Path: p.path, Args: slices.Clone(p.args), Dir: p.dir,
		// Which process the watchdog watches is the other one's own affair.
		Env: slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, envWatchdogPID+"=") }),
	}
}
