package amf

import "encoding/binary"

const maxU29Length = 1<<28 - 1 // a length shares its 29 bits with a flag

// Append3 appends v in AMF3 to dst and returns the longer slice. It takes what
// [Append] takes and retains nothing of it.
//
// Go's integer types are written as integers where 29 bits suffice, floats as
// doubles always. Objects are written as dynamic ones; a field without a name
// is left out, because AMF3 ends the fields with one. No references are
// written, which the format allows. Values of other types, and those nested
// deeper than 32 levels, are written as undefined.
func Append3(dst []byte, v any) []byte { return append3(dst, v, 0) }

func append3(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, mark3Null)
	case bool:
		return append(dst, mark3False+flag(v))
	case float64:
		return appendFloat(append(dst, mark3Double), v)
	case float32:
		return appendFloat(append(dst, mark3Double), float64(v))
	case string:
		return appendText3(append(dst, mark3String), v)
	case XMLDocument:
		return appendText3(append(dst, mark3XMLDoc), string(v))
	case ByteArray:
		v = v[:min(len(v), maxU29Length)]
		dst = appendU29(append(dst, mark3ByteArray), uint32(len(v))<<1|1)
		return append(dst, v...)
	case Date:
		return appendFloat(append(dst, mark3Date, 1), v.Millis)
	}
	if n, ok := number(v); ok {
		if n < -1<<28 || n >= 1<<28 {
			return appendFloat(append(dst, mark3Double), n)
		}
		return appendU29(append(dst, mark3Integer), uint32(int32(n))&(1<<29-1))
	}
	if depth >= maxDepth {
		return append(dst, mark3Undefined)
	}
	return appendContainer3(dst, v, depth)
}

func appendContainer3(dst []byte, v any, depth int) []byte {
	const dynamic = 0x0B // an object by value, traits by value, dynamic, no sealed members
	switch v := v.(type) {
	case Object:
		return appendDynamic3(append(dst, mark3Object, dynamic, 1), v, depth)
	case []Field:
		return appendDynamic3(append(dst, mark3Object, dynamic, 1), v, depth)
	case TypedObject:
		return appendDynamic3(appendText3(append(dst, mark3Object, dynamic), v.Class), v.Fields, depth)
	case ECMAArray:
		return appendDynamic3(append(dst, mark3Array, 1), v, depth)
	case StrictArray:
		return appendDense3(dst, v, depth)
	case []any:
		return appendDense3(dst, v, depth)
	}
	return append(dst, mark3Undefined)
}

func appendDynamic3(dst []byte, fields []Field, depth int) []byte {
	for i := range fields {
		if fields[i].Name == "" {
			continue
		}
		dst = appendText3(dst, fields[i].Name)
		dst = append3(dst, fields[i].Value, depth+1)
	}
	return append(dst, 1)
}

func appendDense3(dst []byte, vs []any, depth int) []byte {
	vs = vs[:min(len(vs), maxU29Length)]
	dst = append(appendU29(append(dst, mark3Array), uint32(len(vs))<<1|1), 1)
	for _, v := range vs {
		dst = append3(dst, v, depth+1)
	}
	return dst
}

func appendText3(dst []byte, s string) []byte {
	s = s[:min(len(s), maxU29Length)]
	return append(appendU29(dst, uint32(len(s))<<1|1), s...)
}

func appendU29(dst []byte, n uint32) []byte {
	switch {
	case n < 1<<7:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, byte(n>>7)|0x80, byte(n)&0x7f)
	case n < 1<<21:
		return append(dst, byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n)&0x7f)
	}
	return binary.BigEndian.AppendUint32(dst, // the last byte has all its 8 bits
		(n>>22&0x7f|0x80)<<24|(n>>15&0x7f|0x80)<<16|(n>>8&0x7f|0x80)<<8|n&0xff)
}
