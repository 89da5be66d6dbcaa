package storage

import (
	"testing"
)

// FuzzJob: what is found in a spool's directory is a job that has that path, or none.
func FuzzJob(f *testing.F) {
	for _, j := range []job{{seq: 1, kind: putJob, name: "live/a.ts"}, {seq: 1 << 63, kind: removeJob, name: "a"}} {
		f.Add(j.path())
	}
	for _, s := range []string{"", "0/p/a", "0000000000000001/x/a", "0000000000000001/p/", "000000000000000g/p/a", "+000000000000001/p/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		j, ok := parseJob(Info{Name: name})
		if ok && j.path() != name {
			t.Errorf("%q is taken for %q", name, j.path())
		}
		if ok && CheckName(name) == nil && CheckName(j.name) != nil {
			t.Errorf("%q gives a job whose name is none", name)
		}
	})
}
