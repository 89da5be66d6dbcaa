package amf

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// vector is a value and its bytes. Those with oneWay set are only decoded:
// encoding gives other bytes for the same value.
type vector struct {
	name   string
	bytes  string // hexadecimal, blanks allowed
	value  any
	oneWay bool
}

var vectors0 = []vector{
	{"number", "00 3ff0000000000000", 1.0, false},
	{"true", "01 01", true, false},
	{"false", "01 00", false, false},
	{"true as 2", "01 02", true, true},
	{"string", "02 0004 6c697665", "live", false},
	{"empty string", "02 0000", "", false},
	{"object", "03 0003 617070 02 0004 6c697665 0001 61 05 000009",
		Object{{"app", "live"}, {"a", nil}}, false},
	{"empty object", "03 000009", Object{}, false},
	{"empty name", "03 0000 05 000009", Object{{"", nil}}, false},
	{"same name twice", "03 0001 61 05 0001 61 06 000009", Object{{"a", nil}, {"a", Undefined{}}}, false},
	{"null", "05", nil, false},
	{"undefined", "06", Undefined{}, false},
	{"unsupported", "0d", Undefined{}, true},
	{"ecma array", "08 00000001 0001 61 01 01 000009", ECMAArray{{"a", true}}, false},
	{"ecma array, wrong count", "08 00000000 0001 61 01 01 000009", ECMAArray{{"a", true}}, true},
	{"ecma array, huge count", "08 ffffffff 0001 61 01 01 000009", ECMAArray{{"a", true}}, true},
	{"ecma array, no end", "08 00000001 0001 61 01 01", ECMAArray{{"a", true}}, true},
	{"strict array", "0a 00000002 05 01 01", StrictArray{nil, true}, false},
	{"empty strict array", "0a 00000000", StrictArray{}, false},
	{"date", "0b 3ff0000000000000 fffe", Date{1, -2}, false},
	{"long string", "0c 00000001 61", "a", true},
	{"xml document", "0f 00000004 3c612f3e", XMLDocument("<a/>"), false},
	{"typed object", "10 0001 43 0001 61 05 000009", TypedObject{"C", Object{{"a", nil}}}, false},
	{"reference", "03 0001 61 03 000009 0001 62 07 0001 000009",
		Object{{"a", Object{}}, {"b", Object{}}}, true},
	{"byte array", "11 0c 05 0102", ByteArray{1, 2}, false},
	{"amf3 integer", "11 04 05", 5.0, true},
	{"amf3 object", "11 0a 0b 01 03 61 06 03 62 01", Object{{"a", "b"}}, true},
}

var vectors3 = []vector{
	{"undefined", "00", Undefined{}, false},
	{"null", "01", nil, false},
	{"false", "02", false, false},
	{"true", "03", true, false},
	{"integer", "04 7f", 127.0, true},
	{"integer of 2 bytes", "04 8100", 128.0, true},
	{"integer of 3 bytes", "04 818000", 16384.0, true},
	{"integer of 4 bytes", "04 80c08000", 2097152.0, true},
	{"largest integer", "04 bfffffff", float64(1<<28 - 1), true},
	{"integer -1", "04 ffffffff", -1.0, true},
	{"smallest integer", "04 c0808000", float64(-1 << 28), true},
	{"double", "05 3ff0000000000000", 1.0, false},
	{"string", "06 09 6c697665", "live", false},
	{"empty string", "06 01", "", false},
	{"xml document", "07 09 3c612f3e", XMLDocument("<a/>"), false},
	{"xml", "0b 09 3c612f3e", XMLDocument("<a/>"), true},
	{"date", "08 01 3ff0000000000000", Date{Millis: 1}, false},
	{"dense array", "09 05 01 01 03", StrictArray{nil, true}, false},
	{"named elements", "09 01 03 61 01 01", ECMAArray{{"a", nil}}, false},
	{"both", "09 03 03 61 01 01 02", ECMAArray{{"a", nil}, {"0", false}}, true},
	{"string reference", "09 05 01 06 03 61 06 00", StrictArray{"a", "a"}, true},
	{"dynamic object", "0a 0b 01 03 61 01 01", Object{{"a", nil}}, false},
	{"typed object", "0a 0b 03 43 03 61 01 01", TypedObject{"C", Object{{"a", nil}}}, false},
	{"sealed object", "0a 23 01 03 61 03 62 02 03", Object{{"a", false}, {"b", true}}, true},
	{"traits reference", "09 05 01 0a 13 03 43 03 61 01 0a 01 03", StrictArray{
		TypedObject{"C", Object{{"a", nil}}}, TypedObject{"C", Object{{"a", true}}}}, true},
	{"object reference", "09 05 01 0a 0b 01 01 0a 02", StrictArray{Object{}, Object{}}, true},
	{"date reference", "09 05 01 08 01 3ff0000000000000 08 02", StrictArray{Date{1, 0}, Date{1, 0}}, true},
	{"byte array", "0c 05 0102", ByteArray{1, 2}, false},
}

