package amf

import (
	"errors"
	"fmt"
	"strconv"
)

// AMF3 type markers (AMF3 §3.1).
const (
	mark3Undefined = 0x00
	mark3Null      = 0x01
	mark3False     = 0x02
	mark3True      = 0x03
	mark3Integer   = 0x04
	mark3Double    = 0x05
	mark3String    = 0x06
	mark3XMLDoc    = 0x07
	mark3Date      = 0x08
	mark3Array     = 0x09
	mark3Object    = 0x0A
	mark3XML       = 0x0B
	mark3ByteArray = 0x0C
)

var (
	errEmptyName = errors.New("object: a member without a name")
	errNameSize  = fmt.Errorf("name longer than %d bytes", maxName)
)

// traits is the shape of an AMF3 object (AMF3 §3.12).
type traits struct {
	class   string
	names   []string
	dynamic bool
}

// Decode3 reads the AMF3 value at the start of b and returns it with the bytes
// that follow it, under the same promises and bounds as [Decode].
//
// References to strings, objects and traits are resolved. An array with named
// elements becomes an [ECMAArray], another one a [StrictArray]; both kinds of
// XML become an [XMLDocument]. Vectors, dictionaries and externalizable
// objects are an error, because RTMP commands do not carry them.
func Decode3(b []byte) (v any, rest []byte, err error) {
	d := newDecoder(b)
	if v, err = d.value3(0); err != nil {
		return nil, nil, fmt.Errorf("amf: decode: %w", err)
	}
	return v, d.b, nil
}

func (d *decoder) value3(depth int) (any, error) {
	if d.values--; d.values < 0 {
		return nil, errValues
	}
	p, err := d.take("amf3 marker", 1)
	if err != nil {
		return nil, err
	}
	switch mark := p[0]; mark {
	case mark3Undefined:
		return Undefined{}, nil
	case mark3Null:
		return nil, nil
	case mark3False:
		return false, nil
	case mark3True:
		return true, nil
	case mark3Integer:
		n, err := d.u29("integer")
		if err != nil {
			return nil, err
		}
		return float64(int32(n<<3) >> 3), nil // 29 bits with a sign
	case mark3Double:
		return d.number("double")
	case mark3String:
		return d.text3("string")
	case mark3XMLDoc, mark3XML, mark3Date, mark3ByteArray, mark3Array, mark3Object:
		return d.complex3(mark, depth)
	default:
		return nil, fmt.Errorf("amf3 marker 0x%02x: unknown or not supported", mark)
	}
}

