package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// files is a file system for tests.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if s, ok := m[name]; ok {
			return []byte(s), nil
		}
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
}

// show writes a tree on one line.
func show(list []*Directive) string {
	var b strings.Builder
	for i, d := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(d.Name)
		for _, a := range d.Args {
			fmt.Fprintf(&b, " %q", a)
		}
		if d.Block {
			b.WriteString(" {" + show(d.Children) + "}")
		} else {
			b.WriteByte(';')
		}
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"statement", "listen 1935;", `listen "1935";`},
		{"several arguments", "listen\t1935  [::]:19350 ;", `listen "1935" "[::]:19350";`},
		{"no argument", "listen;", `listen;`},
		{"two on a line", "a 1;b 2;", `a "1"; b "2";`},
		{"block", "a {\n b 1;\n}\n", `a {b "1";}`},
		{"block on one line", "http_api { enabled on; }", `http_api {enabled "on";}`},
		{"no blank before the brace", "vhost x{hls{enabled on;}}", `vhost "x" {hls {enabled "on";}}`},
		{"empty block", "a {}", `a {}`},
		{"block arguments", "transcode live/x {}", `transcode "live/x" {}`},
		{"CRLF", "a 1;\r\nb {\r\n c 2;\r\n}\r\n", `a "1"; b {c "2";}`},
		{"comment line", "# one\na 1; # two\n# end", `a "1";`},
		{"comment right after the end", "a 1;#x\nb{#y\n}#z", `a "1"; b {}`},
		{"hash in a word", "a b#c;", `a "b#c";`},
		{"hash in quotes", `a "#b";`, `a "#b";`},
		{"double quotes", `a "b; {c} 'd'";`, `a "b; {c} 'd'";`},
		{"single quotes", `a 'b "c"'{}`, `a "b \"c\"" {}`},
		{"no escapes", `a "b\" c;`, `a "b\\" "c";`},
		{"quote inside a word", `a b"c d";`, `a "b\"c" "d\"";`},
		{"empty strings are dropped", `a "" b '';`, `a "b";`},
		{"quoted name", `"a" b;`, `a "b";`},
		{"brace inside a word", "a b}c;", `a "b}c";`},
		{"deep", "a{b{c{d 1;}}}", `a {b {c {d "1";}}}`},
		{"nothing", "", ``},
		{"blank", " \n\t# x\n", ``},
		{"byte order mark", "\uFEFFa 1;", `a "1";`},
		{"unicode", "a größe;", `a "größe";`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse("x.conf", files(map[string]string{"x.conf": c.in}))
			require.NoError(t, err)
			require.Equal(t, c.want, show(got))
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"line ends before ;", "a 1;\nlisten 1935\n;", "x.conf:2: unexpected end of line"},
		{"name alone on its line", "listen\n1935;", "x.conf:1: unexpected end of line"},
		{"brace on the next line", "vhost a\n{ }", "x.conf:1: unexpected end of line"},
		{"comment before ;", "listen 1935 # x ;\n;", "x.conf:1: unexpected end of line"},
		{"line ends in quotes", "a \"b\nc\";", "x.conf:1: unexpected end of line inside quotes"},
		{"CR is no line", "listen 1935\r\n;", "x.conf:1: unexpected end of line"},
		{"stray }", "a 1;\n}", `x.conf:2: unexpected "}"`},
		{"stray ;", "a 1;\n;", `x.conf:2: unexpected ";"`},
		{"stray {", "\n\n{ a 1; }", `x.conf:3: unexpected "{"`},
		{"empty name", `"" ;`, `x.conf:1: unexpected ";"`},
		{"} with arguments pending", "a { b }", `x.conf:1: unexpected "}"`},
		{"} glued to a word", "a { b c}", `x.conf:1: unexpected end of file, expecting ";"`},
		{"end of file in a block", "a {\n b 1;\n", `x.conf:3: unexpected end of file, expecting "}" of "a" at line 1`},
		{"end of file before ;", "a 1;\nb 2", `x.conf:2: unexpected end of file, expecting ";"`},
		{"end of file in quotes", `a "b`, "x.conf:1: unexpected end of file inside quotes"},
		{"text after quotes", `a "b"c;`, `x.conf:1: unexpected "c" after a closing quote`},
		{"two quotes together", `a "b"'c';`, `x.conf:1: unexpected "'" after a closing quote`},
		{"NUL", "a 1;\nb \x00;", "x.conf:2: a NUL byte"},
		{"nesting", strings.Repeat("a{", 100), "x.conf:1: more than 64 blocks inside each other"},
		{"include of nothing", "include;", "x.conf:1: include takes files"},
		{"include with a block", "include a { }", "x.conf:1: include takes files"},
		{"include of a missing file", "\ninclude none.conf;", "x.conf:2: include: cannot read none.conf: file does not exist"},
		{"include of itself", "include ./x.conf;", "x.conf:1: include: ./x.conf includes itself"},
		{"too much", strings.Repeat("#", maxBytes+1), "x.conf: more than 16 MB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("x.conf", files(map[string]string{"x.conf": c.in}))
			require.ErrorContains(t, err, c.want)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, CodeConfig, e.Code)
		})
	}
	_, err := Parse("none.conf", nil)
	require.EqualError(t, err, "none.conf: cannot read none.conf: no such file or directory")
}

