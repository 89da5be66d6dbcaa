package srslog

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendEscaped appends s with control characters, which could end the line or steer a terminal, and
// broken UTF-8 written as in a Go string.
func appendEscaped(b []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			b = fmt.Appendf(b, `\x%02x`, s[0])
		case r >= 0x80 && !strconv.IsPrint(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return b
}

// printable gives s without what could steer a terminal, for formats that escape the rest themselves.
func printable(s string) string {
	if !strings.ContainsFunc(s, steers) {
		return s
	}
	var b []byte
	for _, r := range s {
		if steers(r) {
			b = appendEscaped(b, string(r))
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}

// steers tells the characters that JSON leaves as they are and that a terminal may obey.
func steers(r rune) bool { return r >= 0x7f && r != utf8.RuneError && !strconv.IsPrint(r) }

// cut ends b after at most n bytes, not inside of a character.
func cut(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	const more = "…"
	n -= len(more)
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return append(b[:n], more...)
}
