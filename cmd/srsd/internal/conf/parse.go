package conf

import (
	"bytes"
	"errors"
	"fmt"
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
// The first fault ends it, as an [*Error] with the file and the line.
func Parse(name string, read func(string) ([]byte, error)) ([]*Directive, error) {
	list, _, err := parse(name, read)
	return list, err
}

func parse(name string, read func(string) ([]byte, error)) (list []*Directive, files []string, err error) {
	if read == nil {
		read = readFile
	}
	p := &parser{read: read}
	list, err = p.file(name, nil, 0)
	return list, p.files, err
}

type parser struct {
	read     func(string) ([]byte, error)
	bytes    int
	includes int
	files    []string // each once, in order
	open     []string // the file being read and those that include it
}

// file parses one file; by is the include that asked for it, depth the blocks around that.
func (p *parser) file(name string, by *Directive, depth int) ([]*Directive, error) {
	fail := func(format string, args ...any) error {
		e := &Error{Code: CodeConfig, File: name, Text: fmt.Sprintf(format, args...)}
		if by != nil {
			e.File, e.Line, e.Directive = by.File, by.Line, "include"
		}
		return e
	}
	path := filepath.Clean(name)
	switch p.includes++; {
	case slices.Contains(p.open, path):
		return nil, fail("%s includes itself", name)
	case len(p.open) > maxDepth:
		return nil, fail("more than %d includes inside each other", maxDepth)
	case p.includes > maxIncludes:
		return nil, fail("more than %d includes", maxIncludes)
	}
	src, err := p.read(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err // its path is told already
		}
		return nil, fail("cannot read %s: %v", name, err)
	}
	if p.bytes += len(src); p.bytes > maxBytes {
		return nil, fail("more than %d MB of configuration", maxBytes>>20)
	}
	src = bytes.TrimPrefix(src, []byte("\uFEFF")) // some editors put a byte order mark
	if i := bytes.IndexByte(src, 0); i >= 0 {
		line := 1 + bytes.Count(src[:i], []byte("\n"))
		return nil, &Error{Code: CodeConfig, File: name, Line: line, Text: "a NUL byte: not a text file"}
	}
	if !slices.Contains(p.files, name) {
		p.files = append(p.files, name)
	}
	p.open = append(p.open, path)
	list, err := p.block(newLexer(name, src), nil, depth)
	p.open = p.open[:len(p.open)-1]
	return list, err
}

// block parses up to the end of in's block, or of the file if in is nil.
func (p *parser) block(l *lexer, in *Directive, depth int) ([]*Directive, error) {
	if depth > maxNesting {
		return nil, l.errorf("more than %d blocks inside each other", maxNesting)
	}
	var list []*Directive
	for {
		h, err := l.next()
		if err != nil {
			return nil, err
		}
		switch {
		case h.end == 0 && in != nil:
			return nil, l.errorf(`unexpected end of file, expecting "}" of %q at line %d`, in.Name, in.Line)
		case h.end == '}' && in == nil:
			return nil, l.errorf(`unexpected "}"`)
		case h.end == 0 || h.end == '}':
			return list, nil
		}
		d := &Directive{Name: h.words[0], Args: h.words[1:], Block: h.end == '{', File: l.file, Line: h.line}
		if d.Name == "include" {
			inner, err := p.include(l, d, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, inner...)
			continue
		}
		if d.Block {
			if d.Children, err = p.block(l, d, depth+1); err != nil {
				return nil, err
			}
		}
		list = append(list, d)
	}
}

func (p *parser) include(l *lexer, d *Directive, depth int) ([]*Directive, error) {
	if d.Block || len(d.Args) == 0 {
		return nil, l.errorf("include takes files and no block")
	}
	var list []*Directive
	for _, name := range d.Args {
		inner, err := p.file(name, d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, inner...)
	}
	return list, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}