func TestInclude(t *testing.T) {
	read := files(map[string]string{
		"x.conf":        "listen 1935;\ninclude sub/a.conf sub/b.conf;\nvhost v {\n include sub/hls.conf;\n}\n",
		"sub/a.conf":    "include sub/deep.conf;\ndaemon off;",
		"sub/deep.conf": "pid p;\n",
		"sub/b.conf":    "",
		"sub/hls.conf":  "\nhls { enabled on; }",
	})
	p := &parser{read: read, x: &findings{}, texts: map[string][]byte{}}
	list, got := p.file("x.conf", nil, 0), p.files
	require.Empty(t, p.x.errors)
	require.Equal(t, `listen "1935"; pid "p"; daemon "off"; vhost "v" {hls {enabled "on";}}`, show(list))
	require.Equal(t, []string{"x.conf", "sub/a.conf", "sub/deep.conf", "sub/b.conf", "sub/hls.conf"}, got)
	hls := list[3].Children[0]
	require.Equal(t, "sub/hls.conf", hls.File)
	require.Equal(t, 2, hls.Line)

	// What is wrong in an included file is told by its own name.
	_, err := Parse("x", files(map[string]string{"x": "include y;", "y": "\n}"}))
	require.EqualError(t, err, `y:2: unexpected "}"`)
	_, err = Parse("x", files(map[string]string{"x": "include y;", "y": "include z;", "z": "\ninclude y;"}))
	require.EqualError(t, err, "z:2: include: y includes itself")
}

func TestIncludeIsBounded(t *testing.T) {
	deep, wide := map[string]string{}, map[string]string{}
	for i := range 30 {
		deep[fmt.Sprint(i)] = fmt.Sprintf("include %d;", i+1)
		wide[fmt.Sprint(i)] = fmt.Sprintf("include %d %d;", i+1, i+1)
	}
	_, err := Parse("0", files(deep))
	require.ErrorContains(t, err, "more than 16 includes inside each other")
	wide["12"] = ""
	_, err = Parse("0", files(wide))
	require.ErrorContains(t, err, "more than 1024 includes")
	_, err = Parse("x", files(map[string]string{
		"x": strings.Repeat("a{", 40) + "include y;" + strings.Repeat("}", 40), "y": strings.Repeat("b{", 40),
	}))
	require.ErrorContains(t, err, "y:1: more than 64 blocks")
}

// Include paths are relative to the working directory.
func TestIncludeFromDisk(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.MkdirAll("conf", 0o755))
	require.NoError(t, os.WriteFile(filepath.Join("conf", "srs.conf"), []byte("include conf/b.conf;"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join("conf", "b.conf"), []byte("listen 1935;"), 0o644))
	list, err := Parse(filepath.Join(dir, "conf", "srs.conf"), nil)
	require.NoError(t, err)
	require.Equal(t, `listen "1935";`, show(list))
	_, err = Parse("conf", nil)
	require.ErrorContains(t, err, "conf: cannot read conf: is a directory")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"listen 1935;", "a { b 'c d' \"e\"; }", "a b\n{", "include x y;", "\"\" ;", "#", "a}b;", "a{b{c{", minimal, full,
		"listen 1;vhost v{refer a;forward b;nack{enabled on;}mr{latency 1;}rtc{aac transcode;}http{}}",
		"listen 1;stream_caster{host x;caster gb28181;sip{}}vhost __defaultVhost__{hls{hls_fragment 1e9;}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<12 { // the work of readAll grows faster than the text
			return
		}
		read := files(map[string]string{"x": s, "y": "daemon off;"})
		list, err := Parse("x", read)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		// What is written again reads the same.
		var b strings.Builder
		for _, d := range list {
			b.WriteString(d.String())
		}
		again, err := Parse("x", files(map[string]string{"x": b.String()}))
		require.NoError(t, err, b.String())
		require.Equal(t, show(list), show(again))

		o := testOptions("x")
		o.ReadFile = read
		if c, err := Load(o); err == nil {
			readAll(c)
		}
	})
}

// readAll calls a getter for every row, in every scope.
func readAll(f *File) {
	var walk func(s *Scope)
	walk = func(s *Scope) {
		for _, it := range schema.rows {
			rel := it.Path
			if s.path != "" {
				var ok bool
				if rel, ok = strings.CutPrefix(it.Path, s.path+"."); !ok {
					continue
				}
			}
			readOne(s, it, rel)
			if it.Kind == Block && it.Repeat {
				for _, b := range s.Blocks(rel) {
					walk(b)
				}
			}
		}
	}
	walk(f.Root())
	for _, v := range f.Vhosts() {
		walk(v.Scope)
	}
	f.StartErrors()
	f.Effective()
	f.Report(func(Use) bool { return true })
}

func readOne(s *Scope, it *Item, rel string) {
	s.Has(rel)
	s.Line(rel)
	switch it.Kind {
	case BoolOff, BoolOn:
		s.Bool(rel)
	case Int:
		s.Int(rel)
		s.Float(rel)
	case Float:
		s.Float(rel)
	case String, Enum:
		_ = s.String(rel)
	case List:
		s.List(rel)
		s.Each(rel)
	case Addr:
		s.Addr(rel)
	case AddrList:
		s.Addrs(rel)
	case Networks:
		s.Networks(rel)
	case Free:
		s.Free(rel)
	case Block:
		s.Blocks(rel)
	}
	if it.Unit == "s" || it.Unit == "ms" {
		s.Duration(rel)
	}
}
