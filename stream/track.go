package stream

import (
	"bytes"
	"slices"
)

// Track describes one elementary stream of a publication. It is immutable.
type Track struct {
	// ID is stable within a publication: the track id of Enhanced RTMP, a PID, a mid.
	ID    int
	Codec Codec
	// Config is the codec's ISO decoder configuration; the table in the package
	// comment says which. Empty where the codec needs none.
	Config []byte

	Width, Height        int // video, in pixels; 0 if not known
	SampleRate, Channels int // audio, in Hz; 0 if not known

	Name, Language string
	Default        bool // players that know one track of a kind get this one
	Layer          int  // simulcast layer or rendition of one group, from 0

	// LegacyID says that an RTMP publisher named the codec by the CodecID that
	// predates Enhanced RTMP (HEVC 12, AV1 13). Players of FLV are answered in kind,
	// for what publishes so is watched by players that know nothing else.
	LegacyID bool
}

// Kind tells video from audio and data.
func (t *Track) Kind() Kind { return t.Codec.Kind() }

func (t *Track) equal(o *Track) bool {
	return t.ID == o.ID && t.Codec == o.Codec && bytes.Equal(t.Config, o.Config) &&
		t.Width == o.Width && t.Height == o.Height &&
		t.SampleRate == o.SampleRate && t.Channels == o.Channels &&
		t.Name == o.Name && t.Language == o.Language && t.Default == o.Default &&
		t.Layer == o.Layer && t.LegacyID == o.LegacyID
}

// Field is one named value of a stream's metadata. Value is what AMF0 can carry, in
// the types of package amf: float64, bool, string, nil and the composites.
type Field struct {
	Name  string
	Value any
}

// Tracks is the set of tracks that a run of packets was coded with, and the
// metadata that came with it. It is immutable: a change is a new value.
type Tracks struct {
	List []Track
	// Meta is the publisher's metadata (onMetaData) in the order it came.
	Meta []Field
}

// Change says how two Tracks differ.
type Change uint8

// What may differ between two Tracks.
const (
	// ChangeMeta: the metadata.
	ChangeMeta Change = 1 << iota
	// ChangeConfig: decoder configuration, size, rate or labels of a track.
	ChangeConfig
	// ChangeLayout: tracks came, went or changed their codec.
	ChangeLayout
)

// Diff tells how t differs from old. A nil old differs in everything.
func (t *Tracks) Diff(old *Tracks) Change {
	if t == old {
		return 0
	}
	if old == nil || t == nil {
		return ChangeMeta | ChangeConfig | ChangeLayout
	}
	var c Change
	if !slices.EqualFunc(t.Meta, old.Meta, fieldEqual) {
		c |= ChangeMeta
	}
	if len(t.List) != len(old.List) {
		return c | ChangeLayout | ChangeConfig
	}
	for i := range t.List {
		a, b := &t.List[i], &old.List[i]
		if a.ID != b.ID || a.Codec != b.Codec {
			c |= ChangeLayout | ChangeConfig
		} else if !a.equal(b) {
			c |= ChangeConfig
		}
	}
	return c
}

// fieldEqual compares scalars; a composite value always counts as changed, which
// costs a repeated announcement and never a missed one.
func fieldEqual(a, b Field) bool {
	if a.Name != b.Name {
		return false
	}
	switch x := a.Value.(type) {
	case nil:
		return b.Value == nil
	case float64, bool, string, int:
		return x == b.Value
	}
	return false
}

// First gives the index of the default track of a kind, else of the first one, else
// -1.
func (t *Tracks) First(k Kind) int {
	first := -1
	if t == nil {
		return first
	}
	for i := range t.List {
		if t.List[i].Kind() != k {
			continue
		}
		if t.List[i].Default {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// Has tells whether there is a track of the kind.
func (t *Tracks) Has(k Kind) bool { return t.First(k) >= 0 }

// With gives a copy of t in which the track with x's ID is x, or with x added at the
// end. Metadata is shared with t.
func (t *Tracks) With(x Track) *Tracks {
	n := &Tracks{}
	if t != nil {
		n.List, n.Meta = slices.Clone(t.List), t.Meta
	}
	for i := range n.List {
		if n.List[i].ID == x.ID && n.List[i].Kind() == x.Kind() {
			n.List[i] = x
			return n
		}
	}
	n.List = append(n.List, x)
	return n
}

// WithMeta gives a copy of t with other metadata.
func (t *Tracks) WithMeta(meta []Field) *Tracks {
	n := &Tracks{Meta: meta}
	if t != nil {
		n.List = t.List
	}
	return n
}
