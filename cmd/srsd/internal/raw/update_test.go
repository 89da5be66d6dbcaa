package raw

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/stretchr/testify/require"
)

// Every scope, with the bounds of its values: what the file then says in place of "# here".
func TestUpdate(t *testing.T) {
	const dvr = "vhost v { dvr { enabled on; dvr_apply live/a; } }"
	for _, c := range []struct {
		text, query string
		code        int
		want        string // "" for no change
	}{
		{"", "scope=listen&value=1936,1937", 0, "listen 1936 1937;"},
		{"", "scope=listen&value=65534,3", 0, "listen 65534 3;"},
		{"", "scope=listen&value=65535", CodeParams, ""},
		{"", "scope=listen&value=2", CodeParams, ""},
		{"", "scope=listen&value=1936,", CodeParams, ""},
		{"", "scope=listen&value=%2B1936", CodeParams, ""},
		{"", "scope=listen&value=", CodeParams, ""},
		{"", "scope=pid&value=./objs/a.pid", 0, "pid ./objs/a.pid;"},
		{"", "scope=pid&value=/tmp/a.pid", 0, "pid /tmp/a.pid;"},
		{"", "scope=pid&value=/var/run/a.pid", 0, "pid /var/run/a.pid;"},
		{"", "scope=pid&value=/etc/a.pid", CodeParams, ""},
		{"", "scope=pid&value=./a.txt", CodeParams, ""},
		{"", "scope=pid&value=./../../etc/a.pid", CodeParams, ""},
		{"", "scope=pid&value=./a%0a.pid", CodeParams, ""},
		{"", "scope=pid&value=./a%3bdaemon%20off%3b.pid", CodeParams, ""},
		{"", "scope=pid&value=./******.pid", 0, "pid ./******.pid;"},
		{"", "scope=chunk_size&value=128", 0, "chunk_size 128;"},
		{"", "scope=chunk_size&value=65535", 0, "chunk_size 65535;"},
		{"", "scope=chunk_size&value=127", CodeParams, ""},
		{"", "scope=chunk_size&value=65536", CodeParams, ""},
		{"", "scope=ff_log_dir&value=/dev/null", 0, "ff_log_dir /dev/null;"},
		{"", "scope=ff_log_dir&value=./logs", 0, "ff_log_dir ./logs;"},
		{"", "scope=ff_log_dir&value=/dev/zero", CodeParams, ""},
		{"", "scope=srs_log_tank&value=console", 0, "srs_log_tank console;"},
		{"", "scope=srs_log_tank&value=disk", CodeParams, ""},
		{"", "scope=srs_log_level&value=warn", 0, "srs_log_level warn;"},
		{"", "scope=srs_log_level&value=loud", CodeParams, ""},
		{"", "scope=srs_log_file&value=./a.log", 0, "srs_log_file ./a.log;"},
		{"", "scope=srs_log_file&value=/dev/null", CodeParams, ""},
		{"", "scope=max_connections&value=10", 0, "max_connections 10;"},
		{"", "scope=max_connections&value=9", CodeParams, ""},
		{"", "scope=max_connections&value=65535", CodeParams, ""}, // more than there are files
		{"", "scope=utc_time&value=true", 0, "utc_time on;"},
		{"", "scope=utc_time&value=false", 0, "utc_time off;"},
		{"", "scope=utc_time&value=on", CodeParams, ""},
		{"", "scope=pithy_print_ms&value=100", 0, "pithy_print_ms 100;"},
		{"", "scope=pithy_print_ms&value=300001", CodeParams, ""},
		{"", "scope=pithy_print_ms&value=1000&persist=maybe", CodeParams, ""},

		{"", "scope=vhost&value=w.example.com&param=create", 0, "vhost w.example.com {\n}"},
		{"", "scope=vhost&value=a%20b&param=create", CodeParams, ""},
		{"", "scope=vhost&value=a/b&param=create", CodeParams, ""},
		{"", "scope=vhost&value=&param=create", CodeParams, ""},
		{"vhost w {}", "scope=vhost&value=w&param=create", CodeParams, ""},
		{"vhost w { enabled off; }", "scope=vhost&value=w&param=update&data=x", 0, "vhost x { enabled off; }"},
		{"vhost w { }", "scope=vhost&value=w&param=update&data=x", CodeParams, ""},
		{"vhost w { enabled off; }", "scope=vhost&value=w&param=update&data=w", CodeParams, ""},
		{"vhost w { enabled off; }", "scope=vhost&value=w&param=update", CodeParams, ""},
		{"vhost w { enabled off; }", "scope=vhost&value=x&param=update&data=y", CodeParams, ""},
		{"vhost w { enabled off; }", "scope=vhost&value=w&param=delete", 0, "\n"},
		{"vhost w { }", "scope=vhost&value=w&param=delete", CodeParams, ""},
		{"", "scope=vhost&value=w&param=delete", CodeParams, ""},
		{"vhost w { }", "scope=vhost&value=w&param=disable", 0, "vhost w { enabled off; }"},
		{"vhost w { enabled off; }", "scope=vhost&value=w&param=disable", CodeParams, ""},
		{"vhost w { enabled off; }", "scope=vhost&value=w&param=enable", 0, "vhost w { enabled on; }"},
		{"vhost w { }", "scope=vhost&value=w&param=enable", CodeParams, ""},
		{"vhost w { }", "scope=vhost&value=w&param=other", CodeNotAllowed, ""},

		{dvr, "scope=dvr&value=v&param=enable&data=live/b", 0, strings.Replace(dvr, "live/a", "live/a live/b", 1)},
		{dvr, "scope=dvr&value=v&param=enable&data=live/a", 0, ""},
		{dvr, "scope=dvr&value=v&param=disable&data=live/a", 0, strings.Replace(dvr, "live/a", "none", 1)},
		{dvr, "scope=dvr&value=v&param=disable&data=live/b", 0, ""},
		{dvr, "scope=dvr&value=v&param=other&data=live/b", CodeNotAllowed, ""},
		{dvr, "scope=dvr&value=v&param=enable&data=live", CodeParams, ""},
		{dvr, "scope=dvr&value=v&param=enable&data=live/b%3bx", CodeParams, ""},
		{dvr, "scope=dvr&value=v&param=enable", CodeParams, ""},
		{"vhost v { dvr { dvr_apply live/a; } }", "scope=dvr&value=v&param=enable&data=live/b", CodeNotAllowed, ""},
		{dvr, "scope=dvr&value=w&param=enable&data=live/b", CodeNotAllowed, ""},
		{"vhost v { dvr { enabled on; } }", "scope=dvr&value=v&param=enable&data=live/b", 0, "vhost v { dvr { dvr_apply live/b; enabled on; } }"},
		{"vhost v { dvr { enabled on; } }", "scope=dvr&value=v&param=disable&data=live/b", 0, ""},
		{"vhost v { dvr { enabled on; dvr_apply none; } }", "scope=dvr&value=v&param=enable&data=live/b", 0, "vhost v { dvr { enabled on; dvr_apply live/b; } }"},
	} {
		t.Run(c.text+" "+c.query, func(t *testing.T) {
			before := "# first\n" + allowed + "max_connections 1000; # many\n" + c.text
			if c.text == "" {
				before += "vhost __defaultVhost__ { }\n"
			}
			s := newServer(t, before)
			code, body := s.call("rpc=update&" + c.query)
			require.Equal(t, c.code, code)
			require.Empty(t, body)
			after := s.file("srs.conf")
			if c.want == "" {
				require.Equal(t, before, after)
				require.Zero(t, s.applied)
				return
			}
			require.Contains(t, after, c.want)
			require.Equal(t, 1, s.applied)
			require.True(t, strings.HasPrefix(after, "# first\n"))
			require.Contains(t, after, "# many\n")
			again, err := conf.Load(s.options)
			require.NoError(t, err)
			require.Empty(t, conf.Diff(s.current, again), "what is written is what runs")
		})
	}
}

