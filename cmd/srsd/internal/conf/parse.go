package conf

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Bounds of what Parse reads, far above any real configuration. They end what would not end by
// itself: files that include each other, or a device given as a file.
const (
	maxBytes    = 16 << 20 // of all files together
	maxNesting  = 64       // blocks in blocks, across includes
	maxDepth    = 16       // includes in includes
	maxIncludes = 1024
)

// Parse reads the file name and those it includes into a tree. Include paths are relative to the
// working directory, not to the file that names them, and the text stands where the include stood.
// read returns a file's text; nil reads from the disk.
//
// The error is an [Errors] with all that is wrong, each with its file and line.
func Parse(name string, read func(string) ([]byte, error)) ([]*Directive, error) {
	if read == nil {
		read = readFile
	}
	p := &parser{read: read, x: &findings{}, texts: map[string][]byte{}}
	list := p.file(name, nil, 0)
	if len(p.x.errors) > 0 {
		return nil, p.x.errors
	}
	return list, nil
}

type parser struct {
	read     func(string) ([]byte, error)
	x        *findings
	bytes    int
	includes int
	full     bool              // a bound is reached: nothing is read any more
	files    []string          // each once, in order
	texts    map[string][]byte // by textKey
	open     []string          // the file being read and those that include it
}

// textKey is the name by which the text of a file is kept. Without a file there is a text without
// a name.
func textKey(name string) string {
	if name == "" {
		return ""
	}
	return filepath.Clean(name)
}

// file parses one file; by is the include that asked for it, depth the blocks around that.
func (p *parser) file(name string, by *Directive, depth int) []*Directive {
	fail := func(format string, args ...any) []*Directive {
		at := where{file: name}
		if by != nil {
			at = where{by.File, by.Line, "include"}
		}
		p.x.syntaxf(at, format, args...)
		return nil
	}
	path := textKey(name)
	switch p.includes++; {
	case p.full:
		return nil
	case slices.Contains(p.open, path):
		return fail("%s includes itself", name)
	case len(p.open) > maxDepth:
		return fail("more than %d includes inside each other", maxDepth)
	case p.includes > maxIncludes:
		p.full = true
		return fail("more than %d includes", maxIncludes)
	}
	src, err := p.read(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err // its path is told already
		}
		return fail("cannot read %s: %v", name, err)
	}
	if p.bytes += len(src); p.bytes > maxBytes {
		p.full = true
		return fail("more than %d MB of configuration", maxBytes>>20)
	}
	if _, twice := p.texts[path]; !twice && name != "" {
		p.files = append(p.files, name)
	}
	p.texts[path] = src
	l := &lexer{file: name, src: src, line: 1, x: p.x}
	if bytes.HasPrefix(src, []byte("\uFEFF")) { // some editors put a byte order mark
		l.pos = 3
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		l.line += bytes.Count(src[:i], []byte("\n"))
		l.errorf("a NUL byte: not a text file")
		return nil
	}
	p.open = append(p.open, path)
	list, _ := p.block(l, nil, depth)
	p.open = p.open[:len(p.open)-1]
	return list
}

// block parses up to the end of in's block, or of the file if in is nil. It gives false if the file
// ended inside, which is told once.
func (p *parser) block(l *lexer, in *Directive, depth int) (list []*Directive, complete bool) {
	if depth > maxNesting {
		l.errorf("more than %d blocks inside each other", maxNesting)
		l.pos = len(l.src)
		return nil, false
	}
	for {
		h := l.next()
		switch {
		case h.end == 0 && in != nil:
			l.errorf(`unexpected end of file, expecting "}" of %q at line %d`, in.Name, in.Line)
			return list, false
		case h.end == 0:
			return list, true
		case h.end == '}' && in == nil:
			l.errorf(`unexpected "}"`)
			continue
		case h.end == '}':
			in.span.end = h.span.end
			return list, true
		}
		d := &Directive{Block: h.end == '{', File: l.file, Line: h.line, span: &h.span}
		if len(h.words) > 0 {
			d.Name, d.Args = h.words[0], h.words[1:]
		}
		if d.Name == "include" && !d.Block && len(d.Args) > 0 {
			for _, name := range d.Args {
				list = append(list, p.file(name, d, depth)...)
			}
			continue
		}
		if d.Block {
			if d.Children, complete = p.block(l, d, depth+1); !complete {
				return append(list, d), false
			}
		}
		switch d.Name {
		case "": // the fault is told
		case "include":
			l.x.syntaxf(where{file: d.File, line: d.Line}, "include takes files and no block")
		default:
			list = append(list, d)
		}
	}
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}
