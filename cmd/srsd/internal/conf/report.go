package conf

// Use is one place where a configuration sets something.
type Use struct {
	Path string // in the schema, as "vhost.hls.hls_fragment"
	File string // "" for a variable
	Line int
	Env  string // the variable, "" for a directive
	// Caster is the kind of the stream_caster it is in, "" elsewhere: what is applied for one
	// kind may be known only for another.
	Caster string
}

// String returns "file:line: path", or the variable and the path.
func (u Use) String() string {
	if u.Env != "" {
		return u.Env + ": " + u.Path
	}
	return place(u.File, u.Line, "") + u.Path
}

// Report returns what is set in the file and the environment, in two lists: what the program
// applies, by its answer for each use of a path of the schema, and what is known and accepted only. A name
// inside a block whose names SRS does not check, and that the schema does not have, is in the second. What
// has no effect and a Note of its own in the schema is in neither where a file sets it.
func (f *File) Report(applied func(Use) bool) (used, known []Use) {
	add := func(u Use, ours bool) {
		if ours && applied(u) {
			used = append(used, u)
			return
		}
		known = append(known, u)
	}
	var walk func(path, caster string, in *Directive)
	walk = func(path, caster string, in *Directive) {
		if c := in.Child("caster"); c != nil && path == "stream_caster" {
			caster = c.Arg()
		}
		for _, d := range in.Children {
			u := Use{Path: join(path, d.Name), File: d.File, Line: d.Line, Caster: caster}
			it := schema.byPath[u.Path]
			if it != nil && it.Kind == Block {
				walk(u.Path, caster, d)
				continue
			}
			if it != nil && it.Note != "" && !applied(u) { // a warning of its own says so
				continue
			}
			add(u, it != nil)
		}
	}
	walk("", "", f.root)
	for _, it := range schema.rows {
		if _, name := f.env.override(it); name != "" && schema.byEnv[name] == it {
			add(Use{Path: it.Path, Env: name}, true)
		}
	}
	return used, known
}
