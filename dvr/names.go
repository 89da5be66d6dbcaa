package dvr

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// place is where the recordings of a vhost are.
type place struct {
	vhost string
	cfg   Vhost
	index *index
	names *regexp.Regexp
	dated bool // a name has the time of its recording: nothing else is named so
}

// places gives those of all vhosts that record, or have what an earlier setting recorded.
func (m *Module) places() []place {
	vhosts := []string{stream.DefaultVhost}
	for name, enabled := range m.host.Vhosts() {
		if enabled && name != stream.DefaultVhost {
			vhosts = append(vhosts, name)
		}
	}
	slices.Sort(vhosts[1:])
	cfg := m.cfg.Load()
	var list []place
	for _, name := range vhosts {
		v := cfg.vhost(name)
		if !v.Enabled {
			continue
		}
		dir, template := storage.Split(v.Path)
		x, err := m.indexOf(dir)
		if err != nil {
			m.trouble("directory "+dir, err)
			continue
		}
		p := place{vhost: name, cfg: v, index: x}
		p.names, p.dated = pattern(template)
		list = append(list, p)
	}
	return list
}

// variable gives what a template's variable looks like in a name; empty if it is none.
func variable(name string) string {
	switch name {
	case "vhost", "app", "stream":
		return `.+?`
	case "seq", "duration":
		return `\d+`
	case "timestamp":
		return `\d{13,18}`
	case "2006":
		return `\d{4}`
	case "01", "02", "15", "04", "05":
		return `\d\d`
	case "999":
		return `\d{3}`
	}
	return ""
}

// pattern gives what the names of a template look like, with or without the number of a name that was
// taken.
func pattern(template string) (names *regexp.Regexp, dated bool) {
	var b strings.Builder
	b.WriteString("^")
	ext := format(template)
	rest := strings.TrimSuffix(template, ext)
	seen := map[string]bool{}
	for rest != "" {
		literal, after, ok := strings.Cut(rest, "[")
		b.WriteString(regexp.QuoteMeta(strings.ToValidUTF8(literal, "\uFFFD"))) // which a byte that is no text matches
		if !ok {
			break
		}
		name, next, _ := strings.Cut(after, "]")
		like := variable(name)
		switch {
		case like == "":
			b.WriteString(`\[`)
			rest = after
			continue
		case seen[name]:
			b.WriteString(like)
		default:
			b.WriteString("(?P<v" + name + ">" + like + ")")
		}
		seen[name] = true
		dated = dated || name == "timestamp" || name == "2006"
		rest = next
	}
	b.WriteString(`(-\d+)?` + regexp.QuoteMeta(ext) + "$")
	return regexp.MustCompile(b.String()), dated
}

// key tells whose recording a name is.
func (p *place) key(name string) (stream.Key, bool) {
	v := p.values(name)
	k := stream.Key{Vhost: cmp.Or(v["vvhost"], p.vhost), App: v["vapp"], Name: v["vstream"]}
	return k, v != nil && k.Vhost == p.vhost
}

// values gives what stands for a template's variables in a name; nil if the name is of no such template.
func (p *place) values(name string) map[string]string {
	match := p.names.FindStringSubmatch(name)
	if match == nil {
		return nil
	}
	v := map[string]string{}
	for i, group := range p.names.SubexpNames() {
		v[group] = match[i]
	}
	return v
}

// start tells when a recording began: what its name says, at least to the second, else what is known
// otherwise.
func (p *place) start(name string, otherwise time.Time) time.Time {
	v := p.values(name)
	if ms, err := strconv.ParseInt(v["vtimestamp"], 10, 64); err == nil {
		return time.UnixMilli(ms)
	}
	zone := time.Local
	if p.cfg.UTC {
		zone = time.UTC
	}
	text := v["v2006"] + v["v01"] + v["v02"] + v["v15"] + v["v04"] + v["v05"] + "." + cmp.Or(v["v999"], "000")
	if t, err := time.ParseInLocation("20060102150405.000", text, zone); err == nil {
		return t
	}
	return otherwise
}
