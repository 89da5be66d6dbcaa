package conf

// head is what stands before a directive's end: its name and arguments.
type head struct {
	words []string
	line  int
	end   byte // ';', '{', '}' or, at the end of the file, 0
	span  span
}

// lexer splits a file into heads. SRS's rules: words are separated by blanks, a name, its arguments
// and the ';' or '{' behind them share a line, '#' starts a comment only where a word may start,
// and quotes know no escapes.
//
// A fault does not end it: it is told, and reading goes on as if the statement had been complete.
type lexer struct {
	file string
	src  []byte
	pos  int
	line int
	x    *findings
}

func (l *lexer) errorf(format string, args ...any) {
	l.x.syntaxf(where{file: l.file, line: l.line}, format, args...)
}

// next reads up to the next ';', '{' or '}', or to the end of the file. A stray '{' has no words.
func (l *lexer) next() head {
	var h head
	for {
		if l.skip(h.line > 0) {
			l.errorf(`unexpected end of line, expecting ";" or "{" on the line of the name`)
			if len(h.words) > 0 {
				return l.cut(h)
			}
			h = head{}
			continue
		}
		if l.pos == len(l.src) {
			if h.line > 0 {
				l.errorf(`unexpected end of file, expecting ";" or "{"`)
			}
			if len(h.words) > 0 {
				return l.close(h, ';', 0)
			}
			return head{line: l.line}
		}
		switch c := l.src[l.pos]; c {
		case ';', '{':
			if len(h.words) > 0 {
				return l.close(h, c, 1)
			}
			l.errorf("unexpected %q", string(c))
			if c == '{' {
				return l.close(head{line: l.line}, c, 1)
			}
			l.pos++
			h = head{}
			continue
		case '}':
			if h.line > 0 {
				l.errorf("unexpected %q", string(c))
			}
			if len(h.words) > 0 {
				return l.close(h, ';', 0)
			}
			return l.close(head{line: l.line}, c, 1)
		}
		if !l.argument(&h) {
			if len(h.words) > 0 {
				return l.cut(h)
			}
			h = head{}
		}
	}
}

// argument reads one word into a head; the first is the name. It gives false for one whose quotes
// do not end on the line.
func (l *lexer) argument(h *head) bool {
	start := l.pos
	h.line = l.line
	word, ok := l.word()
	named := len(h.words) > 0
	if word != "" {
		h.words = append(h.words, word)
	}
	switch {
	case named && h.span.args == h.span.nameEnd:
		h.span.args, h.span.argsEnd = start, l.pos
	case named:
		h.span.argsEnd = l.pos
	default:
		h.span = span{start: start, nameEnd: l.pos, args: l.pos, argsEnd: l.pos}
	}
	return ok
}

// close ends a head with c, of which n bytes are in the text.
func (l *lexer) close(h head, c byte, n int) head {
	l.pos += n
	h.end, h.span.end, h.span.body = c, l.pos, l.pos
	return h
}

// cut ends a head whose line ended too early. What would end it may be on the next line: it is taken.
func (l *lexer) cut(h head) head {
	l.skip(false)
	if l.pos < len(l.src) && (l.src[l.pos] == ';' || l.src[l.pos] == '{') {
		return l.close(h, l.src[l.pos], 1)
	}
	return l.close(h, ';', 0)
}

// skip passes blanks and comments. Inside a head a line may not end: it stops there and says so.
func (l *lexer) skip(pending bool) (lineEnds bool) {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\n':
			if pending {
				return true
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
			return false
		}
	}
	return false
}

// word reads one word, quoted or not, without its quotes; false for quotes that do not end.
func (l *lexer) word() (string, bool) {
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
	return string(l.src[start:l.pos]), true
}

func (l *lexer) quoted(q byte) (string, bool) {
	l.pos++
	start := l.pos
	for l.pos < len(l.src) && l.src[l.pos] != q {
		if l.src[l.pos] == '\n' {
			l.errorf("unexpected end of line inside quotes")
			return string(l.src[start:l.pos]), false
		}
		l.pos++
	}
	word := string(l.src[start:l.pos])
	if l.pos == len(l.src) {
		l.errorf("unexpected end of file inside quotes")
		return word, false
	}
	l.pos++
	if l.pos < len(l.src) {
		if c := l.src[l.pos]; !blank(c) && c != ';' && c != '{' {
			l.errorf(`unexpected %q after a closing quote, expecting a space, ";" or "{"`, string(c))
		}
	}
	return word, true
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
