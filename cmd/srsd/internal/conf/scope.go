package conf

import (
	"math"
	"net/netip"
	"strings"
	"time"
)

// Scope is where values are read from: the whole configuration, a vhost or another block.
//
// Paths are relative to it, names joined by dots. A path that the schema does not have is a mistake
// of the program and panics, as does a getter of another kind than the row's; [Known] tells.
type Scope struct {
	file *File
	path string // of the block in the schema, "" for the root
	dir  *Directive
	base *Scope // where to look for what is missing, nil for nowhere
}

// Arg returns the argument of the block itself: the name of a vhost, the id of an ingest.
func (s *Scope) Arg() string { return s.dir.Arg() }

// Bool returns a switch, read by SRS's two conventions.
func (s *Scope) Bool(path string) bool {
	it := s.item(path, BoolOff, BoolOn)
	words, set := s.lookup(it, path)
	if !set {
		return s.fallback(it, path) == "on"
	}
	return it.parseBool(words[0])
}

// Int returns a whole number in the row's unit, within its limits.
func (s *Scope) Int(path string) int { return int(s.number(path, Int)) }

// Float returns a number in the row's unit, within its limits.
func (s *Scope) Float(path string) float64 { return s.number(path, Int, Float) }

// Duration returns a time whose unit, by the schema, is "s" or "ms".
func (s *Scope) Duration(path string) time.Duration {
	unit := float64(time.Second)
	switch it := s.item(path, Int, Float); it.Unit {
	case "s":
	case "ms":
		unit = float64(time.Millisecond)
	default:
		panic("conf: no time: " + it.Path)
	}
	ns := math.Round(s.number(path, Int, Float) * unit)
	return time.Duration(min(max(ns, math.MinInt64), math.MaxInt64/2))
}

// number returns the value as a number, the default for one that Load refuses.
func (s *Scope) number(path string, kinds ...Kind) float64 {
	it := s.item(path, kinds...)
	if words, set := s.lookup(it, path); set {
		if v, err := it.parseNumber(words[0]); err == nil {
			return it.limit(v)
		}
	}
	v, _ := it.parseNumber(s.fallback(it, path))
	return v
}

// String returns the first word of any directive, or its default.
//
// Some defaults are other values: a vhost's chunk_size is the global one, hls_key_file_path is
// hls_path, http_api.https.listen follows http_server.https.listen where the two share the HTTP
// port. The log goes to the console and, without a file, the process stays in the foreground where
// SRS does so. A candidate "$NAME" is the variable's value, "*" if it has none.
func (s *Scope) String(path string) string {
	it := s.item(path)
	words, set := s.lookup(it, path)
	if !set {
		return s.fallback(it, path)
	}
	if it.Path == "rtc_server.candidate" || it.Path == "stream_caster.sip.candidate" {
		return s.file.env.resolve(words[0])
	}
	return words[0]
}

// List returns the words of a list; nil if there are none.
func (s *Scope) List(path string) []string {
	it := s.item(path, List, AddrList, Networks)
	if words, set := s.lookup(it, path); set {
		return append([]string(nil), words...)
	}
	return strings.Fields(s.fallback(it, path))
}

// Addr returns an address as net.Listen takes it, "" for none.
func (s *Scope) Addr(path string) string {
	s.item(path, Addr)
	a, err := ParseAddr(s.String(path))
	if err != nil {
		return "" // that of a stream_caster has no default; Load refuses what is wrong
	}
	return a
}