const some = allowed + "vhost __defaultVhost__ { }\n"

func TestUpdateFails(t *testing.T) {
	s := newServer(t, some)
	s.fail = errors.New("no port")
	code, _ := s.call("rpc=update&scope=listen&value=1936")
	require.Equal(t, 1, code)
	require.Equal(t, some, s.file("srs.conf"), "not written, as it is not in force")
	onlyFile(t, s)

	// Somebody changed the file: nothing is done before it is read.
	mine := "# mine\n" + some
	require.NoError(t, os.WriteFile(filepath.Join(s.cfg.Dir, "srs.conf"), []byte(mine), 0o640))
	code, _ = s.call("rpc=update&scope=listen&value=1936")
	require.Equal(t, CodePersistence, code)
	require.Zero(t, s.applied)
	require.NoError(t, s.Reload(t.Context()))
	code, _ = s.call("rpc=update&scope=listen&value=1936")
	require.Zero(t, code)
	require.Equal(t, strings.Replace(mine, "1935", "1936", 1), s.file("srs.conf"))
	onlyFile(t, s)
}

func onlyFile(t *testing.T, s *server) {
	list, err := os.ReadDir(s.cfg.Dir)
	require.NoError(t, err)
	require.Len(t, list, 1, "no temporary file stays")
	info, err := list[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
}

func TestUpdateWithoutPersisting(t *testing.T) {
	s := newServer(t, some)
	code, _ := s.call("rpc=update&scope=listen&value=1936&persist=off")
	require.Zero(t, code)
	require.Equal(t, []string{"1936"}, s.current.Root().List("listen"))
	require.Equal(t, some, s.file("srs.conf"))
	// The next one that is written writes it, too.
	code, _ = s.call("rpc=update&scope=utc_time&value=true")
	require.Zero(t, code)
	require.Equal(t, strings.Replace(some, "1935", "1936", 1)+"utc_time on;\n", s.file("srs.conf"))
	// One that changes nothing writes what is not written yet.
	code, _ = s.call("rpc=update&scope=utc_time&value=false&persist=off")
	require.Zero(t, code)
	applied := s.applied
	code, _ = s.call("rpc=update&scope=utc_time&value=false")
	require.Zero(t, code)
	require.Equal(t, applied, s.applied)
	require.Equal(t, strings.Replace(some, "1935", "1936", 1)+"utc_time off;\n", s.file("srs.conf"))
	// A reload goes back to the file.
	code, _ = s.call("rpc=update&scope=listen&value=1937&persist=off")
	require.Zero(t, code)
	require.NoError(t, s.Reload(t.Context()))
	require.Equal(t, []string{"1936"}, s.current.Root().List("listen"))
	code, _ = s.call("rpc=update&scope=utc_time&value=true")
	require.Zero(t, code)
}

func TestUpdateOfIncludedFile(t *testing.T) {
	s := newServer(t, "listen 1;")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(s.cfg.Dir, name), []byte(text), 0o640))
	}
	main := allowed + "vhost a { include dvr.conf; }\nvhost b { include both.conf; }\nvhost c { include both.conf; }\n"
	write("real.conf", main)
	require.NoError(t, os.Remove(filepath.Join(s.cfg.Dir, "srs.conf")))
	require.NoError(t, os.Symlink("real.conf", filepath.Join(s.cfg.Dir, "srs.conf")))
	write("dvr.conf", "dvr { enabled on; }")
	write("both.conf", "dvr { enabled on; }")
	require.NoError(t, s.Reload(t.Context()))

	code, _ := s.call("rpc=update&scope=dvr&value=a&param=enable&data=live/x")
	require.Zero(t, code)
	require.Equal(t, "dvr { dvr_apply live/x; enabled on; }", s.file("dvr.conf"))
	require.Equal(t, main, s.file("srs.conf"))
	// What would change another vhost, too, is refused.
	code, _ = s.call("rpc=update&scope=dvr&value=b&param=enable&data=live/x")
	require.Equal(t, CodeNotAllowed, code)
	require.Equal(t, "dvr { enabled on; }", s.file("both.conf"))
	// A link stays one.
	code, _ = s.call("rpc=update&scope=listen&value=1936")
	require.Zero(t, code)
	require.Equal(t, strings.Replace(main, "1935", "1936", 1), s.file("real.conf"))
	to, err := os.Readlink(filepath.Join(s.cfg.Dir, "srs.conf"))
	require.NoError(t, err)
	require.Equal(t, "real.conf", to)
}

