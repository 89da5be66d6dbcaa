package conf

import (
	"maps"
	"slices"
	"strings"
)

// Kind says how SRS reads the arguments of a directive.
type Kind uint8

// The kinds. SRS has two readings of a switch: one that is off by default is on only for exactly
// "on", and one that is on by default is off only for exactly "off".
const (
	Block    Kind = iota // { … }, with rows of their own for the children
	Free                 // { … } whose children are the user's own
	BoolOff              // a switch, on only for "on"
	BoolOn               // a switch, off only for "off"
	Int                  // a whole number; SRS cuts decimals off
	Float                // a number
	String               // one word
	Enum                 // one word of a few
	List                 // words
	Addr                 // [ip:]port
	AddrList             // several of them
	Networks             // CIDRs or IP addresses, or "none"
)

var kindNames = [...]string{"block", "free block", "bool, default off", "bool, default on", "int", "float",
	"string", "enum", "list", "address", "address list", "networks"}

// String returns the kind's name.
func (k Kind) String() string { return kindNames[k] }

// several says whether all words of a directive count, not only the first.
func (k Kind) several() bool { return k == List || k == AddrList || k == Networks }

// Reload says what a changed value does in a running server.
type Reload byte

// The letters of the reference.
const (
	Notify  Reload = 'Y' // running objects are told and adapt
	Live    Reload = 'L' // used at the next read: the next connection, publisher, player or call
	Restart Reload = 'N' // used after a restart
)

// Outside says what happens to a number outside its limits.
type Outside uint8

// What happens to a number outside its limits.
const (
	Accept  Outside = iota // it is used, with a warning
	Default                // the default is used instead, with a warning
	Clamp                  // the nearest limit is used instead, with a warning
	Refuse                 // it is an error
)

// Limits bounds a number; both ends are allowed.
type Limits struct {
	Min, Max float64
	Outside  Outside
}

// Item is one row of the schema: what a directive is called, means and defaults to.
type Item struct {
	Path    string // names joined by dots, as "vhost.hls.hls_fragment"
	Kind    Kind
	Default string   // as it would be written; some also depend on other values, see [Scope.String]
	Unit    string   // of a number: "s", "ms", "bytes", …
	Enum    []string // the words that are allowed
	Limits  *Limits  // nil: any number
	Reload  Reload
	Env     []string // variables that override it, the first non-empty wins; empty if there is none
	Note    string   // what to tell whoever sets it

	Soft      bool // a word not in Enum is a warning, not an error
	Repeat    bool // several count; of others SRS reads the first
	Once      bool // a second one is an error
	Unchecked bool // SRS does not check the names in this block
	Secret    bool // not to be shown
	Ours      bool // srsd's own, not of SRS
}

// Name returns the last part of the path.
func (it *Item) Name() string { return it.Path[strings.LastIndexByte(it.Path, '.')+1:] }

// Parent returns the path without its last part: the block it is in, "" for none.
func (it *Item) Parent() string {
	parent, _ := split(it.Path)
	return parent
}

// none marks a row without variable in a group that has them.
var none = []string{}

// group gives rows their common parts: the path they are under, the reload letter and whether they
// can be set by variables, whose names follow the path. A row's own values stay.
func group(prefix string, reload Reload, env bool, rows ...Item) []Item {
	for i := range rows {
		r := &rows[i]
		if prefix != "" {
			r.Path = prefix + "." + r.Path
		}
		if r.Reload == 0 {
			r.Reload = reload
		}
		if env && r.Env == nil && r.Kind > Free {
			r.Env = []string{"SRS_" + strings.ToUpper(strings.ReplaceAll(r.Path, ".", "_"))}
		}
	}
	return rows
}

// ours marks rows that SRS does not have.
func ours(rows ...Item) []Item {
	for i := range rows {
		rows[i].Ours = true
	}
	return rows
}

// table is the schema with its indexes. It is built once and never changes.
type table struct {
	rows     []*Item
	byPath   map[string]*Item
	children map[string][]*Item // by the parent's path, "" for the root
	byEnv    map[string]*Item
}

var schema = newTable(
	globalRows(), httpRows(), vendorRows(), casterRows(), srtRows(), rtcServerRows(),
	vhostRows(), clusterRows(), playRows(), httpVhostRows(), packagingRows(), hlsRows(),
	transcodeRows(), rtcVhostRows(), ownRows(), ownVhostRows(),
)

func newTable(parts ...[]Item) *table {
	t := &table{byPath: map[string]*Item{}, children: map[string][]*Item{}, byEnv: map[string]*Item{}}
	for _, rows := range parts {
		for i := range rows {
			it := &rows[i]
			t.rows = append(t.rows, it)
			t.byPath[it.Path] = it
			parent, _ := split(it.Path)
			t.children[parent] = append(t.children[parent], it)
			for _, name := range it.Env {
				t.byEnv[name] = it
			}
		}
	}
	// The doubled name of the global chunk size is also the vhosts' own; say it is theirs.
	t.byEnv["SRS_VHOST_CHUNK_SIZE"] = t.byPath["vhost.chunk_size"]
	return t
}

// names returns the sorted names that are known in the block at path.
func (t *table) names(path string) []string {
	set := map[string]bool{}
	for _, it := range t.children[path] {
		set[it.Name()] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Schema returns all rows, blocks before what is in them.
func Schema() []Item {
	list := make([]Item, len(schema.rows))
	for i, it := range schema.rows {
		list[i] = *it
	}
	return list
}

// Lookup returns the row at a full path such as "vhost.hls.hls_fragment".
func Lookup(path string) (Item, bool) {
	if it := schema.byPath[path]; it != nil {
		return *it, true
	}
	return Item{}, false
}

// Known says whether a full path such as "vhost.hls.hls_fragment" is in the schema.
func Known(path string) bool { return schema.byPath[path] != nil }

// split separates the last name of a path from the block it is in.
func split(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// join is the reverse of split; either part may be empty.
func join(parent, name string) string {
	switch {
	case parent == "":
		return name
	case name == "":
		return parent
	}
	return parent + "." + name
}
