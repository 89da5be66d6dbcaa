package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a server process that srsbench started and ends.
type child struct {
	cmd  *exec.Cmd
	name string
	log  string // file of its output; "" if it is read by start's caller
	done chan error
}

// start runs a server on one core (below 0: any). The affinity is set before the program begins, so that
// one which sizes itself by its cores sees a single one. Should srsbench die, the kernel ends the child.
// Its standard output comes back if logFile is "".
func start(cpu int, logFile string, args ...string) (*child, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	c := &child{name: filepath.Base(args[0]), log: logFile, done: make(chan error, 1)}
	c.cmd = exec.Command(self, append([]string{"pin-exec", strconv.Itoa(cpu)}, args...)...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var out io.Reader
	if logFile == "" {
		c.cmd.Stderr = os.Stderr
		out, err = c.cmd.StdoutPipe()
	} else {
		var f *os.File
		if f, err = os.Create(logFile); err == nil {
			defer f.Close()
			c.cmd.Stdout, c.cmd.Stderr = f, f
		}
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	go func() { c.done <- c.cmd.Wait() }()
	return c, out, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the server and its children: politely, then not.
func (c *child) stop() {
	pids := tree(c.pid(), nil)
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-c.done:
	case <-time.After(3 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
	for _, pid := range pids[1:] { // workers whose master did not end them: still of the child's group
		if pgid, err := unix.Getpgid(pid); err == nil && pgid == c.pid() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// await waits until the server accepts connections at an address.
func (c *child) await(addr string) error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-c.done:
			c.done <- err
			return fmt.Errorf("%s ended at once (%v): %s", c.name, err, c.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen at %s: %s", c.name, addr, c.tail())
}

// tail gives the end of the server's output, which usually says what it minded.
func (c *child) tail() string {
	b, _ := os.ReadFile(c.log)
	return string(b[max(0, len(b)-500):])
}

// pinExec binds itself to a core and becomes the program in args.
func pinExec(args []string) error {
	if len(args) < 2 {
		return errors.New("pin-exec CPU PROGRAM …")
	}
	cpu, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("pin-exec: %w", err)
	}
	if err := pinSelf(cpu); err != nil {
		return err
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, args[1:], os.Environ()))
}

// readLine reads what a child says first.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	return line[:len(line)-1], nil
}
