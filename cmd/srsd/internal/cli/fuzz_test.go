package cli

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "-t\x00-c\x00srs.conf", "-tc\x00f", "--help", "-cfile", "-x", "foo", "-c", "--demo", "-\x00--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := Parse(strings.Split(s, "\x00"))
		if err != nil && err.Error() == "" {
			t.Errorf("%q: an error without words", s)
		}
		_ = o
	})
}
