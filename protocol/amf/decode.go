package amf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Decode reads the AMF0 value at the start of b and returns it with the bytes
// that follow it. The value is a copy: b may be reused at once.
//
// A reference (AMF0 §2.9) is replaced by what it refers to, which is then
// shared, not copied; one that points at the object it is part of is an error.
// A value after the AVM+ marker (§3.1) is read as by [Decode3]. An ECMA array
// without its end marker is accepted at the very end of b when it has as many
// fields as it announced, because some FLV writers leave the marker out.
//
// Errors: input that ends early, unknown or reserved markers, and more than
// the bounds in the package comment. The value is nil then.
func Decode(b []byte) (v any, rest []byte, err error) {
	d := newDecoder(b)
	if v, err = d.value(0); err != nil {
		return nil, nil, fmt.Errorf("amf: decode: %w", err)
	}
	return v, d.b, nil
}

// DecodeAll reads AMF0 values up to the end of b, as in the body of an RTMP
// command or data message; the bounds and the reference table are those of the
// message. On an error it returns no values. (The body of the AMF3 kinds,
// message types 15 and 17, begins with one byte that the caller takes off; the
// rest is AMF0 as well, mostly with AVM+ markers.)
func DecodeAll(b []byte) ([]any, error) {
	d := newDecoder(b)
	var vs []any
	for len(d.b) > 0 {
		v, err := d.value(0)
		if err != nil {
			return nil, fmt.Errorf("amf: decode: value %d: %w", len(vs), err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

var (
	errDepth  = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errValues = fmt.Errorf("more than %d values", maxValues)
	errText   = fmt.Errorf("references repeat more than %d bytes", maxExpanded)
	errCycle  = errors.New("reference: to an object that contains it")
)

// decoder is the input not yet read and what is left of the bounds.
type decoder struct {
	b       []byte
	values  int // values that may still come
	expand  int // bytes that references may still repeat
	deepest int // deepest container since the innermost open one

	refs0 []ref // AMF0's objects and arrays
	refs3 []ref // AMF3's, kept apart by that specification
	texts []string
	kinds []*traits
}

func newDecoder(b []byte) decoder {
	return decoder{b: b, values: maxValues, expand: maxExpanded}
}

// ref is a value that later references may repeat, with what each repetition
// is charged: without that, objects made of references to each other would
// describe a value exponentially larger than the input.
type ref struct {
	v      any
	values int // inside it, without itself
	bytes  int
	height int // levels of containers below this one; -1 for no container
	done   bool
}

// span remembers the decoder's counters at the opening of a container.
type span struct {
	index, depth, values, bytes, deepest int
}

func (d *decoder) open(refs *[]ref, depth int) span {
	s := span{len(*refs), depth, d.values, len(d.b) + d.expand, d.deepest}
	*refs = append(*refs, ref{})
	d.deepest = depth
	return s
}

func (d *decoder) close(refs *[]ref, s span, v any) any {
	(*refs)[s.index] = ref{
		v:      v,
		values: s.values - d.values,
		bytes:  s.bytes - len(d.b) - d.expand,
		height: d.deepest - s.depth,
		done:   true,
	}
	d.deepest = max(d.deepest, s.deepest)
	return v
}

func (d *decoder) resolve(refs []ref, index, depth int) (any, error) {
	if index >= len(refs) {
		return nil, fmt.Errorf("reference: to object %d of %d", index, len(refs))
	}
	r := &refs[index]
	switch {
	case !r.done:
		return nil, errCycle
	case depth+r.height >= maxDepth:
		return nil, errDepth
	case r.values > d.values:
		return nil, errValues
	case r.bytes > d.expand:
		return nil, errText
	}
	d.values -= r.values
	d.expand -= r.bytes
	d.deepest = max(d.deepest, depth+r.height)
	return r.v, nil
}

// take cuts n bytes off the input. n is what a peer says: it is compared as
// an uint64 so that no length can wrap.
func (d *decoder) take(what string, n uint64) ([]byte, error) {
	if n > uint64(len(d.b)) {
		return nil, fmt.Errorf("%s: needs %d bytes, has %d", what, n, len(d.b))
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p, nil
}

func (d *decoder) value(depth int) (any, error) {
	if d.values--; d.values < 0 {
		return nil, errValues
	}
	p, err := d.take("marker", 1)
	if err != nil {
		return nil, err
	}
	switch mark := p[0]; mark {
	case markNumber:
		return d.number("number")
	case markBoolean:
		if p, err = d.take("boolean", 1); err != nil {
			return nil, err
		}
		return p[0] != 0, nil
	case markString:
		return d.string("string", 2)
	case markLongString:
		return d.string("long string", 4)
	case markNull:
		return nil, nil
	case markUndefined, markUnsupported:
		return Undefined{}, nil
	case markDate:
		return d.date()
	case markXML:
		s, err := d.string("xml document", 4)
		return XMLDocument(s), err
	case markAVMPlus:
		d.values++ // value3 counts it
		return d.value3(depth)
	case markReference:
		if p, err = d.take("reference", 2); err != nil {
			return nil, err
		}
		return d.resolve(d.refs0, int(binary.BigEndian.Uint16(p)), depth)
	default:
		return d.container(mark, depth)
	}
}

func (d *decoder) container(mark byte, depth int) (any, error) {
	switch mark {
	case markObject, markTyped, markECMAArray, markStrictArray:
	default:
		return nil, fmt.Errorf("marker 0x%02x: unknown", mark)
	}
	if depth >= maxDepth {
		return nil, errDepth
	}
	s := d.open(&d.refs0, depth)
	var v any
	var err error
	switch mark {
	case markObject:
		var fields []Field
		fields, err = d.fields(depth, math.MaxInt64)
		v = Object(fields)
	case markTyped:
		var t TypedObject
		if t.Class, err = d.string("class name", 2); err == nil {
			t.Fields, err = d.fields(depth, math.MaxInt64)
		}
		v = t
	case markECMAArray:
		var p []byte
		var fields []Field
		if p, err = d.take("ecma array", 4); err == nil {
			fields, err = d.fields(depth, int64(binary.BigEndian.Uint32(p)))
		}
		v = ECMAArray(fields)
	case markStrictArray:
		v, err = d.strict(depth)
	}
	if err != nil {
		return nil, err
	}
	return d.close(&d.refs0, s, v), nil
}

// fields reads named values up to the end marker, or to the end of the input
// if there are as many as enough.
func (d *decoder) fields(depth int, enough int64) ([]Field, error) {
	fields := []Field{}
	for {
		if len(d.b) == 0 && int64(len(fields)) == enough {
			return fields, nil
		}
		name, err := d.string("name", 2)
		if err != nil {
			return nil, err
		}
		if name == "" && len(d.b) > 0 && d.b[0] == markObjectEnd {
			d.b = d.b[1:]
			return fields, nil
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, fmt.Errorf("%.64q: %w", name, err)
		}
		fields = append(fields, Field{name, v})
	}
}

func (d *decoder) strict(depth int) (StrictArray, error) {
	p, err := d.take("strict array", 4)
	if err != nil {
		return nil, err
	}
	vs := StrictArray{} // grows with what arrives, not with the count
	for n := binary.BigEndian.Uint32(p); n > 0; n-- {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// string reads a length of size bytes and that many bytes of text.
func (d *decoder) string(what string, size uint64) (string, error) {
	p, err := d.take(what, size)
	if err != nil {
		return "", err
	}
	var n uint64
	for _, c := range p {
		n = n<<8 | uint64(c)
	}
	if p, err = d.take(what, n); err != nil {
		return "", err
	}
	return string(p), nil
}

func (d *decoder) number(what string) (float64, error) {
	p, err := d.take(what, 8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(p)), nil
}

func (d *decoder) date() (any, error) {
	n, err := d.number("date")
	if err != nil {
		return nil, err
	}
	p, err := d.take("date", 2)
	if err != nil {
		return nil, err
	}
	return Date{n, int16(binary.BigEndian.Uint16(p))}, nil
}
