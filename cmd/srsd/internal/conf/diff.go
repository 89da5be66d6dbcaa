package conf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one difference between two configurations.
type Change struct {
	// Path is the place: the names and arguments of the blocks and the directive's name, joined by dots,
	// as "vhost.live.example.com.hls.hls_window". Of blocks that look alike the second has "#2" behind it.
	Path      string
	Directive string // the path in the schema, as "vhost.hls.hls_window"
	Old, New  string // the values as they would be written, with secrets hidden; "" for none
	Reload    Reload
}

// String returns `path: "old" → "new"`.
func (c Change) String() string { return fmt.Sprintf("%s: %q → %q", c.Path, c.Old, c.New) }

// Diff lists the directives whose values in force are different in two configurations, in the order
// of the schema. A block that may be repeated and that only one of them has is one change.
func Diff(old, now *File) []Change {
	d := &differ{old: old, now: now}
	d.alike = maps.Equal(old.env, now.env) && old.EnvOnly() == now.EnvOnly() && old.docker == now.docker &&
		old.Root().String("chunk_size") == now.Root().String("chunk_size") &&
		!old.options.InheritDefault && !now.options.InheritDefault
	d.block(old.Root(), now.Root(), "", "")
	return d.changes
}

type differ struct {
	old, now *File
	alike    bool // all that a vhost's values depend on, but for what is written in it, is the same
	changes  []Change
}

func (d *differ) add(it *Item, path, old, now string) {
	d.changes = append(d.changes, Change{path, it.Path, old, now, it.Reload})
}

// block compares what is in the block at a path relative to the scopes. at is that of the changes.
func (d *differ) block(a, b *Scope, path, at string) {
	for _, it := range schema.children[join(a.path, path)] {
		rel, at := join(path, it.Name()), join(at, it.Name())
		switch {
		case it.Path == "vhost":
			d.repeated(it, at, vhostScopes(d.old), vhostScopes(d.now))
		case it.Kind == Block && it.Repeat:
			d.repeated(it, at, a.Blocks(rel), b.Blocks(rel))
		case it.Kind == Block:
			d.block(a, b, rel, at)
		default:
			d.value(it, at, a, b, rel)
		}
	}
	d.unknown(a, b, path, at)
}

func vhostScopes(f *File) []*Scope {
	list := make([]*Scope, len(f.vhosts))
	for i, v := range f.vhosts {
		list[i] = v.Scope
	}
	return list
}

// repeated compares blocks of one name, those with the same arguments with each other.
func (d *differ) repeated(it *Item, at string, a, b []*Scope) {
	old, _ := labels(at, a)
	now, order := labels(at, b)
	for _, s := range a {
		label := old.of[s]
		other := now.by[label]
		switch {
		case other == nil:
			d.add(it, label, opening(s.dir), "")
		case d.alike && sameDirective(s.dir, other.dir):
		default:
			d.block(s, other, "", label)
		}
	}
	for _, label := range order {
		if old.by[label] == nil {
			d.add(it, label, "", opening(now.by[label].dir))
		}
	}
}

type labelled struct {
	by map[string]*Scope
	of map[*Scope]string
}

// labels gives each block a name of its own.
func labels(at string, list []*Scope) (l labelled, order []string) {
	l = labelled{map[string]*Scope{}, map[*Scope]string{}}
	seen := map[string]int{}
	for _, s := range list {
		label := join(at, strings.Join(s.dir.Args, " "))
		if seen[label]++; seen[label] > 1 {
			label = fmt.Sprintf("%s#%d", label, seen[label])
		}
		l.by[label], l.of[s] = s, label
		order = append(order, label)
	}
	return l, order
}

// opening is how a block begins.
func opening(d *Directive) string {
	return strings.Join(append([]string{d.Name}, d.Args...), " ") + " {…}"
}

// sameDirective says whether two directives are written alike, wherever.
func sameDirective(a, b *Directive) bool {
	return a.Name == b.Name && a.Block == b.Block && slices.Equal(a.Args, b.Args) &&
		slices.EqualFunc(a.Children, b.Children, sameDirective)
}

// value compares one directive.
func (d *differ) value(it *Item, at string, a, b *Scope, rel string) {
	if it.Kind == Free {
		d.text(it, at, first(a.all(rel)), first(b.all(rel)))
		return
	}
	if it.Repeat {
		x, y := a.Each(rel), b.Each(rel)
		if !slices.EqualFunc(x, y, slices.Equal) {
			d.add(it, at, showWords(it, x...), showWords(it, y...))
		}
		return
	}
	if (it.Kind == Int || it.Kind == Float) && a.Float(rel) == b.Float(rel) {
		return
	}
	if x, y := a.words(it, rel), b.words(it, rel); !slices.Equal(x, y) {
		d.add(it, at, showWords(it, x), showWords(it, y))
	}
}

func first(list []*Directive) []*Directive { return list[:min(len(list), 1)] }

// text compares directives that the schema does not know.
func (d *differ) text(it *Item, at string, a, b []*Directive) {
	if !slices.EqualFunc(a, b, sameDirective) {
		d.add(it, at, showDirectives(a), showDirectives(b))
	}
}

// unknown compares the names that only a block without checks can have.
func (d *differ) unknown(a, b *Scope, path, at string) {
	it := schema.byPath[join(a.path, path)]
	if it == nil || !it.Unchecked {
		return
	}
	byName := func(list []*Directive) map[string][]*Directive {
		m := map[string][]*Directive{}
		for _, c := range list {
			m[c.Name] = append(m[c.Name], c)
		}
		return m
	}
	x, y := byName(a.unknown(path)), byName(b.unknown(path))
	all := maps.Clone(x)
	maps.Copy(all, y)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d.text(it, join(at, name), x[name], y[name])
	}
}

// showWords writes the words of one directive, or of several.
func showWords(it *Item, list ...[]string) string {
	var all []string
	for _, words := range list {
		var one []string
		for _, w := range words {
			one = append(one, quote(shown(it, &Directive{Name: it.Name()}, w)))
		}
		all = append(all, strings.Join(one, " "))
	}
	return strings.Join(all, "; ")
}

// showDirectives writes directives on one line.
func showDirectives(list []*Directive) string {
	var b strings.Builder
	for _, c := range list {
		writeDirective(&b, c, 0, showUnknown)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
