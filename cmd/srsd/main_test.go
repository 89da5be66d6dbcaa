package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asProgram makes the test's binary be srsd: it is then what `go build` would make, race detector
// and all, and finds itself when it goes to the background.
const asProgram = "BE_SRSD"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program gives srsd with arguments, ready to be run in a directory. It sees none of SRS's variables
// but those in env.
func program(dir string, env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SRS") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	// The race detector would have each run sleep for 1 s at its end.
	cmd.Env = append(append(cmd.Env, asProgram+"=1", "GORACE=atexit_sleep_ms=0"), env...)
	return cmd
}

// runSrsd runs srsd to its end.
func runSrsd(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := program(dir, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// configs are the files of the command line's cases.
var configs = map[string]string{
	"ok":        "listen 1935;\nmax_connections 100;\nvhost __defaultVhost__ { http_remux { enabled on; } }\n",
	"unknown":   "listen 1935;\nnothing on;\nvhost __defaultVhost__ { hls { hls_fragmnt 3; } }\n",
	"unclosed":  "listen 1935;\nvhost __defaultVhost__ {\n",
	"empty":     "",
	"nolisten":  "max_connections 100;\nvhost __defaultVhost__ { }\n",
	"badcaster": "listen 1935;\nmax_connections 100;\nstream_caster { enabled on; caster nothing; listen 8936; }\n",
	"newline":   "listen 1935;\nvhost __defaultVhost__\n{\n}\n",
	"full":      "is_full on;\nlisten 1935;\nmax_connections 100;\nvhost __defaultVhost__ { }\n",
	"include":   "include conf/part.conf;\nvhost __defaultVhost__ { }\n",
	"part":      "listen 1935;\nmax_connections 100;\n",
	"maxconn":   "listen 1935;\nmax_connections 2000000000;\nvhost __defaultVhost__ { }\n",
	"hls":       "listen 1935;\nmax_connections 100;\nvhost a {\n  exec {\n    enabled on;\n  }\n}\n",
}

func configDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "conf"), 0o755))
	for name, text := range configs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "conf", name+".conf"), []byte(text), 0o644))
	}
	return dir
}

