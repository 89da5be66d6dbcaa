package conf

import "strings"

// Directive is one statement of a configuration file, as written: a name, its arguments and, for a
// block, its children.
type Directive struct {
	Name     string
	Args     []string // without quotes; empty ones are dropped, as SRS does
	Block    bool     // written with braces, even if there is nothing between them
	Children []*Directive
	File     string // as given to Load, or to the include that brought it in
	Line     int    // of the name, from 1

	span *span // where it stands in the file's text; nil for what an old name was rewritten to
}

// span are the places of a directive's parts in its file, in bytes.
type span struct {
	start, nameEnd int
	args, argsEnd  int // of all arguments; both are nameEnd if there are none
	body           int // of a block: behind "{"
	end            int // behind ";" or "}"
}

// Arg returns the first argument, or "" if there is none.
func (d *Directive) Arg() string {
	if len(d.Args) == 0 {
		return ""
	}
	return d.Args[0]
}

// Child returns the first child of that name, or nil: of several, SRS reads the first.
func (d *Directive) Child(name string) *Directive {
	for _, c := range d.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// String returns the directive as srs.conf text, secrets included.
func (d *Directive) String() string {
	var b strings.Builder
	writeDirective(&b, d, 0, func(_ *Directive, arg string) string { return arg })
	return b.String()
}

// writeDirective writes d and its children, each argument as show returns it.
func writeDirective(b *strings.Builder, d *Directive, depth int, show func(*Directive, string) string) {
	indent(b, depth)
	b.WriteString(quote(d.Name))
	for _, a := range d.Args {
		b.WriteByte(' ')
		b.WriteString(quote(show(d, a)))
	}
	if !d.Block {
		b.WriteString(";\n")
		return
	}
	b.WriteString(" {\n")
	for _, c := range d.Children {
		writeDirective(b, c, depth+1, show)
	}
	indent(b, depth)
	b.WriteString("}\n")
}

func indent(b *strings.Builder, depth int) {
	for range depth {
		b.WriteString("    ")
	}
}

// quote returns s so that the parser reads it back. The grammar has no escapes: a text with a line
// break, or with spaces and both kinds of quotes, can only come from the environment and is
// written as near to it as can be.
func quote(s string) string {
	s = strings.NewReplacer("\n", " ", "\x00", " ").Replace(s)
	bare := s != "" && !strings.ContainsAny(s, " \t\r;{") && !strings.ContainsRune(`"'#}`, rune(s[0]))
	switch {
	case bare:
		return s
	case !strings.Contains(s, `"`):
		return `"` + s + `"`
	case !strings.Contains(s, `'`):
		return `'` + s + `'`
	}
	return `"` + strings.ReplaceAll(s, `"`, `'`) + `"`
}