var broken0 = []struct{ name, bytes, want string }{
	{"nothing", "", "marker: needs 1 bytes, has 0"},
	{"short number", "00 00", "number: needs 8 bytes, has 1"},
	{"short string", "02 0004 61", "string: needs 4 bytes, has 1"},
	{"huge long string", "0c ffffffff", "long string: needs 4294967295 bytes, has 0"},
	{"huge strict array", "0a ffffffff 05", "marker: needs 1 bytes"},
	{"object without end", "03 0001 61 05", `name: needs 2 bytes, has 0`},
	{"inside a field", "03 0001 61 00", `"a": number: needs 8 bytes`},
	{"ecma array, too few", "08 00000002 0001 61 01 01", "name: needs 2 bytes"},
	{"reference to nothing", "07 0000", "reference: to object 0 of 0"},
	{"reference to itself", "03 0001 61 07 0000 000009", "an object that contains it"},
	{"movie clip", "04", "marker 0x04: unknown"},
	{"end marker", "09", "marker 0x09: unknown"},
	{"amf3 externalizable", "11 0a 07 03 43", `class "C": externalizable`},
	{"amf3 vector", "11 0d 01", "amf3 marker 0x0d"},
	{"amf3 reference", "11 0a 00", "reference: to object 0 of 0"},
	{"amf3 string reference", "11 06 00", "reference to string 0 of 0"},
	{"amf3 traits reference", "11 0a 01", "reference to traits 0 of 0"},
	{"amf3 cycle", "11 09 03 01 09 00", "an object that contains it"},
	{"amf3 nameless member", "11 0a 13 01 01", "a member without a name"},
	{"amf3 short integer", "11 04 8080", "input ends inside a number"},
	{"amf3 huge array", "11 09 ffffffff 01", "amf3 marker: needs 1 bytes"},
	{"amf3 huge members", "11 0a fffffffb 01", "member name"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

type codec struct {
	decode func([]byte) (any, []byte, error)
	append func([]byte, any) []byte
}

func TestVectors(t *testing.T) {
	for _, set := range []struct {
		name    string
		vectors []vector
		codec
	}{
		{"amf0", vectors0, codec{Decode, Append}},
		{"amf3", vectors3, codec{Decode3, Append3}},
	} {
		for _, v := range set.vectors {
			t.Run(set.name+"/"+v.name, func(t *testing.T) {
				b := unhex(t, v.bytes)
				got, rest, err := set.decode(b)
				require.NoError(t, err)
				require.Empty(t, rest)
				require.Equal(t, v.value, got)
				if !v.oneWay {
					require.Equal(t, b, set.append(nil, v.value))
				}
				again, _, err := set.decode(set.append(nil, v.value))
				require.NoError(t, err)
				require.Equal(t, v.value, again)
			})
		}
	}
}

func TestBroken(t *testing.T) {
	for _, v := range broken0 {
		t.Run(v.name, func(t *testing.T) {
			got, rest, err := Decode(unhex(t, v.bytes))
			require.ErrorContains(t, err, "amf: decode: ")
			require.ErrorContains(t, err, v.want)
			require.Nil(t, got)
			require.Nil(t, rest)
		})
	}
}

// Every prefix of a good value is an error or a good value, never a panic.
func TestTruncated(t *testing.T) {
	for _, v := range vectors0 {
		b := unhex(t, v.bytes)
		for n := range b {
			_, _, err := Decode(b[:n])
			if !strings.HasPrefix(v.name, "ecma") {
				require.Error(t, err, "%s cut to %d", v.name, n)
			}
		}
	}
}

func TestDecodeAll(t *testing.T) {
	command := []any{"connect", 1.0, Object{{"app", "live"}}, nil}
	b := AppendAll(nil, "connect", 1, Object{{"app", "live"}}, nil)
	got, err := DecodeAll(b)
	require.NoError(t, err)
	require.Equal(t, command, got)

	// One table of references serves the whole message.
	got, err = DecodeAll(unhex(t, "03 0001 61 05 000009 07 0000"))
	require.NoError(t, err)
	require.Equal(t, []any{Object{{"a", nil}}, Object{{"a", nil}}}, got)

	got, err = DecodeAll(append(b, 0xff))
	require.ErrorContains(t, err, "amf: decode: value 4: marker 0xff")
	require.Nil(t, got)
}

func TestCopies(t *testing.T) {
	b := Append(nil, "live")
	v, rest, err := Decode(append(b, 1, 2))
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2}, rest)
	clear(b)
	require.Equal(t, "live", v)
}