// A variable that decides makes the change pointless, but for where there is nothing but variables.
func TestUpdateAndEnvironment(t *testing.T) {
	s := newServer(t, some, "SRS_LISTEN=1935")
	code, _ := s.call("rpc=update&scope=listen&value=1936")
	require.Equal(t, CodeNotAllowed, code)
	require.Zero(t, s.applied)

	s.options.EnvOnly = true
	s.options.Environ = []string{"SRS_LISTEN=1935", "SRS_HTTP_API_RAW_API_ENABLED=on", "SRSD_HTTP_API_RAW_API_ALLOW_UPDATE=on", "SRS_VHOST_DVR_ENABLED=on"}
	require.NoError(t, s.Reload(t.Context()))
	code, _ = s.call("rpc=update&scope=listen&value=1936")
	require.Zero(t, code)
	require.Equal(t, []string{"1936"}, s.current.Root().List("listen"))
	code, _ = s.call("rpc=update&scope=dvr&value=__defaultVhost__&param=enable&data=live/x")
	require.Zero(t, code)
	v, _ := s.current.Vhost("")
	require.Equal(t, []string{"live/x"}, v.List("dvr.dvr_apply"))
	require.Equal(t, some, s.file("srs.conf"))
}

func TestAtOnce(t *testing.T) {
	s := newServer(t, some)
	var current sync.Mutex // of what the server is asked for by several
	s.cfg.Current = func() *conf.File { current.Lock(); defer current.Unlock(); return s.current }
	s.cfg.Apply = func(ctx context.Context, f *conf.File) error {
		current.Lock()
		defer current.Unlock()
		return s.apply(ctx, f)
	}
	var wg sync.WaitGroup
	for _, query := range []string{"scope=listen&value=1936", "scope=utc_time&value=true", "scope=vhost&value=x&param=create", "scope=pithy_print_ms&value=500"} {
		wg.Go(func() {
			q, _ := url.ParseQuery("rpc=update&" + query)
			if _, code := s.Call(t.Context(), q); code != 0 {
				t.Errorf("%s: %d", query, code)
			}
			q, _ = url.ParseQuery("rpc=query&scope=global")
			s.Call(t.Context(), q)
		})
		wg.Go(func() { _ = s.Reload(t.Context()) })
	}
	wg.Wait()
	text := s.file("srs.conf")
	for _, want := range []string{"listen 1936;", "utc_time on;", "vhost x {", "pithy_print_ms 500;"} {
		require.Contains(t, text, want)
	}
}

