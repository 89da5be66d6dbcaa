package conf

import "strings"

// checkNames checks the names and the values written in a block, and in the blocks in it.
func checkNames(x *findings, path string, in *Directive) {
	unchecked := path != "" && schema.byPath[path].Unchecked
	first := map[string]*Directive{}
	for _, d := range in.Children {
		it := schema.byPath[join(path, d.Name)]
		if it == nil || strings.Contains(d.Name, ".") {
			if !unchecked {
				x.errorf(atDirective(d, ""), "%s", unknown(path, d.Name))
			}
			continue
		}
		p := atDirective(d, it.Path)
		switch f := first[d.Name]; {
		case f == nil:
			first[d.Name] = d
		case it.Once:
			x.errorf(p, "only one is allowed, the other is at %s:%d", f.File, f.Line)
		case !it.Repeat:
			x.warnf(p, "it is ignored, the one at %s:%d counts", f.File, f.Line)
		}
		checkForm(x, p, it, d)
		if it.Note != "" {
			x.warnf(p, "%s", it.Note)
		}
		if it.Kind == Block {
			checkNames(x, it.Path, d)
		}
	}
}

// checkForm checks one directive: a block where a block belongs, and good values elsewhere.
func checkForm(x *findings, p where, it *Item, d *Directive) {
	switch {
	case it.Kind <= Free:
		if !d.Block {
			x.warnf(p, "it is a block, an empty one is assumed")
		}
	case d.Block:
		x.errorf(p, `it takes a value and ";", not a block`)
	case len(d.Args) == 0:
		text := "it has no value and is as good as absent"
		if it.Default != "" {
			text += ", the default is " + it.Default
		}
		x.warnf(p, "%s", text)
	case it.Path == "stream_caster.caster":
		// Only an enabled one matters, and not before it starts, see StartErrors.
	default:
		fault, warning := it.check(d.Args)
		if fault != "" {
			x.errorf(p, "%s", fault)
		}
		if warning != "" {
			x.warnf(p, "%s", warning)
		}
	}
}

// unknown tells of a name that the block does not have, and what may have been meant.
func unknown(path, name string) string {
	text := "unknown directive \"" + name + "\""
	if path != "" {
		text += " in " + path
	}
	full := join(path, name)
	if why := removed[full]; why != "" {
		return text + ": " + why
	}
	if near := nearest(name, schema.names(path), max(1, len(name)/3)); near != "" {
		return text + ", did you mean \"" + near + "\"?"
	}
	for _, it := range schema.rows {
		if parent, last := split(it.Path); last == name && last != "enabled" && parent != path {
			if parent == "" {
				return text + ", it belongs outside all blocks"
			}
			return text + ", it belongs in " + parent
		}
	}
	return text
}
