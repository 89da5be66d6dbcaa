package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestDocumented holds that every package has a comment, and every exported name of the library
// one that says what it is. Packages below internal and cmd, and programs, have no exported names
// that anybody sees.
func TestDocumented(t *testing.T) {
	fset := token.NewFileSet()
	commented := map[string]bool{}
	for _, f := range parse(t, fset, parser.ParseComments|parser.SkipObjectResolution) {
		if f.test {
			continue
		}
		commented[f.dir] = commented[f.dir] || f.ast.Doc != nil
		if f.ast.Name.Name == "main" || strings.Contains("/"+f.dir+"/", "/internal/") || strings.HasPrefix(f.dir, "cmd/") {
			continue
		}
		for _, u := range undocumented(fset, f.ast) {
			t.Errorf("%s:%d: %s has no doc comment", f.name, fset.Position(u.pos).Line, u.name)
		}
	}
	for dir, ok := range commented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// finding is an exported name without a comment.
type finding struct {
	name string
	pos  token.Pos
}

func undocumented(fset *token.FileSet, f *ast.File) (list []finding) {
	add := func(name string, pos token.Pos) { list = append(list, finding{name, pos}) }
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				recv := typeName(d.Recv.List[0].Type)
				if !ast.IsExported(recv) {
					continue
				}
				name = recv + "." + name
			}
			if d.Name.IsExported() && d.Doc == nil && !obvious(d) {
				add(name, d.Pos())
			}
		case *ast.GenDecl:
			var values []item
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					values = append(values, item{names: s.Names, doc: s.Doc, comment: s.Comment, pos: s.Pos(), end: s.End()})
				case *ast.TypeSpec:
					if !s.Name.IsExported() {
						continue
					}
					if s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
						add(s.Name.Name, s.Pos())
					}
					for _, m := range members(fset, s.Type) {
						add(s.Name.Name+"."+m.name, m.pos)
					}
				}
			}
			if d.Doc == nil { // a declaration's comment is for all in it
				list = append(list, bare(fset, values)...)
			}
		}
	}
	return list
}

// obvious tells whether a method is String or Error, which say it all by their names.
func obvious(d *ast.FuncDecl) bool {
	return d.Recv != nil && (d.Name.Name == "String" || d.Name.Name == "Error") && d.Type.Params.NumFields() == 0
}

// members gives the exported fields of a struct and methods of an interface that no comment is for.
// A comment is for its group, the members around it without an empty line. If no member has one,
// the type's is for all: it tells what they are together. Names that are their types' need none,
// and what is embedded has none of its own.
func members(fset *token.FileSet, e ast.Expr) (list []finding) {
	var fields []*ast.Field
	switch e := e.(type) {
	case *ast.StructType:
		fields = e.Fields.List
	case *ast.InterfaceType:
		fields = e.Methods.List
	}
	some := false
	var items []item
	for _, f := range fields {
		i := item{names: f.Names, doc: f.Doc, comment: f.Comment, pos: f.Pos(), end: f.End()}
		i.clear = typeName(f.Type)
		items = append(items, i)
		some = some || i.commented() && slices.ContainsFunc(f.Names, (*ast.Ident).IsExported)
	}
	if !some {
		return nil
	}
	return bare(fset, items)
}

// item is one line or more of a list in parentheses or braces.
type item struct {
	names        []*ast.Ident
	doc, comment *ast.CommentGroup
	pos, end     token.Pos
	clear        string // a name that needs no comment
}

func (i item) commented() bool { return i.doc != nil || i.comment != nil }

// bare gives the exported names of the groups in which nothing has a comment.
func bare(fset *token.FileSet, items []item) (list []finding) {
	line := func(p token.Pos) int { return fset.Position(p).Line }
	for len(items) > 0 {
		n, some := 0, false
		for ; n < len(items); n++ {
			start := items[n].pos
			if items[n].doc != nil {
				start = items[n].doc.Pos()
			}
			if n > 0 && line(start) > line(items[n-1].end)+1 {
				break
			}
			some = some || items[n].commented()
		}
		for _, i := range items[:n] {
			for _, name := range i.names {
				if name.IsExported() && !some && name.Name != i.clear {
					list = append(list, finding{name.Name, name.Pos()})
				}
			}
		}
		items = items[n:]
	}
	return list
}

// typeName gives the name of a type, without pointer, package and type parameters.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// TestUndocumented proves that names without comments are found, and those with one are not.
func TestUndocumented(t *testing.T) {
	const src = `package p

type NoDoc int

// Documented has a comment.
type Documented struct {
	Before string
	// With has a comment.
	With, Two int
	After     int

	Lone   string
	Error  error
	Method func()
	Level  Level
	hidden int
}

// Plain has an X and a Y.
type Plain struct{ X, Y int }

// Level is a level.
type Level int

// The levels.
const (
	Low Level = iota
	High
)

const (
	One = 1 // one
	Two = 2

	Ten = 10
)

var Exported, hidden int

func (p *Plain) String() string { return "" }
func (p *Plain) Do()            {}
func (l list[T]) Do()           {}
func New()                      {}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range undocumented(fset, f) {
		got = append(got, u.name)
	}
	const want = "NoDoc Documented.Lone Documented.Error Documented.Method Ten Exported Plain.Do New"
	if have := strings.Join(got, " "); have != want {
		t.Errorf("got  %s\nwant %s", have, want)
	}
}
