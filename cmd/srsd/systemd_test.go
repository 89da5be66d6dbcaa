//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// runSupervised runs srsd as systemd does: with sockets from descriptor 3 on, whose names are given,
// and a socket for notifications. The sockets are then srsd's alone.
func (s *server) runSupervised(notify, names string, sockets ...net.Listener) {
	t := s.t
	t.Helper()
	cmd := program(s.dir, []string{"NOTIFY_SOCKET=" + notify, "WATCHDOG_USEC=200000",
		fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=" + names}, "-c", "srs.conf")
	for _, l := range sockets {
		f, err := l.(*net.TCPListener).File()
		require.NoError(t, err)
		require.NoError(t, l.Close())
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	// The pid is known to the process alone.
	cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	cmd.Path = sh
	s.run(cmd)
}

// told gives what a service says of itself.
func told(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, err := c.Read(b)
	require.NoError(t, err)
	return string(b[:n])
}

// toldOf waits for a message that matches.
func toldOf(t *testing.T, c *net.UnixConn, expr string) []string {
	t.Helper()
	re := regexp.MustCompile(expr)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if m := re.FindStringSubmatch(told(t, c)); m != nil {
			return m
		}
	}
	t.Fatal("nothing said of " + expr)
	return nil
}

func TestSystemd(t *testing.T) {
	for _, abstract := range []bool{false, true} {
		t.Run(fmt.Sprint("abstract=", abstract), func(t *testing.T) {
			s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), ended: make(chan struct{})}
			name := filepath.Join(s.dir, "notify")
			if abstract {
				name = fmt.Sprintf("@srsd-test-%d", os.Getpid())
			}
			manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
			require.NoError(t, err)
			defer manager.Close()
			byAddr, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.rtmp))
			require.NoError(t, err)
			byName, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			unasked, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s.http = byName.Addr().(*net.TCPAddr).Port
			// The address in the file is another one than that of the socket with the name.
			s.write(strings.NewReplacer("daemon off", "daemon on", "127.0.0.1:HTTP", "127.0.0.1:1").Replace(basic) + playable)
			s.runSupervised(name, "srsd.socket:http:left.socket", byAddr, byName, unasked)

			toldOf(t, manager, `^READY=1\nSTATUS=serving$`)
			toldOf(t, manager, `^WATCHDOG=1$`)
			stop := s.publish("a")
			require.NoError(t, s.picture("a"))
			s.await(fmt.Sprintf("inherited socket closed: nothing listens there, socket=tcp %s (left.socket)", unasked.Addr()))
			_, err = net.Dial("tcp", unasked.Addr().String())
			require.Error(t, err)

			s.signal(syscall.SIGHUP)
			at := toldOf(t, manager, `^RELOADING=1\nMONOTONIC_USEC=(\d+)$`)
			require.Greater(t, len(at[1]), 5)
			toldOf(t, manager, `^READY=1`)

			s.signal(syscall.SIGUSR2)
			pid := toldOf(t, manager, `^MAINPID=(\d+)\nSTATUS=serving$`)[1]
			require.NotEqual(t, fmt.Sprint(s.cmd.Process.Pid), pid)
			toldOf(t, manager, `^READY=1\nSTATUS=serving$`) // by the new one itself
			toldOf(t, manager, `^WATCHDOG=1$`)
			stop()
			require.Zero(t, s.exits())

			next := s.successor()
			require.Equal(t, fmt.Sprint(next), pid)
			s.publish("a")
			require.NoError(t, s.picture("a"), "the socket that has a name went on")
			require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
			toldOf(t, manager, `^STOPPING=1$`)
			awaitGone(t, next)
		})
	}
}

// TestSystemdService is a service without sockets: its process stays the one that was started.
func TestSystemdService(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t), ended: make(chan struct{})}
	s.write(strings.Replace(basic, "daemon off", "daemon on; disable_daemon_for_docker off", 1) + playable)
	name := filepath.Join(s.dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	s.run(program(s.dir, []string{"NOTIFY_SOCKET=" + name}, "-c", "srs.conf"))
	toldOf(t, manager, `^READY=1\nSTATUS=serving$`)
	s.signal(syscall.SIGQUIT)
	toldOf(t, manager, `^STOPPING=1$`)
	require.Zero(t, s.exits())
}

// TestSystemdRestart holds that connections which come while srsd is not there wait for it.
func TestSystemdRestart(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t), ended: make(chan struct{})}
	s.write(basic + playable)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.rtmp))
	require.NoError(t, err)
	early := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err = c.Write(append([]byte{3}, make([]byte, 1536)...)); err == nil {
				_, err = c.Read(make([]byte, 1))
			}
		}
		early <- err
	}()
	time.Sleep(20 * time.Millisecond) // the connection is there first, most often
	s.runSupervised("", "rtmp", l)
	select {
	case err := <-early:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.exits())
}