// Addrs returns addresses as net.Listen takes them.
func (s *Scope) Addrs(path string) []string {
	s.item(path, AddrList)
	var list []string
	for _, w := range s.List(path) {
		if a, err := ParseAddr(w); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// Networks returns CIDRs, an IP address as the network of it alone; nil for "none".
func (s *Scope) Networks(path string) []netip.Prefix {
	s.item(path, Networks)
	list, _ := parseNetworks(s.List(path)) // Load refuses what is wrong
	return list
}

// Each returns the arguments of every occurrence of a directive that may be repeated, as
// security.allow.
func (s *Scope) Each(path string) [][]string {
	s.item(path)
	var all [][]string
	for _, d := range s.all(path) {
		if len(d.Args) > 0 {
			all = append(all, append([]string(nil), d.Args...))
		}
	}
	return all
}

// Free returns the children of a block whose names are the user's own, as an engine's vparams. They
// are not to be changed.
func (s *Scope) Free(path string) []*Directive {
	s.item(path, Free)
	if list := s.all(path); len(list) > 0 {
		return list[0].Children
	}
	return nil
}

// Blocks returns the scopes of all blocks of that name, in the order of the file.
func (s *Scope) Blocks(path string) []*Scope {
	it := s.item(path, Block)
	var list []*Scope
	for _, d := range s.all(path) {
		list = append(list, &Scope{file: s.file, path: it.Path, dir: d})
	}
	return list
}

// Has says whether a value, or a block, is set in the environment, the file or, where that is asked
// for, __defaultVhost__.
func (s *Scope) Has(path string) bool {
	it := s.item(path)
	if it.Kind <= Free {
		return len(s.all(path)) > 0
	}
	_, set := s.lookup(it, path)
	return set
}

// Line returns where a value or a block is set: the file and the line, or the name of a variable and
// 0. For one that is not set it is where the scope's block is.
func (s *Scope) Line(path string) (file string, line int) {
	p := s.at(path)
	if p.file == "" {
		return p.name, 0
	}
	return p.file, p.line
}

// at returns where to report a value: the variable, the directive, or else the block.
func (s *Scope) at(path string) where {
	it := s.item(path)
	if _, name := s.file.env.override(it); name != "" {
		return where{name: name}
	}
	if list := s.all(path); len(list) > 0 {
		return atDirective(list[0], it.Path)
	}
	return atDirective(s.dir, it.Path)
}

// item returns the row of a path, which has to be of one of the kinds if any are given.
func (s *Scope) item(path string, kinds ...Kind) *Item {
	it := schema.byPath[join(s.path, path)]
	if it == nil {
		panic("conf: unknown path: " + join(s.path, path))
	}
	for _, k := range kinds {
		if it.Kind == k {
			return it
		}
	}
	if len(kinds) > 0 {
		panic("conf: " + it.Path + " is a " + it.Kind.String())
	}
	return it
}

// lookup returns the words of a value that is set. A directive without words is as good as none.
func (s *Scope) lookup(it *Item, path string) (words []string, set bool) {
	if words, name := s.file.env.override(it); name != "" {
		return words, true
	}
	list := s.all(path)
	if len(list) == 0 || len(list[0].Args) == 0 {
		return nil, false // the first one counts, even if it says nothing
	}
	return list[0].Args, true
}

// ownOnly are what a vhost never takes from __defaultVhost__: whether it is there at all, and what
// would then publish the same source into each.
var ownOnly = map[string]bool{"enabled": true, "ingest": true}

// all returns every directive at a path: of the last name all, of the blocks before it the first. If
// there is none here, those of the base.
func (s *Scope) all(path string) []*Directive {
	d := s.dir
	parent, name := split(path)
	for parent != "" && d != nil {
		var block string
		block, parent, _ = strings.Cut(parent, ".")
		d = d.Child(block)
	}
	var list []*Directive
	if d != nil {
		for _, c := range d.Children {
			if c.Name == name {
				list = append(list, c)
			}
		}
	}
	if len(list) == 0 && s.base != nil && !ownOnly[path] {
		return s.base.all(path)
	}
	return list
}

// fallback returns the default of a row, which may be another value.
func (s *Scope) fallback(it *Item, path string) string {
	root := s.file.Root()
	block, _ := split(path)
	switch it.Path {
	case "srs_log_tank":
		if s.file.EnvOnly() || s.file.docker {
			return "console"
		}
	case "daemon":
		if s.file.EnvOnly() {
			return "off"
		}
	case "http_api.https.listen":
		if root.String("http_api.listen") == root.String("http_server.listen") {
			return root.String("http_server.https.listen")
		}
	case "vhost.chunk_size":
		return root.String("chunk_size")
	case "vhost.hls.hls_key_file_path":
		return s.String(join(block, "hls_path"))
	case "stream_caster.rtp_port_min":
		if s.String(join(block, "caster")) == "rtsp" {
			return "57200"
		}
	case "stream_caster.rtp_port_max":
		if s.String(join(block, "caster")) == "rtsp" {
			return "57300"
		}
	}
	return it.Default
}
