package api

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// exposition writes metrics in Prometheus's text format, version 0.0.4.
type exposition struct {
	b    []byte
	name string // of the family that is being written
}

// family begins a metric.
func (x *exposition) family(name, help, kind string) {
	x.name = name
	x.b = fmt.Appendf(x.b, "# HELP %s %s\n# TYPE %s %s\n", name, helpEscape.Replace(help), name, kind)
}

// sample adds a value of the family, with labels as labels.text gives them.
func (x *exposition) sample(labels string, v float64) {
	x.b = append(x.b, x.name...)
	x.b = append(x.b, labels...)
	x.b = append(x.b, ' ')
	x.b = strconv.AppendFloat(x.b, v, 'f', -1, 64)
	x.b = append(x.b, '\n')
}

// one writes a metric that has one value.
func (x *exposition) one(name, help, kind string, v float64) {
	x.family(name, help, kind)
	x.sample("", v)
}

type label struct{ name, value string }

type labels []label

var (
	labelEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	helpEscape  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

// text gives the labels with their braces.
func (l labels) text() string {
	var b strings.Builder
	for i, e := range l {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(e.name)
		b.WriteString(`="`)
		_, _ = labelEscape.WriteString(&b, tame(e.value))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

// maxLabel bounds the value of a label, in bytes: whoever publishes chooses names, and a time series
// database keeps them.
const maxLabel = 128

// tame gives a label's value as UTF-8 of a bounded length without control characters. What it has to
// change gets "~" and a hash, so that different names stay different; other values have no "~".
func tame(s string) string {
	clean := s
	if len(clean) > maxLabel {
		clean = clean[:maxLabel]
	}
	clean = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '~' {
			return '.'
		}
		return c
	}, strings.ToValidUTF8(clean, "."))
	if clean == s {
		return s
	}
	h := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%s~%x", clean, h[:8])
}
