package amf

import (
	"encoding/binary"
	"math"
)

// AMF0 type markers (AMF0 §2.1).
const (
	markNumber      = 0x00
	markBoolean     = 0x01
	markString      = 0x02
	markObject      = 0x03
	markNull        = 0x05
	markUndefined   = 0x06
	markReference   = 0x07
	markECMAArray   = 0x08
	markObjectEnd   = 0x09
	markStrictArray = 0x0A
	markDate        = 0x0B
	markLongString  = 0x0C
	markUnsupported = 0x0D
	markXML         = 0x0F
	markTyped       = 0x10
	markAVMPlus     = 0x11
)

// Append appends v in AMF0 to dst and returns the longer slice. It retains
// nothing of v.
//
// Besides the values of the package comment's table it takes every Go integer
// type and float32 (written as numbers), []any (a strict array) and []Field
// (an object). A string longer than 65535 bytes is written as a long string
// (AMF0 §2.14). Values of other types, and those nested deeper than 32 levels,
// are written as "unsupported" (§2.15), the format's own word for them. Names
// are cut at 65535 bytes. References (§2.9) are never written.
func Append(dst []byte, v any) []byte { return appendValue(dst, v, 0) }

// AppendAll appends the values one after the other, as in the body of an RTMP
// command or data message. Each is written as by [Append].
func AppendAll(dst []byte, vs ...any) []byte {
	for _, v := range vs {
		dst = appendValue(dst, v, 0)
	}
	return dst
}

func appendValue(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, markNull)
	case float64:
		return appendNumber(dst, v)
	case bool:
		return append(dst, markBoolean, flag(v))
	case string:
		return appendString(dst, v)
	case Undefined:
		return append(dst, markUndefined)
	case Date:
		dst = appendFloat(append(dst, markDate), v.Millis)
		return binary.BigEndian.AppendUint16(dst, uint16(v.Zone))
	case XMLDocument:
		return appendLong(append(dst, markXML), string(v))
	case ByteArray:
		return append3(append(dst, markAVMPlus), v, depth)
	}
	if n, ok := number(v); ok {
		return appendNumber(dst, n)
	}
	if depth >= maxDepth {
		return append(dst, markUnsupported)
	}
	switch v := v.(type) {
	case Object:
		return appendFields(append(dst, markObject), v, depth)
	case []Field:
		return appendFields(append(dst, markObject), v, depth)
	case TypedObject:
		return appendFields(appendName(append(dst, markTyped), v.Class), v.Fields, depth)
	case ECMAArray:
		dst = binary.BigEndian.AppendUint32(append(dst, markECMAArray), uint32(len(v)))
		return appendFields(dst, v, depth)
	case StrictArray:
		return appendStrict(dst, v, depth)
	case []any:
		return appendStrict(dst, v, depth)
	}
	return append(dst, markUnsupported)
}

func appendFields(dst []byte, fields []Field, depth int) []byte {
	for i := range fields {
		dst = appendName(dst, fields[i].Name)
		dst = appendValue(dst, fields[i].Value, depth+1)
	}
	return append(dst, 0, 0, markObjectEnd)
}

func appendStrict(dst []byte, vs []any, depth int) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, markStrictArray), uint32(len(vs)))
	for _, v := range vs {
		dst = appendValue(dst, v, depth+1)
	}
	return dst
}

func appendNumber(dst []byte, n float64) []byte {
	return appendFloat(append(dst, markNumber), n)
}

func appendFloat(dst []byte, n float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(n))
}

func appendString(dst []byte, s string) []byte {
	if len(s) > maxName {
		return appendLong(append(dst, markLongString), s)
	}
	return appendName(append(dst, markString), s)
}

// appendName appends s with 16 bits of length (AMF0 §1.3.1).
func appendName(dst []byte, s string) []byte {
	s = s[:min(len(s), maxName)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendLong appends s with 32 bits of length (AMF0 §1.3.1).
func appendLong(dst []byte, s string) []byte {
	s = s[:min(int64(len(s)), math.MaxUint32)]
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// number converts Go's other numeric types.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int8:
		return float64(v), true
	case int16:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint:
		return float64(v), true
	case uint8:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float32:
		return float64(v), true
	}
	return 0, false
}
