package conf

import "fmt"

// head is what stands before a directive's end: its name and arguments.
type head struct {
	words []string
	line  int
	end   byte // ';', '{', '}' or, at the end of the file, 0
}

// lexer splits a file into heads. SRS's rules: words are separated by blanks, a name, its arguments
// and the ';' or '{' behind them share a line, '#' starts a comment only where a word may start,
// and quotes know no escapes.
type lexer struct {
	file string
	src  []byte
	pos  int
	line int
}

func newLexer(file string, src []byte) *lexer { return &lexer{file: file, src: src, line: 1} }

func (l *lexer) errorf(format string, args ...any) error {
	return &Error{Code: CodeConfig, File: l.file, Line: l.line, Text: fmt.Sprintf(format, args...)}
}

// next reads up to the next ';', '{' or '}', or to the end of the file.
func (l *lexer) next() (head, error) {
	var h head
	for {
		if err := l.skip(h.line > 0); err != nil {
			return head{}, err
		}
		if l.pos == len(l.src) {
			if h.line > 0 {
				return head{}, l.errorf(`unexpected end of file, expecting ";" or "{"`)
			}
			return head{line: l.line}, nil
		}
		c := l.src[l.pos]
		if c == ';' || c == '{' || c == '}' {
			l.pos++
			if stray := c == '}' && h.line > 0 || c != '}' && len(h.words) == 0; stray {
				return head{}, l.errorf("unexpected %q", string(c))
			}
			h.end = c
			if h.line == 0 {
				h.line = l.line
			}
			return h, nil
		}
		h.line = l.line
		word, err := l.word()
		if err != nil {
			return head{}, err
		}
		if word != "" {
			h.words = append(h.words, word)
		}
	}
}

// skip passes blanks and comments. Inside a head a line may not end.
func (l *lexer) skip(pending bool) error {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\n':
			if pending {
				return l.errorf(`unexpected end of line, expecting ";" or "{" on the line of the name`)
			}
			l.line++
			l.pos++
		case blank(c):
			l.pos++
		case c == '#':
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		default:
			return nil
		}
	}
	return nil
}

// word reads one word, quoted or not, without its quotes.
func (l *lexer) word() (string, error) {
	start := l.pos
	if q := l.src[start]; q == '"' || q == '\'' {
		return l.quoted(q)
	}
	for l.pos < len(l.src) {
		if c := l.src[l.pos]; blank(c) || c == ';' || c == '{' {
			break
		}
		l.pos++
	}
	return string(l.src[start:l.pos]), nil
}

func (l *lexer) quoted(q byte) (string, error) {
	l.pos++
	start := l.pos
	for l.pos < len(l.src) && l.src[l.pos] != q {
		if l.src[l.pos] == '\n' {
			return "", l.errorf("unexpected end of line inside quotes")
		}
		l.pos++
	}
	if l.pos == len(l.src) {
		return "", l.errorf("unexpected end of file inside quotes")
	}
	word := string(l.src[start:l.pos])
	l.pos++
	if l.pos < len(l.src) {
		if c := l.src[l.pos]; !blank(c) && c != ';' && c != '{' {
			return "", l.errorf(`unexpected %q after a closing quote, expecting a space, ";" or "{"`, string(c))
		}
	}
	return word, nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
