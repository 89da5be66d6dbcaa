package conf

// Use is one place where a configuration sets something.
type Use struct {
	Path string // in the schema, as "vhost.hls.hls_fragment"
	File string // "" for a variable
	Line int
	Env  string // the variable, "" for a directive
}

// Report returns what is set in the file and the environment, in two lists: what the program
// applies, by its answer for each path of the schema, and what is known and accepted only. A name
// inside a block whose names SRS does not check, and that the schema does not have, is in the second.
func (f *File) Report(applied func(path string) bool) (used, known []Use) {
	add := func(u Use, ours bool) {
		if ours && applied(u.Path) {
			used = append(used, u)
			return
		}
		known = append(known, u)
	}
	var walk func(path string, in *Directive)
	walk = func(path string, in *Directive) {
		for _, d := range in.Children {
			u := Use{Path: join(path, d.Name), File: d.File, Line: d.Line}
			it := schema.byPath[u.Path]
			if it != nil && it.Kind == Block {
				walk(u.Path, d)
				continue
			}
			add(u, it != nil)
		}
	}
	walk("", f.root)
	for _, it := range schema.rows {
		if _, name := f.env.override(it); name != "" && schema.byEnv[name] == it {
			add(Use{Path: it.Path, Env: name}, true)
		}
	}
	return used, known
}
