package conf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEdit(t *testing.T) {
	set := func(vhost, path string, words ...string) func(*File) (*File, error) {
		return func(f *File) (*File, error) { return f.Set(vhost, path, words...) }
	}
	for _, c := range []struct {
		name, in string
		edit     func(*File) (*File, error)
		want     string
	}{
		{"replaced", "listen  1935\t; # RTMP\nvhost a {}\n", set("", "listen", "1936", "[::]:7"), "listen  1936 [::]:7\t; # RTMP\nvhost a {}\n"},
		{"without arguments", "listen 1; pid; vhost a {}", set("", "pid", "./a.pid"), "listen 1; pid ./a.pid; vhost a {}"},
		{"the first counts", "listen 1; pid a; pid b; vhost a {}", set("", "pid", "c"), "listen 1; pid c; pid b; vhost a {}"},
		{"quoted", "listen 1; pid 'a b'; vhost a {}", set("", "pid", "c;d"), `listen 1; pid "c;d"; vhost a {}`},
		{"quoted name", "listen 1; 'pid' a; vhost a {}", set("", "pid", "b"), `listen 1; 'pid' b; vhost a {}`},
		{"empty argument", "listen 1; pid '' a; vhost a {}", set("", "pid", "b"), `listen 1; pid b; vhost a {}`},
		{"added at the end", "listen 1;\nvhost a {}\n", set("", "pid", "b"), "listen 1;\nvhost a {}\npid b;\n"},
		{"no line end", "listen 1;\nvhost a {} # x", set("", "pid", "b"), "listen 1;\nvhost a {} # x\npid b;\n"},
		{"CRLF", "listen 1;\r\nvhost a {\r\n\tchunk_size 128;\r\n}", set("", "pid", "b"), "listen 1;\r\nvhost a {\r\n\tchunk_size 128;\r\n}\r\npid b;\r\n"},
		{"in a block", "listen 1;\r\nvhost a {\r\n\tchunk_size 128;\r\n}", set("a", "enabled", "off"), "listen 1;\r\nvhost a {\r\n\tenabled off;\r\n\tchunk_size 128;\r\n}"},
		{"indented", "listen 1;\n  vhost a { # x\n\n  }\n", set("a", "enabled", "off"), "listen 1;\n  vhost a { # x\n      enabled off;\n\n  }\n"},
		{"one line", "listen 1;\nvhost a { hls {} }\n", set("a", "enabled", "off"), "listen 1;\nvhost a { enabled off; hls {} }\n"},
		{"nothing in it", "listen 1; vhost a{}", set("a", "enabled", "off"), "listen 1; vhost a{ enabled off;}"},
		{"no braces", "listen 1; vhost a;", set("a", "enabled", "off"), "listen 1; vhost a { enabled off; }"},
		{"nested", "listen 1; vhost a { dvr {\n  dvr_apply all;} }", set("a", "dvr.dvr_apply", "live/a", "live/b"), "listen 1; vhost a { dvr {\n  dvr_apply live/a live/b;} }"},
		{"missing block", "listen 1; vhost a {\n}", set("a", "dvr.dvr_apply", "none"), "listen 1; vhost a {\n    dvr { dvr_apply none; }\n}"},
		{"missing blocks", "listen 1; vhost a {\n}", set("", "http_api.raw_api.enabled", "on"), "listen 1; vhost a {\n}\nhttp_api { raw_api { enabled on; } }\n"},
		{"missing inner block", "listen 1; vhost a {\n}\nhttp_api {}", set("", "http_api.raw_api.enabled", "on"), "listen 1; vhost a {\n}\nhttp_api { raw_api { enabled on; }}"},
		{"byte order mark", "\uFEFFlisten 1;vhost a {}", set("", "listen", "2"), "\uFEFFlisten 2;vhost a {}"},
		{"vhost added", "listen 1;", func(f *File) (*File, error) { return f.AddVhost("a.b") }, "listen 1;\nvhost a.b {\n}\n"},
		{"vhost renamed", "listen 1; vhost  a  { }", func(f *File) (*File, error) { return f.RenameVhost("a", "b") }, "listen 1; vhost  b  { }"},
		{"vhost removed", "listen 1;\n# x\n vhost a {\n hls {} } \nvhost b {}", func(f *File) (*File, error) { return f.RemoveVhost("a") }, "listen 1;\n# x\nvhost b {}"},
		{"vhost removed from a line", "listen 1; vhost a {} # x\nvhost b {}", func(f *File) (*File, error) { return f.RemoveVhost("a") }, "listen 1;  # x\nvhost b {}"},
		{"last vhost removed", "listen 1;\nvhost a {}", func(f *File) (*File, error) { return f.RemoveVhost("a") }, "listen 1;\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := mustLoad(t, c.in)
			got, err := c.edit(f)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got.Texts()["x.conf"]))
			require.Equal(t, c.in, string(f.Texts()["x.conf"]))
		})
	}
}

