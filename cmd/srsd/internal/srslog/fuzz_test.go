package srslog

import (
	"strings"
	"testing"
)

func FuzzMask(f *testing.F) {
	for _, s := range []string{"", "?token=abc&x=1", "rtmp://h/a?secret=x/s", "key=%zz", "a=b;sign=1", "token", "?token="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "?&=") {
			return // shapes of their own are checked by the table
		}
		const secret = "planted-secret"
		if got := Mask("rtmp://host/live/s?x=" + s + "&token=" + secret); strings.Contains(got, secret) {
			t.Errorf("%q keeps the secret", got)
		}
	})
}
