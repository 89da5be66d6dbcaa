//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/rtmp"
	"github.com/stretchr/testify/require"
)

// successor waits until the pid file names another process than the one that was started, and gives
// that one.
func (s *server) successor() int {
	s.t.Helper()
	return s.successorOf(s.cmd.Process.Pid)
}

func (s *server) successorOf(old int) (pid int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		b, err := os.ReadFile(filepath.Join(s.dir, "srs.pid"))
		require.NoError(s.t, err, "the pid file is always there")
		pid, err = strconv.Atoi(string(b))
		return err == nil && pid != old
	}, patience, 5*time.Millisecond, "no new process has the pid file")
	s.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

// state gives a process's letter in /proc, 'X' for one that is not there.
func state(pid int) byte {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 'X'
	}
	text := string(b)
	return text[strings.LastIndexByte(text, ')')+2]
}

// awaitGone waits for the end of a process that is not this one's child.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { c := state(pid); return c == 'X' || c == 'Z' }, patience, 5*time.Millisecond)
}

// TestUpgrade follows one upgrade from both sides.
func TestUpgrade(t *testing.T) {
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	leave := s.publish("a")
	require.NoError(t, s.picture("a"))
	s.write(basic + "drain_timeout 60;\n" + playable) // what the file says then counts for the new one
	s.signal(syscall.SIGUSR2)
	next := s.successor()
	s.await("graceful quit waits for 1 connections since 1s")

	// The old one has its publisher still, and the name is free in the new one.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := rtmp.DialPublish(ctx, fmt.Sprintf("rtmp://127.0.0.1:%d/live/a", s.rtmp), nil)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	leave()
	require.Zero(t, s.exits())
	s.publish("b")
	require.NoError(t, s.picture("b"))

	// The pid file is the new one's.
	out, _, status := runSrsd(t, s.dir, nil, "-c", "srs.conf")
	require.Equal(t, 11, status)
	require.Contains(t, out, "code=1035(PidFileProcessExists)")
	require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
	awaitGone(t, next)
	_, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.rtmp))
	require.Error(t, err, "nobody has the socket any more")
}

// TestUpgradeOfDaemon: one in the background is replaced by one in the background.
func TestUpgradeOfDaemon(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t)}
	s.write(strings.Replace(basic, "daemon off", "daemon on; disable_daemon_for_docker off", 1) + playable)
	out, _, status := runSrsd(t, s.dir, nil, "-c", "srs.conf")
	require.Zero(t, status, out)
	old := s.successorOf(0)
	require.NoError(t, syscall.Kill(old, syscall.SIGUSR2))
	next := s.successorOf(old)
	awaitGone(t, old)
	s.publish("a")
	require.NoError(t, s.picture("a"))
	require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
	awaitGone(t, next)
}

// TestUpgradeFails holds that the old process goes on when the new one does not come up, and says why.
func TestUpgradeFails(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t), ended: make(chan struct{})}
	s.write(basic + playable)
	cmd := program(s.dir, nil, "-c", "srs.conf")
	file := filepath.Join(t.TempDir(), "srsd")
	copyFile(t, cmd.Path, file)
	cmd.Path, cmd.Args[0] = file, file
	s.run(cmd)
	pid := s.cmd.Process.Pid
	s.publish("a")
	before := files(t, pid)
	fails := func(n int, want string) {
		t.Helper()
		s.signal(syscall.SIGUSR2)
		require.Eventually(t, func() bool {
			return strings.Count(s.output(), "upgrade failed, this process goes on") == n
		}, patience, 10*time.Millisecond)
		require.Contains(t, s.output(), want)
		require.NoError(t, s.picture("a"))
		b, err := os.ReadFile(filepath.Join(s.dir, "srs.pid"))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(pid), string(b))
	}
	s.write(basic + "nothing on;\n" + playable)
	fails(1, `the new process says: srs.conf:4: unknown directive "nothing"`)
	s.write(strings.Replace(basic, "127.0.0.1:RTMP", "192.0.2.1:1", 1) + playable)
	fails(2, "the new process says: code=1002(SocketBind)")
	s.write(basic + playable)

	replace := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o755))
		require.NoError(t, os.Rename(file+".new", file))
	}
	replace("#!/bin/sh\necho broken\nexit 7\n")
	fails(3, "the new process ended without a word (exit status 7)")
	replace("\x7fELF")
	fails(4, "exec format error")
	require.NoError(t, os.Remove(file))
	fails(5, "no such file or directory")
	require.LessOrEqual(t, files(t, pid), before+1, "files are left open") // a viewer may be on its way out

	// A program that works is taken, whatever came before.
	copyFile(t, os.Args[0], file)
	s.signal(syscall.SIGUSR2)
	next := s.successor()
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.Zero(t, s.exits())
	require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
	awaitGone(t, next)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

// TestUpgradeOften holds that upgrade after upgrade leaves nothing behind.
func TestUpgradeOften(t *testing.T) {
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	pid, first := s.cmd.Process.Pid, 0
	for i := range 20 {
		require.NoError(t, syscall.Kill(pid, syscall.SIGUSR2))
		next := s.successorOf(pid)
		if i == 0 {
			require.Zero(t, s.exits())
			first = settledFiles(t, next)
		} else {
			awaitGone(t, pid)
		}
		pid = next
	}
	require.Equal(t, first, settledFiles(t, pid), "descriptors")
	s.publish("a")
	require.NoError(t, s.picture("a"))
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	awaitGone(t, pid)
}

// settledFiles counts a process's descriptors once it has none for a start any more.
func settledFiles(t *testing.T, pid int) (n int) {
	t.Helper()
	same := 0
	require.Eventually(t, func() bool {
		was := n
		if n = files(t, pid); n == was {
			same++
		} else {
			same = 0
		}
		return same > 20
	}, patience, 5*time.Millisecond)
	return n
}

// TestDemoIsNotUpgraded, nor is what follows its parent.
func TestDemoIsNotUpgraded(t *testing.T) {
	s := launch(t, "", []string{"SRS_LISTEN=RTMP", "SRS_HTTP_SERVER_LISTEN=HTTP"}, "-demo")
	s.signal(syscall.SIGUSR2)
	s.await("no upgrade: the demo is not replaced")
	require.NoError(t, s.picture("livestream"))
	s.signal(syscall.SIGINT)
	require.Zero(t, s.exits())

	s = launch(t, "asprocess on;\n"+basic+playable, nil, "-c", "srs.conf")
	s.signal(syscall.SIGUSR2)
	s.await("no upgrade: with asprocess")
	s.signal(syscall.SIGINT)
	require.Zero(t, s.exits())
}

// TestDrainTimeout holds that a drain ends, and that those who are still there are told.
func TestDrainTimeout(t *testing.T) {
	s := launch(t, "drain_timeout 1;\n"+basic+playable, nil, "-c", "srs.conf")
	s.publish("a")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := rtmp.DialPlay(ctx, fmt.Sprintf("rtmp://127.0.0.1:%d/live/a", s.rtmp), nil)
	require.NoError(t, err)
	defer c.Close()
	s.signal(syscall.SIGQUIT)
	for err == nil {
		_, err = c.ReadPacket()
	}
	require.ErrorIs(t, err, io.EOF, "an end, and no failure")
	s.await("the wait is over, those that are left are ended")
	require.Zero(t, s.exits())
}
