package conf

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrFixed is the error of a change that would have no effect, as a variable decides.
var ErrFixed = errors.New("a variable of the environment decides")

// Texts returns the texts that were read, by the names of their files; under "" is what the
// environment-only mode began with. They are not to be changed.
func (f *File) Texts() map[string][]byte { return maps.Clone(f.texts) }

// Set returns the configuration with one directive changed, checked like any other: the one at a path in
// a vhost, or outside all if vhost is "", as it would be if the text of the file in which it stands
// said so. All else of the text stays. What is not there yet is added: to its block, or at the end of the
// file.
//
// The environment-only mode has no file, but a text in memory that begins with an empty vhost; there a
// variable that says otherwise is dropped. With a file, such a variable makes it [ErrFixed].
//
// The words are written with quotes where the grammar needs them; one that it cannot say is an error.
func (f *File) Set(vhost, path string, words ...string) (*File, error) {
	block, it := f.root, schema.byPath[path]
	if vhost != "" {
		v := f.byName[vhost]
		if v == nil {
			return nil, fmt.Errorf("conf: no vhost %q", vhost)
		}
		block, it = v.dir, schema.byPath[join("vhost", path)]
	}
	if it == nil || it.Kind <= Free {
		return nil, fmt.Errorf("conf: %q is no directive", path)
	}
	var drop []string
	if _, name := f.env.override(it); name != "" {
		if !f.EnvOnly() {
			return nil, fmt.Errorf("%w: %s", ErrFixed, name)
		}
		drop = it.Env
	}
	statement, err := write(it.Name(), words)
	if err != nil {
		return nil, err
	}
	parents := strings.Split(path, ".")
	parents = parents[:len(parents)-1]
	for i, name := range parents {
		inner := block.Child(name)
		if inner == nil {
			for _, p := range slices.Backward(parents[i:]) {
				statement = p + " { " + statement + " }"
			}
			return f.insert(block, statement, drop)
		}
		block = inner
	}
	if d := block.Child(it.Name()); d != nil {
		return f.replace(d, statement, drop)
	}
	return f.insert(block, statement, drop)
}

// AddVhost returns the configuration with an empty vhost more, at the end of the file.
func (f *File) AddVhost(name string) (*File, error) {
	statement, err := write("vhost", []string{name})
	if err != nil {
		return nil, err
	}
	return f.insert(f.root, strings.TrimSuffix(statement, ";")+" {\n}", nil)
}

// RenameVhost returns the configuration with another name for a vhost.
func (f *File) RenameVhost(name, to string) (*File, error) {
	d, err := f.block(name)
	if err != nil {
		return nil, err
	}
	statement, err := write("vhost", []string{to})
	if err != nil {
		return nil, err
	}
	word := strings.TrimSuffix(strings.TrimPrefix(statement, "vhost "), ";")
	return f.splice(d.File, d.span.args, d.span.argsEnd, word, nil)
}

// RemoveVhost returns the configuration without a vhost.
func (f *File) RemoveVhost(name string) (*File, error) {
	d, err := f.block(name)
	if err != nil {
		return nil, err
	}
	text, start, end := f.texts[textKey(d.File)], d.span.start, d.span.end
	// Alone on its lines, these go too.
	from := bytes.LastIndexByte(text[:start], '\n') + 1
	to := end + bytes.IndexByte(text[end:], '\n') + 1
	if to == end {
		to = len(text)
	}
	if len(bytes.TrimSpace(text[from:start])) == 0 && len(bytes.TrimSpace(text[end:to])) == 0 {
		start, end = from, to
	}
	return f.splice(d.File, start, end, "", nil)
}

// block is that of a vhost.
func (f *File) block(vhost string) (*Directive, error) {
	v := f.byName[vhost]
	if v == nil {
		return nil, fmt.Errorf("conf: no vhost %q", vhost)
	}
	return v.dir, nil
}

// write makes a statement. It refuses what would not be read back.
func write(name string, words []string) (string, error) {
	statement := strings.TrimSuffix((&Directive{Name: name, Args: words}).String(), "\n")
	list, err := Parse("", func(string) ([]byte, error) { return []byte(statement), nil })
	if err != nil || len(list) != 1 || !slices.Equal(list[0].Args, words) || list[0].Block {
		return "", fmt.Errorf("conf: %q cannot be written in a configuration", words)
	}
	return statement, nil
}

// replace puts a statement in the place of a directive, and keeps the blanks behind its name.
func (f *File) replace(d *Directive, statement string, drop []string) (*File, error) {
	if d.span == nil || d.Block {
		return nil, fmt.Errorf("conf: %sit is an old name or a block and is not changed", place(d.File, d.Line, d.Name))
	}
	words := strings.TrimPrefix(strings.TrimSuffix(statement, ";"), d.Name)
	if d.span.args > d.span.nameEnd {
		return f.splice(d.File, d.span.args, d.span.argsEnd, strings.TrimPrefix(words, " "), drop)
	}
	return f.splice(d.File, d.span.nameEnd, d.span.nameEnd, words, drop)
}

// insert puts a statement into a block: at its beginning, or at the end of the file if it is the root.
func (f *File) insert(block *Directive, statement string, drop []string) (*File, error) {
	if block == f.root {
		text := f.texts[textKey(f.Path())]
		eol := lineEnd(text)
		before := ""
		if n := len(text); n > 0 && text[n-1] != '\n' {
			before = eol
		}
		return f.splice(f.Path(), len(text), len(text), before+strings.ReplaceAll(statement, "\n", eol)+eol, drop)
	}
	if block.span == nil {
		return nil, fmt.Errorf("conf: %sit is an old name and is not changed", place(block.File, block.Line, block.Name))
	}
	if !block.Block { // "name;" stands for an empty block
		return f.splice(block.File, block.span.end-1, block.span.end, " { "+statement+" }", drop)
	}
	text, at := f.texts[textKey(block.File)], block.span.body
	line := text[at : at+bytes.IndexByte(text[at:], '\n')+1] // what follows the brace, with the line's end
	if rest := bytes.TrimSpace(line); len(line) == 0 || len(rest) > 0 && rest[0] != '#' || at+len(line) > block.span.end {
		return f.splice(block.File, at, at, " "+statement, drop)
	}
	return f.splice(block.File, at+len(line), at+len(line), indentIn(text, block)+statement+lineEnd(line), drop)
}

// lineEnd is how lines end in a text.
func lineEnd(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// indentIn is what stands before the first statement in a block, or should.
func indentIn(text []byte, block *Directive) string {
	at, more := block.span.start, "    "
	for _, c := range block.Children {
		if c.span != nil && c.File == block.File && c.Line > block.Line {
			at, more = c.span.start, ""
			break
		}
	}
	line := text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))]) + more
}

// splice loads the configuration with a part of one file's text replaced.
func (f *File) splice(file string, from, to int, by string, drop []string) (*File, error) {
	texts := f.Texts()
	old := texts[textKey(file)]
	text := make([]byte, 0, len(old)+len(by))
	texts[textKey(file)] = append(append(append(text, old[:from]...), by...), old[to:]...)
	o := f.options
	o.Texts, o.Keep = texts, f
	if len(drop) > 0 {
		env := maps.Clone(f.env)
		for _, name := range drop {
			delete(env, name)
		}
		o.Environ = []string{}
		for name, value := range env {
			o.Environ = append(o.Environ, name+"="+value)
		}
	}
	return Load(o)
}