func TestEditErrors(t *testing.T) {
	f := mustLoad(t, base+"vhost a { http {} gop_cache off; }", "SRS_DAEMON=off")
	_, err := f.Set("", "daemon", "on")
	require.ErrorIs(t, err, ErrFixed)
	for _, c := range []struct {
		vhost, path, word, want string
	}{
		{"", "nothing", "x", `conf: "nothing" is no directive`},
		{"b", "enabled", "off", `conf: no vhost "b"`},
		{"", "pid", "a\nb", "cannot be written"},
		{"", "pid", "", "cannot be written"},
		{"", "pid", `a "b' c`, "cannot be written"},
		{"", "max_connections", "x", `x.conf:4: max_connections: "x" is not a whole number`},
		{"a", "play.gop_cache", "on", "x.conf:3: gop_cache: it is an old name"},
		{"a", "play.atc", "on", "x.conf:3: play: it is an old name"},
	} {
		_, err := f.Set(c.vhost, c.path, c.word)
		require.ErrorContains(t, err, c.want)
	}
	_, err = f.AddVhost("")
	require.Error(t, err)
	_, err = f.RenameVhost("b", "c")
	require.Error(t, err)
	_, err = f.RemoveVhost("b")
	require.Error(t, err)
}

// A directive is changed in the file in which it stands.
func TestEditIncluded(t *testing.T) {
	o := testOptions("x.conf")
	o.ReadFile = files(map[string]string{"x.conf": "include sub/a.conf;\nvhost v { include ./sub/dvr.conf; }\n", "sub/a.conf": "listen 1;", "./sub/dvr.conf": "dvr { enabled on; }"})
	f, err := Load(o)
	require.NoError(t, err)
	f, err = f.Set("", "listen", "2")
	require.NoError(t, err)
	f, err = f.Set("v", "dvr.dvr_apply", "none")
	require.NoError(t, err)
	f, err = f.AddVhost("w")
	require.NoError(t, err)
	texts := map[string]string{}
	for name, text := range f.Texts() {
		texts[name] = string(text)
	}
	require.Equal(t, map[string]string{"x.conf": "include sub/a.conf;\nvhost v { include ./sub/dvr.conf; }\nvhost w {\n}\n",
		"sub/a.conf": "listen 2;", "sub/dvr.conf": "dvr { dvr_apply none; enabled on; }"}, texts)
}

func TestEditEnvOnly(t *testing.T) {
	o := testOptions("")
	o.Environ = []string{"SRS_ENV_ONLY=1", "SRS_MAX_CONNECTIONS=10", "SRS_LISTEN=1"}
	f, err := Load(o)
	require.NoError(t, err)
	f, err = f.Set("", "max_connections", "20")
	require.NoError(t, err)
	f, err = f.AddVhost("a")
	require.NoError(t, err)
	require.Equal(t, 20, f.Root().Int("max_connections"))
	require.Equal(t, []string{":1"}, f.Root().Addrs("listen"))
	require.Len(t, f.Vhosts(), 2)
	require.True(t, f.EnvOnly())
	require.Empty(t, f.Files())
}

// What is not changed keeps its secret, whatever the text says of it.
func TestEditKeepsSecrets(t *testing.T) {
	f := mustLoad(t, base+"http_api { auth { password hunter2; } }")
	o := f.options
	o.Texts, o.Keep = map[string][]byte{"x.conf": []byte(f.Effective())}, f
	shown, err := Load(o)
	require.NoError(t, err)
	next, err := shown.Set("", "pid", "./b.pid")
	require.NoError(t, err)
	require.Equal(t, "hunter2", next.Root().String("http_api.auth.password"))
}

// Whatever the words, nothing but the directive is changed.
func FuzzSet(f *testing.F) {
	texts := []string{base, "listen 1;pid a; vhost a { dvr { dvr_apply x; } }", "pid\t'a' \"b\"; listen 1; vhost a;", "pid; listen 1;vhost a{dvr;}"}
	for i := range texts {
		for _, w := range []string{"x", "a;b", "a\n}", `"`, `"';`, "#", "{", "******", "\\", " ", "a b"} {
			f.Add(i, w)
		}
	}
	f.Fuzz(func(t *testing.T, i int, word string) {
		if i < 0 || i >= len(texts) {
			return
		}
		old, err := load(texts[i])
		require.NoError(t, err)
		for _, at := range [][2]string{{"", "pid"}, {"a", "dvr.dvr_apply"}} {
			now, err := old.Set(at[0], at[1], word)
			if err != nil {
				continue
			}
			path := at[1]
			if at[0] != "" {
				path = "vhost.a." + path
			}
			for _, c := range Diff(old, now) {
				require.Equal(t, path, c.Path)
			}
			s := now.Root()
			if at[0] != "" {
				v, _ := now.Vhost(at[0])
				s = v.Scope
			}
			require.Equal(t, word, s.String(at[1]))
			require.Equal(t, len(old.Vhosts()), len(now.Vhosts()))
			require.False(t, strings.ContainsAny(word, "\n\x00"))
		}
	})
}
