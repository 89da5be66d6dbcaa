package conf

import (
	"fmt"
	"strings"
)

// The codes of SRS that a configuration can end the process with. The operating system keeps the
// low eight bits as the exit status: 255 and 170.
const (
	CodeConfig = 1023 // ConfigInvalid
	CodeCaster = 4010 // CasterEngine
)

// Error is one fault of a configuration.
type Error struct {
	Code      int    // SRS's error code
	File      string // "" for a fault of the environment or of the whole
	Line      int    // 0 where a fault has no line
	Directive string // path of the directive, or name of the variable; may be ""
	Text      string
	Syntax    bool // the text cannot be parsed, or not be read
}

// Error returns "file:line: directive: text", without the parts that are unknown.
func (e *Error) Error() string { return place(e.File, e.Line, e.Directive) + e.Text }

// Errors are all the faults of one configuration, in the order of the checks.
type Errors []*Error

// Error returns one line for each fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find an [Error].
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, x := range e {
		list[i] = x
	}
	return list
}

// Code returns the code of the first fault, 0 if there is none.
func (e Errors) Code() int {
	if len(e) == 0 {
		return 0
	}
	return e[0].Code
}

// Warning is something that SRS accepts and that the operator should know of.
type Warning struct {
	File      string // "" for the environment
	Line      int
	Directive string // path of the directive, or name of the variable; may be ""
	Text      string
}

// String returns "file:line: directive: text", without the parts that are unknown.
func (w Warning) String() string { return place(w.File, w.Line, w.Directive) + w.Text }

func place(file string, line int, directive string) string {
	var b strings.Builder
	switch {
	case file != "" && line > 0:
		fmt.Fprintf(&b, "%s:%d: ", file, line)
	case file != "":
		b.WriteString(file + ": ")
	}
	if directive != "" {
		b.WriteString(directive + ": ")
	}
	return b.String()
}

// findings collects what the transform and the checks have to say.
type findings struct {
	errors   Errors
	warnings []Warning
	broken   bool // a part of the text is not understood: what seems to be missing may be there
}

// where is the place a finding is about: a directive in a file, or a variable.
type where struct {
	file string
	line int
	name string
}

func atDirective(d *Directive, path string) where { return where{d.File, d.Line, path} }

// maxErrors ends the list: a file with more is not a configuration.
const maxErrors = 200

func (x *findings) errorf(p where, format string, args ...any) {
	if len(x.errors) > maxErrors {
		return
	}
	if len(x.errors) == maxErrors {
		p, format, args = where{}, "there are more errors", nil
	}
	x.errors = append(x.errors, &Error{
		Code: CodeConfig, File: p.file, Line: p.line, Directive: p.name, Text: fmt.Sprintf(format, args...),
	})
}

// syntaxf is errorf for what is told while the text is read.
func (x *findings) syntaxf(p where, format string, args ...any) {
	n := len(x.errors)
	x.errorf(p, format, args...)
	for _, e := range x.errors[n:] {
		e.Syntax = true
	}
	x.broken = true
}

func (x *findings) warnf(p where, format string, args ...any) {
	x.warnings = append(x.warnings, Warning{p.file, p.line, p.name, fmt.Sprintf(format, args...)})
}
