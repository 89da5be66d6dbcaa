//go:build unix

package daemon

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSupervisor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer c.Close()
	t.Setenv(envNotify, path)
	t.Setenv(envWatchdog, "20000")
	s, err := OpenSupervisor()
	require.NoError(t, err)
	require.Equal(t, 20*time.Millisecond, s.watchdog)
	told := func() string {
		b := make([]byte, 4096)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
	require.NoError(t, s.Tell(IsReady, Status("a\nREADY=0"), MainPID(7)))
	require.Equal(t, "READY=1\nSTATUS=a READY=0\nMAINPID=7", told())
	require.NoError(t, s.Tell(Reloading()))
	require.True(t, strings.HasPrefix(told(), "RELOADING=1"))

	asked := make(chan struct{}, 100)
	stop := s.Watch(func() { asked <- struct{}{} })
	for range 3 {
		require.Equal(t, isAlive, told())
		<-asked
	}
	stop()
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.NoError(t, s.Tell(IsReady), "it is another process's affair now")
}

func TestNoSupervisor(t *testing.T) {
	t.Setenv(envNotify, "")
	s, err := OpenSupervisor()
	require.NoError(t, err)
	require.NoError(t, s.Tell(IsReady))
	s.Watch(func() { t.Error("watched") })()
	require.NoError(t, s.Close())
	for _, name := range []string{"vsock:2:1", "relative", "/none/there"} {
		t.Setenv(envNotify, name)
		_, err = OpenSupervisor()
		require.ErrorContains(t, err, "NOTIFY_SOCKET", name)
	}
}

func TestWatchdogTime(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"3000000", "", 3 * time.Second}, {"3000000", "7", 3 * time.Second}, {"3000000", "8", 0},
		{"x", "7", 0}, {"0", "7", 0}, {"-5", "7", 0}, {"999", "7", 0}, {"9223372036854775807", "7", 0}, {"99999999999999999999", "7", 0},
	} {
		env := map[string]string{envWatchdog: c.usec, envWatchdogPID: c.pid}
		require.Equal(t, c.want, watchdogTime(func(k string) string { return env[k] }, 7), c)
	}
}

// TestThisProgram: a program that is called by a link is started anew by that link, since an upgrade
// changes where it leads.
func TestThisProgram(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(exe, link))
	called := os.Args[0]
	defer func() { os.Args[0] = called }()
	t.Setenv(envWatchdogPID, "1")
	for arg, want := range map[string]string{link: link, "nothing-of-this-name": exe, "/bin/sh": exe} {
		os.Args[0] = arg
		p, err := ThisProgram()
		require.NoError(t, err)
		require.Equal(t, want, p.Path(), arg)
		cmd := p.Command()
		require.Equal(t, os.Args, cmd.Args)
		require.NotContains(t, cmd.Env, envWatchdogPID+"=1")
	}
}