func TestOtherGoValues(t *testing.T) {
	for _, v := range []any{7, int8(7), int16(7), int32(7), int64(7), uint(7), uint8(7), uint16(7),
		uint32(7), uint64(7), float32(7)} {
		got, _, err := Decode(Append(nil, v))
		require.NoError(t, err)
		require.Equal(t, 7.0, got)
		got, _, err = Decode3(Append3(nil, v))
		require.NoError(t, err)
		require.Equal(t, 7.0, got)
	}
	require.Equal(t, unhex(t, "04 ffffffff"), Append3(nil, -1))
	require.Equal(t, unhex(t, "05 41b0000000000000"), Append3(nil, 1<<28))
	require.Equal(t, Append(nil, Object{{"a", 1}}), Append(nil, []Field{{"a", 1}}))
	require.Equal(t, Append3(nil, Object{{"a", 1}}), Append3(nil, []Field{{"a", 1}, {"", 2}}))
	require.Equal(t, Append(nil, StrictArray{1}), Append(nil, []any{1}))
	require.Equal(t, []byte{markUnsupported}, Append(nil, make(chan int)))
	require.Equal(t, []byte{mark3Undefined}, Append3(nil, make(chan int)))
}

func TestLongStrings(t *testing.T) {
	for _, n := range []int{65535, 65536} {
		s := strings.Repeat("a", n)
		b := Append(nil, s)
		require.Equal(t, n > 65535, b[0] == markLongString)
		got, _, err := Decode(b)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	name := strings.Repeat("n", 65536)
	got, _, err := Decode(Append(nil, Object{{name, 1.0}}))
	require.NoError(t, err)
	require.Equal(t, Object{{name[:65535], 1.0}}, got)
	_, _, err = Decode3(Append3(nil, Object{{name, 1.0}}))
	require.ErrorContains(t, err, "name longer than")
}

func TestDepth(t *testing.T) {
	nest := func(n int) any {
		var v any = true
		for range n {
			v = StrictArray{v}
		}
		return v
	}
	for _, c := range []codec{{Decode, Append}, {Decode3, Append3}} {
		got, _, err := c.decode(c.append(nil, nest(maxDepth)))
		require.NoError(t, err)
		require.Equal(t, nest(maxDepth), got)
	}
	self := StrictArray{nil}
	self[0] = self
	require.NotEmpty(t, Append(nil, self), "a cycle ends")
	_, _, err := Decode(bytes.Repeat(unhex(t, "0a 00000001"), 33))
	require.ErrorContains(t, err, "nested deeper than 32")
	_, _, err = Decode3(bytes.Repeat(unhex(t, "09 03 01"), 33))
	require.ErrorContains(t, err, "nested deeper than 32")
}

func TestBounds(t *testing.T) {
	many := append(unhex(t, "0a 00020000"), bytes.Repeat([]byte{markNull}, 1<<17)...)
	_, _, err := Decode(many)
	require.ErrorContains(t, err, "more than 65536 values")

	// Each object holds two references to the one before: 2^30 values in 500 bytes.
	b := unhex(t, "0a 0000001f 03 000009")
	for i := range byte(30) {
		b = append(b, unhex(t, "03 0001 61 07")...)
		b = append(b, 0, i+1)
		b = append(b, unhex(t, "0001 62 07")...)
		b = append(b, 0, i+1, 0, 0, 9)
	}
	_, _, err = Decode(b)
	require.ErrorContains(t, err, "more than 65536 values")

	// A chain of references that gets deeper than any value may.
	b = unhex(t, "0a 00000028 03 000009")
	for i := range byte(40) {
		b = append(b, unhex(t, "03 0001 61 07")...)
		b = append(b, 0, i+1, 0, 0, 9)
	}
	_, _, err = Decode(b)
	require.ErrorContains(t, err, "nested deeper")

	// One text of 60000 bytes, said a hundred times.
	b = append(unhex(t, "09 8149 01"), Append3(nil, strings.Repeat("a", 60000))...)
	b = append(b, bytes.Repeat([]byte{mark3String, 0}, 99)...)
	_, _, err = Decode3(b)
	require.ErrorContains(t, err, "references repeat")
}

func TestLookups(t *testing.T) {
	o := Object{{"s", "x"}, {"n", 2.0}, {"b", true}, {"s", "y"}}
	a := ECMAArray(o)
	v, ok := o.Get("n")
	require.True(t, ok)
	require.Equal(t, 2.0, v)
	_, ok = a.Get("none")
	require.False(t, ok)
	require.Equal(t, "x", o.String("s"))
	require.Equal(t, "", a.String("n"))
	require.Equal(t, 2.0, a.Number("n"))
	require.Zero(t, o.Number("s"))
	require.True(t, o.Bool("b"))
	require.True(t, a.Bool("n"))
	require.False(t, o.Bool("s"))
}

func TestNaN(t *testing.T) {
	v, _, err := Decode(Append(nil, math.NaN()))
	require.NoError(t, err)
	require.True(t, math.IsNaN(v.(float64)))
}

func TestAppendDoesNotAllocate(t *testing.T) {
	meta := metadata()
	buf := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		buf = AppendAll(buf[:0], "@setDataFrame", "onMetaData", meta)
	}))
}

