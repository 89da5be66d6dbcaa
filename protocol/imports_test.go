package protocol

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// An application that uses this package links the standard library and package stream.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		ast, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range ast.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			if strings.Contains(strings.Split(p, "/")[0], ".") && p != "github.com/srsgo/srs/stream" {
				t.Errorf("%s imports %s", f, p)
			}
		}
	}
}
