package conf

import (
	"slices"
	"strconv"
	"strings"
)

// Effective returns the configuration in force as srs.conf text: what the file, the environment and
// the defaults come to, with old names replaced. Secrets are shown as "******", which [Load] refuses,
// or replaces by what [Options].Keep has. It reads back as the same values, but for a text of the
// environment that the grammar cannot say: with line breaks, or blanks and both kinds of quotes.
func (f *File) Effective() string {
	p := &printer{}
	p.block(f.Root(), "", 0)
	return p.String()
}

type printer struct{ strings.Builder }

// block writes what is in the block at a path relative to the scope.
func (p *printer) block(s *Scope, path string, depth int) {
	for _, it := range schema.children[join(s.path, path)] {
		rel := join(path, it.Name())
		switch {
		case it.Path == "vhost":
			for _, v := range s.file.vhosts {
				p.repeated(it, v.Scope, depth)
			}
		case it.Kind == Block && it.Repeat:
			for _, b := range s.Blocks(rel) {
				p.repeated(it, b, depth)
			}
		case it.Kind == Block:
			inner := &printer{}
			inner.block(s, rel, depth+1)
			if inner.Len() > 0 {
				p.open(it.Name(), nil, depth)
				p.WriteString(inner.String())
				p.close(depth)
			}
		case it.Kind == Free:
			if list := s.all(rel); len(list) > 0 {
				writeDirective(&p.Builder, list[0], depth, showUnknown)
			}
		case it.Repeat:
			for _, words := range s.Each(rel) {
				p.line(it, words, depth)
			}
		case it.Note == "" || s.Has(rel): // nobody needs the defaults of what has no effect
			p.line(it, s.words(it, rel), depth)
		}
	}
	for _, c := range s.unknown(path) {
		writeDirective(&p.Builder, c, depth, showUnknown)
	}
}

// repeated writes one of several blocks.
func (p *printer) repeated(it *Item, b *Scope, depth int) {
	p.open(it.Name(), b.dir.Args, depth)
	p.block(b, "", depth+1)
	p.close(depth)
}

// words returns the value in force of any kind as it would be written; nil for an empty one.
func (s *Scope) words(it *Item, path string) []string {
	if it.Kind.several() {
		return s.List(path)
	}
	w := s.String(path)
	switch it.Kind {
	case BoolOff, BoolOn:
		w = onOff(s.Bool(path))
	case Int, Float:
		if v, err := it.parseNumber(w); err == nil && (it.limit(v) != v || it.Kind == Int && strings.Contains(w, ".")) {
			w = strconv.FormatFloat(it.limit(v), 'f', -1, 64)
		}
	}
	if w == "" {
		return nil
	}
	return []string{w}
}

// Shown returns the words of a directive as [File.Effective] writes them, with secrets hidden; nil if
// there are none.
func (s *Scope) Shown(path string) []string {
	it := s.item(path)
	words := slices.Clone(s.words(it, path))
	for i, w := range words {
		words[i] = shown(it, nil, w)
	}
	return words
}

// Shown returns the arguments of what is in a free block, those hidden that are named like secrets.
func (d *Directive) Shown() []string {
	words := slices.Clone(d.Args)
	for i, w := range words {
		words[i] = showUnknown(d, w)
	}
	return words
}

// unknown gives what is in the block at a path and that the schema does not have.
func (s *Scope) unknown(path string) (list []*Directive) {
	d := s.dir
	for _, name := range strings.Split(path, ".") {
		if path != "" && d != nil {
			d = d.Child(name)
		}
	}
	if d == nil {
		return nil
	}
	for _, c := range d.Children {
		if schema.byPath[join(join(s.path, path), c.Name)] == nil {
			list = append(list, c)
		}
	}
	return list
}

func (p *printer) line(it *Item, words []string, depth int) {
	if len(words) == 0 {
		return
	}
	d := &Directive{Name: it.Name(), Args: words}
	writeDirective(&p.Builder, d, depth, func(d *Directive, arg string) string { return shown(it, d, arg) })
}

func showUnknown(d *Directive, arg string) string { return shown(nil, d, arg) }

func (p *printer) open(name string, args []string, depth int) {
	indent(&p.Builder, depth)
	p.WriteString(name)
	for _, a := range args {
		p.WriteString(" " + quote(a))
	}
	p.WriteString(" {\n")
}

func (p *printer) close(depth int) {
	indent(&p.Builder, depth)
	p.WriteString("}\n")
}