// TestCommandLine has every case that was seen of SRS 6.0.157: what is printed, where, and the exit status.
func TestCommandLine(t *testing.T) {
	dir := configDir(t)
	const ok, failed = " test is successful\n", " test is failed\n"
	const invalid = "code=1023(ConfigInvalid)"
	for _, c := range []struct {
		line   string
		status int
		ends   string // of the output
		has    string
		env    string
	}{
		{line: "-v", ends: "0.1.0\n"}, {line: "-V", ends: "0.1.0\n"}, {line: "--version", ends: "0.1.0\n"},
		{line: "-g", ends: "srsd/0.1.0(Go)\n"}, {line: "-G", ends: "srsd/0.1.0(Go)\n"},
		{line: "-h", has: "Usage: srsd"}, {line: "--help", has: "Usage: srsd"}, {line: "-?", has: "Usage: srsd"},
		{line: "", has: "Usage: srsd"}, {line: "foo", has: "Usage: srsd"},
		{line: "", has: "Usage: srsd", env: "SRS_ENV_ONLY=on"},
		{line: "-x", status: 255, has: invalid}, {line: "-c", status: 255, has: invalid},
		{line: "-t -c conf/ok.conf", ends: "] config file conf/ok.conf" + ok, has: "3 directives applied, 0 only known"},
		{line: "-t -cconf/ok.conf", status: 255, has: invalid},
		{line: "-tc conf/ok.conf", ends: "config file conf/ok.conf" + ok},
		{line: "-t -c conf/none.conf", status: 255, has: invalid, ends: "config file conf/none.conf" + failed},
		{line: "-t", status: 255, has: invalid, ends: "config file conf/srs.conf" + failed},
		{line: "-t -c conf/unknown.conf", status: 255, has: "conf/unknown.conf:2: ", ends: "config file conf/unknown.conf" + failed},
		{line: "-t -c conf/unknown.conf", status: 255, has: `conf/unknown.conf:3: unknown directive "hls_fragmnt"`},
		{line: "-t -c conf/unclosed.conf", status: 255, has: invalid, ends: "config file conf/unclosed.conf" + failed},
		{line: "-t -c conf/empty.conf", status: 255, has: invalid, ends: "config file conf/empty.conf" + failed},
		{line: "-t -c conf/nolisten.conf", status: 255, has: invalid, ends: "config file conf/nolisten.conf" + failed},
		{line: "-t -c conf/badcaster.conf", has: "[WARN]", ends: "config file conf/badcaster.conf" + ok},
		{line: "-t -c conf/newline.conf", status: 255, has: invalid, ends: "config file conf/newline.conf" + failed},
		{line: "-t -c conf/full.conf", status: 255, has: invalid, ends: "config file conf/full.conf" + failed},
		{line: "-t -c conf/include.conf", ends: "config file conf/include.conf" + ok},
		{line: "-t -c conf/maxconn.conf", status: 255, has: invalid, ends: "config file conf/maxconn.conf" + failed},
		{line: "-c conf/none.conf", status: 255, has: invalid},
		{line: "-c conf/unknown.conf", status: 255, has: invalid},
		{line: "-c conf/badcaster.conf", status: 170, has: "code=4010(CasterEngine)"},
		{line: "-t -c conf/ok.conf", status: 255, env: "SRS_CONFIG_FILE=conf/unknown.conf", ends: "config file conf/unknown.conf" + failed},
		{line: "-te", env: "SRS_LISTEN=1935", ends: ok},
		{line: "-t -c conf/hls.conf", has: "only known: conf/hls.conf:5: vhost.exec.enabled", ends: ok},
		{line: "-t -c conf/hls.conf", has: "2 directives applied, 1 only known"},
	} {
		out, errs, status := runSrsd(t, dir, []string{c.env}, strings.Fields(c.line)...)
		require.Equal(t, c.status, status, "%q: %s", c.line, out)
		require.Empty(t, errs, c.line)
		require.Contains(t, out, c.has, c.line)
		require.True(t, strings.HasSuffix(out, c.ends), "%q: %s", c.line, out)
		if c.status != 0 {
			require.Contains(t, out, "[ERROR]", c.line)
		}
		require.NotContains(t, out, "\x1b", c.line)
	}
}

func TestSampleConfig(t *testing.T) {
	out, _, status := runSrsd(t, ".", nil, "-t", "-c", "srs.conf")
	require.Zero(t, status, out)
	require.Contains(t, out, ", 0 only known\n")
	require.NotContains(t, out, "[WARN]")
}

// TestDoctor runs -doctor where all is well and where a port is taken.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conf := fmt.Sprintf("listen %s;\nmax_connections 10;\ndaemon off;\npid ./srs.pid;\nsrs_log_tank console;\nvhost __defaultVhost__ { }\n", l.Addr())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "srs.conf"), []byte(conf), 0o644))
	out, errs, status := runSrsd(t, dir, nil, "-doctor", "-c", "srs.conf")
	require.Equal(t, 1, status, out)
	require.Empty(t, errs)
	require.Contains(t, out, "fail  ports: tcp "+l.Addr().String()+" (listen) is held by ")
	require.Contains(t, out, " -> end that process or take another port\n")
	require.NoError(t, l.Close())
	out, _, status = runSrsd(t, dir, nil, "-doctor", "-c", "srs.conf")
	require.Zero(t, status, out)
	require.Contains(t, out, "ok    ports: tcp "+l.Addr().String()+" (listen) is free")
	require.Regexp(t, `\d+ ok, \d+ warnings, 0 failures\n$`, out)
	out, _, status = runSrsd(t, dir, nil, "-doctor", "-c", "none.conf")
	require.Equal(t, 1, status)
	require.Contains(t, out, "fail  configuration: none.conf")
}
