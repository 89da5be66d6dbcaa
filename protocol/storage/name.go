package storage

import (
	"fmt"
	"io/fs"
	"strings"
)

const (
	maxName    = 1024 // bytes
	maxElement = 255  // bytes, what file systems take
	tempSuffix = ".tmp"
)

// CheckName tells whether a name can be that of a file, in any Storage: a path as fs.ValidPath wants
// it, of at most 1,024 bytes and 251 for each element, without backslashes and control characters.
// Elements that end in ".tmp" are for files that are still written. The error wraps [fs.ErrInvalid]
// and says why.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("storage: name %.40q…: %d bytes, more than %d: %w", name, len(name), maxName, fs.ErrInvalid)
	}
	bad := func(why string) error { return fmt.Errorf("storage: name %q: %s: %w", name, why, fs.ErrInvalid) }
	switch {
	case name == "." || !fs.ValidPath(name):
		return bad("not a path below the root")
	case strings.Contains(name, `\`):
		return bad("has a backslash")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("has a control character")
	}
	for e := range strings.SplitSeq(name, "/") {
		if len(e) > maxElement-len(tempSuffix) {
			return bad(fmt.Sprintf("an element has %d bytes, more than %d", len(e), maxElement-len(tempSuffix)))
		}
		if strings.HasSuffix(e, tempSuffix) {
			return bad("elements that end in " + tempSuffix + " are for files that are still written")
		}
	}
	return nil
}