func metadata() any {
	return ECMAArray{{"width", 1920.0}, {"height", 1080.0}, {"videocodecid", 7.0}, {"framerate", 25.0},
		{"audiocodecid", 10.0}, {"stereo", true}, {"encoder", "obs"}}
}

func BenchmarkAppend(b *testing.B) {
	meta := metadata()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendAll(buf[:0], "onMetaData", meta)
	}
}

func BenchmarkDecode(b *testing.B) {
	in := AppendAll(nil, "onMetaData", metadata())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeAll(in); err != nil {
			b.Fatal(err)
		}
	}
}

func fuzz(f *testing.F, c codec) {
	f.Fuzz(func(t *testing.T, in []byte) {
		v, rest, err := c.decode(in)
		if err != nil {
			return
		}
		if len(rest) >= len(in) {
			t.Fatal("nothing consumed")
		}
		// Bytes are compared, because a NaN is not equal to itself.
		first := c.append(nil, v)
		again, rest, err := c.decode(first)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%#v written as %x: %v, %d left", v, first, err, len(rest))
		}
		if second := c.append(nil, again); !bytes.Equal(first, second) {
			t.Fatalf("%x became %x", first, second)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors0 {
		f.Add(unhex(f, v.bytes))
	}
	for _, v := range broken0 {
		f.Add(unhex(f, v.bytes))
	}
	fuzz(f, codec{Decode, Append})
}

func FuzzDecode3(f *testing.F) {
	for _, v := range vectors3 {
		f.Add(unhex(f, v.bytes))
	}
	fuzz(f, codec{Decode3, Append3})
}
