// Package doctor looks at a configuration and the machine it is to run on, and says what keeps the
// server from running well and how to mend it: option -doctor of srsd.
//
// It changes nothing: what it tries, such as listening on a port, it undoes at once.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// Level is how bad a finding is.
type Level uint8

// The levels. Only Fail means that the server will not work as configured.
const (
	OK Level = iota
	Warn
	Fail
)

func (l Level) String() string { return [...]string{"ok", "warn", "fail"}[min(l, Fail)] }

// Finding is what a check has to say about one thing.
type Finding struct {
	Level Level
	Check string // what was looked at: ports, ffmpeg, …
	Text  string // what it is like
	Mend  string // what to do about it; empty for OK
}

// String gives the finding as one line.
func (f Finding) String() string {
	s := fmt.Sprintf("%-4s  %s: %s", f.Level, f.Check, f.Text)
	if f.Mend != "" {
		s += " -> " + f.Mend
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// report collects the findings of one check.
type report struct {
	check string
	list  []Finding
}

func (r *report) ok(format string, args ...any) {
	r.list = append(r.list, Finding{OK, r.check, fmt.Sprintf(format, args...), ""})
}

func (r *report) warn(mend, format string, args ...any) {
	r.list = append(r.list, Finding{Warn, r.check, fmt.Sprintf(format, args...), mend})
}

func (r *report) fail(mend, format string, args ...any) {
	r.list = append(r.list, Finding{Fail, r.check, fmt.Sprintf(format, args...), mend})
}

// checks are what is looked at, in order.
var checks = []struct {
	name string
	run  func(context.Context, *System, *conf.File, *report)
}{
	{"ports", checkPorts},
	{"files", checkFiles},
	{"addresses", checkAddresses},
	{"ffmpeg", checkFFmpeg},
	{"certificates", checkCertificates},
	{"disk", checkDisk},
	{"clock", checkClock},
	{"memory", checkMemory},
	{"cpu", checkCPU},
	{"kernel", checkKernel},
	{"process", checkProcess},
}

// Examine loads a configuration and makes all checks; a configuration that cannot be loaded is the
// only finding there is. ctx bounds the programs that are run.
func Examine(ctx context.Context, s *System, o conf.Options) []Finding {
	r := &report{check: "configuration"}
	f, err := conf.Load(o)
	var all conf.Errors
	switch {
	case errors.As(err, &all):
		for _, e := range all {
			r.fail("correct it; srsd -t shows the same", "%v", e)
		}
	case err != nil:
		r.fail("correct it; srsd -t shows the same", "%v", err)
	}
	if err != nil {
		return r.list
	}
	for _, e := range f.StartErrors() {
		r.fail("correct it", "%v", e)
	}
	for _, w := range f.Warnings() {
		r.warn("see whether that is meant", "%s", w)
	}
	if len(r.list) == 0 {
		r.ok("%d files read, nothing wrong", len(f.Files()))
	}
	for _, c := range checks {
		r.check = c.name
		c.run(ctx, s, f, r)
	}
	return r.list
}

// Write writes a line for each finding and a summary, and tells whether nothing failed.
func Write(w io.Writer, list []Finding) (healthy bool) {
	var count [Fail + 1]int
	for _, f := range list {
		fmt.Fprintln(w, f)
		count[f.Level]++
	}
	fmt.Fprintf(w, "%d ok, %d warnings, %d failures\n", count[OK], count[Warn], count[Fail])
	return count[Fail] == 0
}
