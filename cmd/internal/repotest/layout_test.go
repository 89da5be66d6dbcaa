package repotest

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// top is what the repository has at its top; all else nests below the package that it extends.
// What begins with a dot is not counted, nor what .gitignore leaves out.
var top = []string{
	"stream", "protocol", "rtmp", "flv", "hls", "dash", "rtc", "srt", "gb28181", "dvr",
	"examples", "cmd", "go.mod", "go.sum", "README.md", "LICENSE",
	"objs",
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch ext := path.Ext(e.Name()); {
		case strings.HasPrefix(e.Name(), "."), slices.Contains(top, e.Name()):
		case slices.Contains([]string{".test", ".prof", ".out"}, ext) && !e.IsDir():
		default:
			t.Errorf("%s is at the top of the repository: nest it below the package that it extends", e.Name())
		}
	}
}

// TestNames holds that packages say what they are for.
func TestNames(t *testing.T) {
	walk(t, func(name string) {
		for _, dir := range strings.Split(path.Dir(name), "/") {
			if slices.Contains([]string{"pkg", "util", "utils", "common", "base", "helper", "helpers", "misc"}, dir) {
				t.Errorf("%s: a package named %s says nothing", name, dir)
			}
		}
	})
}

// maxLines is what a file may have. Near 300 is usual.
const maxLines = 800

func TestFileLength(t *testing.T) {
	walk(t, func(name string) {
		if !slices.Contains([]string{".go", ".js", ".css", ".html", ".sh", ".md"}, path.Ext(name)) {
			return
		}
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
		} else if n := bytes.Count(b, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by what its parts are for", name, n, maxLines)
		}
	})
}