// Whatever is asked, nothing changes but what may.
func FuzzUpdate(f *testing.F) {
	for _, q := range []string{
		"scope=listen&value=1936,1937", "scope=pid&value=./a.pid", "scope=pid&value=./a;daemon off;.pid", "scope=vhost&value=x&param=create",
		"scope=vhost&value=off&param=update&data=b{", "scope=vhost&value=off&param=delete", "scope=vhost&value=a&param=disable",
		"scope=vhost&value=off&param=enable", "scope=dvr&value=a&param=enable&data=live/x", "scope=dvr&value=a&param=disable&data=live/a",
		"scope=ff_log_dir&value=./'%0a\"}", "scope=utc_time&value=true", "scope=srs_log_file&value=./%23.log&persist=off", "scope=vhost&value=a.enabled&param=create",
	} {
		f.Add(q)
	}
	text := allowed + "vhost a { dvr { enabled on; dvr_apply live/a; } }\nvhost off { enabled off; hls { enabled on; } }\n"
	s := newServer(f, text)
	first := s.current
	allowedPaths := map[string]bool{}
	for path := range directives {
		allowedPaths[path] = true
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q.Set("rpc", "update")
		q.Set("persist", "off")
		s.current = first
		_, code := s.Call(t.Context(), q)
		if code != 0 {
			require.Same(t, first, s.current)
			return
		}
		scope, name := q.Get("scope"), q.Get("value")
		for _, c := range conf.Diff(first, s.current) {
			switch scope {
			case "vhost":
				require.Contains(t, []string{"vhost", "vhost.enabled"}, c.Directive)
				require.Contains(t, []string{"vhost." + name, "vhost." + name + ".enabled", "vhost." + q.Get("data")}, c.Path)
			case "dvr":
				require.Equal(t, "vhost."+name+".dvr.dvr_apply", c.Path)
			case "chunk_size":
				require.Contains(t, []string{"chunk_size", "vhost.chunk_size"}, c.Directive)
			default:
				require.True(t, allowedPaths[scope], scope)
				require.Equal(t, scope, c.Path)
			}
		}
	})
}
