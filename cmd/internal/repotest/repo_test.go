package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path that go.mod declares.
const module = "github.com/srsgo/srs"

// root is the repository, seen from the directory in which the tests run.
var root = filepath.Join("..", "..", "..")

// source is one Go file of the repository. Files of all systems and build tags are read: a rule
// that holds on Linux alone would hold nothing.
type source struct {
	name string // from the root, with slashes
	dir  string // of name: the package's path below the module, "." for the root
	test bool
	ast  *ast.File
}

// imports gives the paths that the file imports.
func (s source) imports() (list []string) {
	for _, i := range s.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		list = append(list, p)
	}
	return list
}

// parse reads all Go files below the root.
func parse(t *testing.T, fset *token.FileSet, mode parser.Mode) (list []source) {
	t.Helper()
	walk(t, func(name string) {
		if path.Ext(name) != ".go" {
			return
		}
		f, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(name)), nil, mode)
		if err != nil {
			t.Errorf("%s does not parse: %v", name, err)
			return
		}
		list = append(list, source{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), ast: f})
	})
	if len(list) < 50 {
		t.Fatalf("only %d Go files found below %s: this is not the repository", len(list), root)
	}
	return list
}

// walk calls f for each file that is part of the source: not below dot directories and testdata.
func walk(t *testing.T, f func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != root && d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "objs") {
			return filepath.SkipDir
		}
		if d.Type().IsRegular() {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			f(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// matches tells whether p is named by a pattern: a path, or with /... at its end that path and all
// below it.
func matches(pattern, p string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return p == base || below && strings.HasPrefix(p, base+"/")
}

func matchesAny(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, p) })
}
