package protocol

import (
	"slices"
	"strings"
	"testing"
)

// inheritCases are environments of process 7, a child of process 5.
var inheritCases = []struct {
	env   string // KEY=value, separated by blanks
	names []string
	ready int
	bad   bool
}{
	{env: ""},
	{env: "LISTEN_PID=7 LISTEN_FDS=2 LISTEN_FDNAMES=rtmp:http", names: []string{"rtmp", "http"}},
	{env: "LISTEN_PID=7 LISTEN_FDS=2", names: []string{"unknown", "unknown"}},
	{env: "LISTEN_PID=7 LISTEN_FDS=2 LISTEN_FDNAMES=:", names: []string{"", ""}},
	{env: "LISTEN_PID=7 LISTEN_FDS=0", names: []string{}},
	{env: "LISTEN_PID=8 LISTEN_FDS=2"},
	{env: "LISTEN_PID=5 LISTEN_FDS=2"},
	{env: "LISTEN_PID=8 LISTEN_FDS=x"},
	{env: "LISTEN_PPID=7 LISTEN_FDS=1 LISTEN_READY_FD=4"},
	{env: "LISTEN_PPID=5 LISTEN_FDS=1 LISTEN_FDNAMES= LISTEN_READY_FD=4", names: []string{""}, ready: 4},
	{env: "LISTEN_PPID=5 LISTEN_FDS=0 LISTEN_FDNAMES= LISTEN_READY_FD=3", names: []string{}, ready: 3},
	{env: "LISTEN_PPID=5 LISTEN_FDS=2 LISTEN_READY_FD=5", bad: true},
	{env: "LISTEN_PPID=5 LISTEN_FDS=1 LISTEN_READY_FD=3", bad: true},
	{env: "LISTEN_PPID=5 LISTEN_FDS=1 LISTEN_READY_FD=-1", bad: true},
	{env: "LISTEN_PPID=5 LISTEN_FDS=1", bad: true},
	{env: "LISTEN_PID=7", bad: true},
	{env: "LISTEN_PID=7 LISTEN_FDS=-1", bad: true},
	{env: "LISTEN_PID=7 LISTEN_FDS=1025", bad: true},
	{env: "LISTEN_PID=7 LISTEN_FDS=99999999999999999999", bad: true},
	{env: "LISTEN_PID=7 LISTEN_FDS=2 LISTEN_FDNAMES=a", bad: true},
	{env: "LISTEN_PID=7 LISTEN_FDS=1 LISTEN_FDNAMES=a:b", bad: true},
}

// environ gives a getenv for an environment in one text.
func environ(env string) func(string) string {
	return func(key string) string {
		for kv := range strings.FieldsSeq(env) {
			if v, ok := strings.CutPrefix(kv, key+"="); ok {
				return v
			}
		}
		return ""
	}
}

func TestParseInheritance(t *testing.T) {
	for _, c := range inheritCases {
		in, err := parseInheritance(environ(c.env), 7, 5)
		if (err != nil) != c.bad || in.ready != c.ready || !slices.Equal(in.names, c.names) {
			t.Errorf("%q: %+v, %v", c.env, in, err)
		}
	}
}

func FuzzParseInheritance(f *testing.F) {
	for _, c := range inheritCases {
		f.Add(c.env)
	}
	f.Fuzz(func(t *testing.T, env string) {
		in, err := parseInheritance(environ(env), 7, 5)
		if err != nil && (in.ready != 0 || in.names != nil) {
			t.Errorf("an error and %+v", in)
		}
		if len(in.names) > maxInherited {
			t.Errorf("%d sockets", len(in.names))
		}
		if err != nil || in.ready == 0 {
			return
		}
		// What is passed on comes back.
		again, err := parseInheritance(environ(strings.Join(in.environment([]string{"LISTEN_PID=7", "X=1"}, 5), " ")), 7, 5)
		if err != nil || again.ready != in.ready || !slices.Equal(again.names, in.names) {
			t.Errorf("%+v became %+v, %v", in, again, err)
		}
	})
}
