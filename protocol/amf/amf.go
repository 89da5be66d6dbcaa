// Package amf reads and writes the Action Message Format that RTMP commands,
// RTMP data messages and FLV script tags are made of: AMF0 in full ([Append],
// [Decode]) and of AMF3 what such messages carry ([Append3], [Decode3]).
//
// Go values stand for AMF values like this:
//
//	number, integer     float64
//	boolean             bool
//	string, long string string
//	null                nil
//	undefined           Undefined
//	object              Object, or TypedObject when it names a class
//	ECMA array          ECMAArray
//	strict array        StrictArray
//	date                Date
//	XML                 XMLDocument
//	byte array (AMF3)   ByteArray
//
// Objects keep the order of their fields, because some players look at it.
//
// Input comes from strangers. Decoding is bounded: 32 levels of nesting, 65536
// values in one call, 1 MiB of text repeated by references, and never more
// memory than the bytes at hand account for: a count or a length that a peer
// announces is checked before anything is allocated. What is decoded is a copy
// and keeps nothing of the input.
//
// The formats are those of Adobe's "Action Message Format -- AMF 0" and
// "AMF 3" specifications; section numbers refer to them.
package amf

const (
	maxDepth    = 32      // containers inside each other
	maxValues   = 1 << 16 // values in one call
	maxExpanded = 1 << 20 // bytes that references may repeat in one call
	maxName     = 1<<16 - 1
)

// Value is any of the Go values in the package comment's table.
type Value = any

// Undefined is the undefined value (AMF0 §2.8, AMF3 §3.2). AMF0's
// "unsupported" (§2.15) is read as Undefined as well.
type Undefined struct{}

// Field is one named value of an [Object] or an [ECMAArray].
type Field struct {
	// Name is the key, as the peer sent it. AMF0 has room for 65535 bytes.
	Name string
	// Value is any value of the package comment's table.
	Value any
}

// Object is an anonymous object (AMF0 §2.5, AMF3 §3.12): its fields in the
// order of the wire. A name that appears twice is kept twice; lookups find the
// first.
type Object []Field

// ECMAArray is an associative array (AMF0 §2.10): an [Object] by another
// marker. FLV and RTMP metadata usually comes as one. In AMF3 (§3.11) it is an
// array with named elements; its unnamed ones follow under the names "0", "1"
// and so on.
type ECMAArray []Field

// StrictArray is an array of values without names (AMF0 §2.12, AMF3 §3.11).
type StrictArray []any

// Date is a point in time (AMF0 §2.13, AMF3 §3.10).
type Date struct {
	// Millis is the number of milliseconds since 1970-01-01 00:00 UTC.
	Millis float64
	// Zone is reserved by AMF0, should be 0 and is carried as is. AMF3 has
	// no such field.
	Zone int16
}

// XMLDocument is the text of an XML document (AMF0 §2.17, AMF3 §3.9 and
// §3.13). It is not parsed.
type XMLDocument string

// ByteArray is AMF3's byte array (§3.14). Inside AMF0 it is written with the
// marker that switches to AMF3 for one value.
type ByteArray []byte

// TypedObject is an object of a named class (AMF0 §2.18, AMF3 §3.12).
type TypedObject struct {
	// Class is the alias of the class, at most 65535 bytes.
	Class string
	// Fields are the members in the order of the wire.
	Fields Object
}

// Get gives the value of the first field called name, and whether there is one.
func (o Object) Get(name string) (any, bool) { return get(o, name) }

// String gives the field called name if it is a string, otherwise "".
func (o Object) String(name string) string { return getString(o, name) }

// Number gives the field called name if it is a number, otherwise 0.
func (o Object) Number(name string) float64 { return getNumber(o, name) }

// Bool tells whether the field called name is true. Since some encoders write
// flags as numbers, a number other than 0 is true too.
func (o Object) Bool(name string) bool { return getBool(o, name) }

// Get gives the value of the first field called name, and whether there is one.
func (a ECMAArray) Get(name string) (any, bool) { return get(a, name) }

// String gives the field called name if it is a string, otherwise "".
func (a ECMAArray) String(name string) string { return getString(a, name) }

// Number gives the field called name if it is a number, otherwise 0.
func (a ECMAArray) Number(name string) float64 { return getNumber(a, name) }

// Bool tells whether the field called name is true. Since some encoders write
// flags as numbers, a number other than 0 is true too.
func (a ECMAArray) Bool(name string) bool { return getBool(a, name) }

func get(fields []Field, name string) (any, bool) {
	for i := range fields {
		if fields[i].Name == name {
			return fields[i].Value, true
		}
	}
	return nil, false
}

func getString(fields []Field, name string) string {
	v, _ := get(fields, name)
	s, _ := v.(string)
	return s
}

func getNumber(fields []Field, name string) float64 {
	v, _ := get(fields, name)
	n, _ := v.(float64)
	return n
}

func getBool(fields []Field, name string) bool {
	switch v, _ := get(fields, name); v := v.(type) {
	case bool:
		return v
	case float64:
		return v != 0
	}
	return false
}