// u29 reads an integer of 1 to 4 bytes (AMF3 §1.3.1).
func (d *decoder) u29(what string) (uint32, error) {
	var n uint32
	for i := 0; i < 4; i++ {
		if i == len(d.b) {
			break
		}
		c := d.b[i]
		if i == 3 {
			d.b = d.b[4:]
			return n<<8 | uint32(c), nil
		}
		n = n<<7 | uint32(c&0x7f)
		if c < 0x80 {
			d.b = d.b[i+1:]
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s: input ends inside a number", what)
}

// text3 reads a string or a reference to one (AMF3 §1.3.2).
func (d *decoder) text3(what string) (string, error) {
	n, err := d.u29(what)
	if err != nil {
		return "", err
	}
	if n&1 == 0 {
		if uint64(n>>1) >= uint64(len(d.texts)) {
			return "", fmt.Errorf("%s: reference to string %d of %d", what, n>>1, len(d.texts))
		}
		s := d.texts[n>>1]
		if d.expand -= len(s); d.expand < 0 {
			return "", errText
		}
		return s, nil
	}
	p, err := d.take(what, uint64(n>>1))
	if err != nil || len(p) == 0 {
		return "", err // the empty string is never referred to
	}
	s := string(p)
	d.texts = append(d.texts, s)
	return s, nil
}

// name3 reads a name, limited to what AMF0 can write.
func (d *decoder) name3(what string) (string, error) {
	s, err := d.text3(what)
	if err == nil && len(s) > maxName {
		err = errNameSize
	}
	return s, err
}

// complex3 reads the types that share AMF3's table of object references.
func (d *decoder) complex3(mark byte, depth int) (any, error) {
	n, err := d.u29("length")
	if err != nil {
		return nil, err
	}
	if n&1 == 0 {
		return d.resolve(d.refs3, int(n>>1), depth)
	}
	switch mark {
	case mark3Date:
		t, err := d.number("date")
		return d.leaf3(Date{Millis: t}, 8, err)
	case mark3XMLDoc, mark3XML:
		p, err := d.take("xml document", uint64(n>>1))
		return d.leaf3(XMLDocument(p), len(p), err)
	case mark3ByteArray:
		p, err := d.take("byte array", uint64(n>>1))
		return d.leaf3(append(ByteArray{}, p...), len(p), err)
	}
	if depth >= maxDepth {
		return nil, errDepth
	}
	s := d.open(&d.refs3, depth)
	var v any
	if mark == mark3Array {
		v, err = d.array3(n>>1, depth)
	} else {
		v, err = d.object3(n, depth)
	}
	if err != nil {
		return nil, err
	}
	return d.close(&d.refs3, s, v), nil
}

func (d *decoder) leaf3(v any, size int, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	d.refs3 = append(d.refs3, ref{v: v, bytes: size, height: -1, done: true})
	return v, nil
}

func (d *decoder) array3(dense uint32, depth int) (any, error) {
	fields, err := d.dynamic3(nil, depth)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		vs := StrictArray{} // grows with what arrives, not with the count
		for ; dense > 0; dense-- {
			v, err := d.value3(depth + 1)
			if err != nil {
				return nil, err
			}
			vs = append(vs, v)
		}
		return vs, nil
	}
	for i := range dense {
		v, err := d.value3(depth + 1)
		if err != nil {
			return nil, err
		}
		fields = append(fields, Field{strconv.FormatUint(uint64(i), 10), v})
	}
	return ECMAArray(fields), nil
}

// dynamic3 reads named values up to the empty name.
func (d *decoder) dynamic3(fields []Field, depth int) ([]Field, error) {
	for {
		name, err := d.name3("name")
		if err != nil || name == "" {
			return fields, err
		}
		v, err := d.value3(depth + 1)
		if err != nil {
			return nil, fmt.Errorf("%.64q: %w", name, err)
		}
		fields = append(fields, Field{name, v})
	}
}

func (d *decoder) object3(n uint32, depth int) (any, error) {
	t, err := d.traits3(n)
	if err != nil {
		return nil, err
	}
	repeated := n&2 == 0 // the names are not in the input once more
	if repeated {
		d.expand -= len(t.class)
	}
	fields := []Field{}
	for _, name := range t.names {
		if repeated {
			d.expand -= len(name)
		}
		if d.expand < 0 {
			return nil, errText
		}
		v, err := d.value3(depth + 1)
		if err != nil {
			return nil, fmt.Errorf("%.64q: %w", name, err)
		}
		fields = append(fields, Field{name, v})
	}
	if t.dynamic {
		if fields, err = d.dynamic3(fields, depth); err != nil {
			return nil, err
		}
	}
	if t.class == "" {
		return Object(fields), nil
	}
	if d.expand < 0 {
		return nil, errText
	}
	return TypedObject{t.class, fields}, nil
}

// traits3 reads the traits of an object whose first number is n.
func (d *decoder) traits3(n uint32) (*traits, error) {
	if n&2 == 0 {
		if uint64(n>>2) >= uint64(len(d.kinds)) {
			return nil, fmt.Errorf("object: reference to traits %d of %d", n>>2, len(d.kinds))
		}
		return d.kinds[n>>2], nil
	}
	class, err := d.name3("class name")
	if err != nil {
		return nil, err
	}
	if n&4 != 0 {
		return nil, fmt.Errorf("object: class %.64q: externalizable objects are not supported", class)
	}
	t := &traits{class: class, dynamic: n&8 != 0}
	for range n >> 4 {
		name, err := d.name3("member name")
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, errEmptyName
		}
		t.names = append(t.names, name)
	}
	d.kinds = append(d.kinds, t)
	return t, nil
}
