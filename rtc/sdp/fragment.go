package sdp

import (
	"slices"
	"strings"
)

// Fragment is what a client tells of its ICE after the offer (RFC 8840 4.4).
type Fragment struct {
	// Ufrag and Pwd are its credentials, empty where it tells none.
	Ufrag, Pwd string
	// Trickle is told by ice-options.
	Trickle bool
	// Candidates are addresses; those that are names are left out.
	Candidates []Candidate
	// End tells that there are no more.
	End bool

	bundle, media, mid string // lines that an answer has too
}

// ParseFragment reads the body of a PATCH (application/trickle-ice-sdpfrag). Errors are of type [*Error].
func ParseFragment(text string) (*Fragment, error) {
	if len(text) > MaxSize {
		return nil, malformed("%d bytes, more than %d", len(text), MaxSize)
	}
	f, d := &Fragment{}, &Description{}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if n++; len(line) < 2 || line[1] != '=' {
			return nil, malformed("fragment: line %d: %.40q", n, line)
		}
		if line[0] == 'm' && f.media == "" && printable(line) && len(line) <= maxParams {
			f.media = line
		}
		if line[0] == 'a' {
			if err := f.attribute(d, line[2:]); err != nil {
				return nil, err
			}
		}
	}
	if n == 0 {
		return nil, malformed("fragment: nothing in it")
	}
	if (f.Ufrag == "") != (f.Pwd == "") {
		return nil, malformed("fragment: ice-ufrag and ice-pwd come together")
	}
	f.Candidates = d.Candidates
	return f, nil
}

// attribute takes what follows a=. d collects the candidates.
func (f *Fragment) attribute(d *Description, a string) error {
	k, v, _ := strings.Cut(a, ":")
	switch k {
	case "ice-ufrag":
		if !ValidICE(v, 4, 256) {
			return malformed("fragment: ice-ufrag %.40q", v)
		}
		f.Ufrag = v
	case "ice-pwd":
		if !ValidICE(v, 22, 256) {
			return malformed("fragment: ice-pwd of %d bytes", len(v))
		}
		f.Pwd = v
	case "candidate":
		d.addCandidate(v)
	case "end-of-candidates":
		f.End = true
	case "ice-options":
		f.Trickle = f.Trickle || slices.Contains(strings.Fields(v), "trickle")
	case "group":
		if f.bundle == "" && strings.HasPrefix(v, "BUNDLE ") && printable(v) && len(v) <= 16*maxToken {
			f.bundle = v
		}
	case "mid":
		if f.mid == "" && validToken(v, maxToken) {
			f.mid = v
		}
	}
	return nil
}

// Answer writes the fragment that answers a restart of ICE (RFC 9725 4.3.3).
func (f *Fragment) Answer(ufrag, pwd string, candidates []Candidate) string {
	var w writer
	w.line("a=ice-lite")
	if f.Trickle {
		w.line("a=ice-options:trickle")
	}
	if f.bundle != "" {
		w.line("a=group:", f.bundle)
	}
	if f.media != "" {
		w.line(f.media)
	}
	if f.mid != "" {
		w.line("a=mid:", f.mid)
	}
	w.line("a=ice-ufrag:", ufrag)
	w.line("a=ice-pwd:", pwd)
	w.candidates(candidates)
	w.line("a=end-of-candidates")
	return string(w.b)
}

// printable tells whether a text has nothing but ASCII characters that end no line.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
