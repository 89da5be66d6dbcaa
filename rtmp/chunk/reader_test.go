package chunk

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// wire is bytes of a chunk stream and the messages in them. The error is
// io.EOF unless text is set.
type wire struct {
	name  string
	bytes string // hexadecimal, blanks allowed
	want  []Message
	text  string
	twin  bool // AppendMessage gives the same bytes
}

func msg(typ uint8, csid, stream, time uint32, payload string) Message {
	m := Message{Header: Header{typ, csid, stream, time}}
	if payload != "" {
		m.Payload = []byte(payload)
	}
	return m
}

var wires = []wire{
	{name: "type 0", bytes: "03 000001 000002 14 05000000 6162",
		want: []Message{msg(Command0, 3, 5, 1, "ab")}, twin: true},
	{name: "empty message", bytes: "03 000001 000000 14 00000000",
		want: []Message{msg(Command0, 3, 0, 1, "")}, twin: true},
	{name: "id of 2 bytes", bytes: "00 ff 000001 000001 08 00000000 61",
		want: []Message{msg(Audio, 319, 0, 1, "a")}, twin: true},
	{name: "id of 3 bytes", bytes: "01 ffff 000001 000001 08 00000000 61",
		want: []Message{msg(Audio, 65599, 0, 1, "a")}, twin: true},
	{name: "small id in 3 bytes", bytes: "01 0000 000001 000001 08 00000000 61",
		want: []Message{msg(Audio, 64, 0, 1, "a")}},
	{name: "all types", bytes: "04 00000a 000001 08 01000000 61" +
		"44 000005 000002 08 6263" + "84 000003 6465" + "c4 6667",
		want: []Message{msg(Audio, 4, 1, 10, "a"), msg(Audio, 4, 1, 15, "bc"),
			msg(Audio, 4, 1, 18, "de"), msg(Audio, 4, 1, 21, "fg")}},
	{name: "type 3 after type 0", bytes: "04 00000a 000001 08 01000000 61 c4 62",
		want: []Message{msg(Audio, 4, 1, 10, "a"), msg(Audio, 4, 1, 20, "b")}},
	{name: "begins with type 1", bytes: "42 000007 000001 03 61",
		want: []Message{msg(Acknowledgement, 2, 0, 7, "a")}},
	{name: "extended, repeated", bytes: "02 ffffff 000004 01 00000000 01000000 00000001" +
		"04 ffffff 000002 09 01000000 01000000 61 c4 01000000 62",
		want: []Message{msg(SetChunkSize, 2, 0, 1<<24, "\x00\x00\x00\x01"),
			msg(Video, 4, 1, 1<<24, "ab")}},
	{name: "extended, not repeated", bytes: "02 000000 000004 01 00000000 00000001" +
		"04 ffffff 000003 09 01000000 01000000 61 c4 62 c4 01",
		want: []Message{msg(SetChunkSize, 2, 0, 0, "\x00\x00\x00\x01"),
			msg(Video, 4, 1, 1<<24, "ab\x01")}},
	{name: "extended delta, wraps", bytes: "04 ffffff 000001 09 01000000 fffffffe 61" +
		"84 ffffff 01000000 62 c4 01000000 63 c4 64 84 000001 65 c4 66",
		want: []Message{msg(Video, 4, 1, 0xfffffffe, "a"), msg(Video, 4, 1, 0xfffffe, "b"),
			msg(Video, 4, 1, 0x1fffffe, "c"), msg(Video, 4, 1, 0x2fffffe, "d"),
			msg(Video, 4, 1, 0x2ffffff, "e"), msg(Video, 4, 1, 0x3000000, "f")}},
	{name: "extended 24 bits", bytes: "04 ffffff 000001 09 01000000 00ffffff 61",
		want: []Message{msg(Video, 4, 1, 0xffffff, "a")}, twin: true},
	{name: "chunk size inside a message", bytes: "02 000000 000004 01 00000000 00000002" +
		"04 000000 000006 09 01000000 6162" +
		"02 000000 000004 01 00000000 0000 c2 0003" +
		"c4 636465 c4 66",
		want: []Message{msg(SetChunkSize, 2, 0, 0, "\x00\x00\x00\x02"),
			msg(SetChunkSize, 2, 0, 0, "\x00\x00\x00\x03"), msg(Video, 4, 1, 0, "abcdef")}},
	{name: "abort", bytes: "02 000000 000004 01 00000000 00000004" +
		"04 000000 000006 09 01000000 61626364" +
		"02 000000 000004 02 00000000 00000004" +
		"04 000009 000001 09 01000000 61",
		want: []Message{msg(SetChunkSize, 2, 0, 0, "\x00\x00\x00\x04"),
			msg(Abort, 2, 0, 0, "\x00\x00\x00\x04"), msg(Video, 4, 1, 9, "a")}},
	{name: "abort of nothing", bytes: "02 000000 000004 02 00000000 00000009",
		want: []Message{msg(Abort, 2, 0, 0, "\x00\x00\x00\x09")}, twin: true},

	{name: "cut in a basic header", bytes: "01 00", text: "unexpected EOF"},
	{name: "cut in a header", bytes: "04 00", text: "unexpected EOF"},
	{name: "cut in an extended timestamp", bytes: "04 ffffff 000001 09 01000000 01", text: "unexpected EOF"},
	{name: "cut in a payload", bytes: "04 000000 000006 09 01000000 61", text: "unexpected EOF"},
	{name: "begins with type 2", bytes: "84 000000", text: "chunk stream 4: begins with a type 2 chunk"},
	{name: "begins with type 3", bytes: "c5", text: "chunk stream 5: begins with a type 3 chunk"},
	{name: "new header inside a message", bytes: "04 000000 000081 09 01000000" + strings.Repeat("61", 128) + "04",
		text: "chunk stream 4: type 0 chunk inside a message"},
	{name: "chunk size 0", bytes: "02 000000 000004 01 00000000 00000000", text: "chunk size 0: less than 1"},
	{name: "chunk size top bit", bytes: "02 000000 000004 01 00000000 80000001",
		text: "chunk size 2147483649: the top bit"},
	{name: "short chunk size", bytes: "02 000000 000003 01 00000000 000001", text: "needs 4 bytes, has 3"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// readAll reads up to the error that ends the messages.
func readAll(r *Reader) (ms []Message, err error) {
	for {
		m, err := r.ReadMessage()
		if err != nil {
			return ms, err
		}
		ms = append(ms, m)
	}
}

func TestReader(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			b := unhex(t, w.bytes)
			for _, src := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b)),
				iotest.DataErrReader(bytes.NewReader(b))} {
				r := NewReader(src, Options{})
				got, err := readAll(r)
				if w.text != "" {
					require.ErrorContains(t, err, w.text)
				} else {
					require.Equal(t, io.EOF, err)
					require.Equal(t, uint64(len(b)), r.BytesRead())
				}
				require.Equal(t, w.want, got)
				_, again := r.ReadMessage()
				require.Equal(t, err, again, "errors are final")
			}
			if w.twin {
				require.Equal(t, b, AppendMessage(nil, &w.want[0], DefaultSize))
			}
		})
	}
}

// A peer that does not repeat extended timestamps must get its message through
// although its last chunk is shorter than a timestamp and nothing follows.
func TestReaderDoesNotWaitForTimestamp(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	go pw.Write(unhex(t, "04 ffffff 000081 09 01000000 01000000"+strings.Repeat("61", 128)+"c4 62"))
	m, err := NewReader(pr, Options{}).ReadMessage()
	require.NoError(t, err)
	require.Len(t, m.Payload, 129)
}

func TestReaderLimits(t *testing.T) {
	open := func(csid, length uint32) []byte {
		h := Header{Video, csid, 1, 0}
		b := AppendHeader(nil, h, int(length))
		return append(b, make([]byte, min(128, length-1))...)
	}
	for _, c := range []struct {
		name string
		o    Options
		give func(i uint32) []byte
		text string
	}{
		{"message", Options{MaxMessage: 10}, func(uint32) []byte { return open(4, 11) },
			"message of type 9: 11 bytes, limit is 10"},
		{"incomplete", Options{MaxIncomplete: 3}, func(i uint32) []byte { return open(4+i, MaxLength) },
			"more than 3 incomplete messages"},
		{"streams", Options{MaxStreams: 20}, func(i uint32) []byte {
			return AppendMessage(nil, &Message{Header: Header{Video, 4 + i, 1, 0}}, DefaultSize)
		}, "more than 20 chunk streams"},
		{"buffered", Options{MaxBuffered: 1 << 20}, func(i uint32) []byte { return open(4+i, MaxLength) },
			"incomplete messages: more than 1048576 bytes"},
		{"chunk size", Options{MinChunkSize: 128}, func(uint32) []byte {
			return unhex(t, "02 000000 000004 01 00000000 0000007f")
		}, "chunk size 127: less than 128"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b []byte
			for i := range uint32(100) {
				b = append(b, c.give(i)...)
			}
			_, err := readAll(NewReader(bytes.NewReader(b), c.o))
			require.ErrorContains(t, err, "chunk: ")
			require.ErrorContains(t, err, c.text)
		})
	}
	r := NewReader(bytes.NewReader(AppendMessage(nil, &Message{Header: Header{Video, 4, 1, 0}, Payload: make([]byte, 9)}, 128)),
		Options{})
	r.SetMaxMessage(8)
	_, err := r.ReadMessage()
	require.ErrorContains(t, err, "limit is 8")
}

// A payload that is announced and does not come costs no more than upFront.
func TestReaderGrowsWithInput(t *testing.T) {
	b := AppendHeader(nil, Header{Video, 4, 1, 0}, MaxLength)
	r := NewReader(bytes.NewReader(b), Options{})
	_, err := r.readChunk()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, upFront, r.buffered)

	for _, size := range []int{upFront - 1, upFront, upFront + 1, 4*upFront + 1, 3 << 20} {
		m := Message{Header{Video, 4, 1, 0}, bytes.Repeat([]byte("0123456"), size)[:size]}
		b := append(unhex(t, "02 000000 000004 01 00000000 7fffffff"), AppendMessage(nil, &m, MaxSize)...)
		r := NewReader(bytes.NewReader(b), Options{BufferSize: 512})
		got, err := readAll(r)
		require.Equal(t, io.EOF, err)
		require.Equal(t, m.Header, got[1].Header)
		require.True(t, bytes.Equal(m.Payload, got[1].Payload))
		require.Equal(t, size, cap(got[1].Payload))
		require.Zero(t, r.buffered)
		require.Zero(t, r.incomplete)
	}
}

func TestReaderBuffered(t *testing.T) {
	m := msg(Audio, 4, 1, 0, "abc")
	b := AppendMessage(AppendMessage(nil, &m, 128), &m, 128)
	r := NewReader(bytes.NewReader(b), Options{})
	require.Zero(t, r.Buffered())
	_, err := r.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, len(b)/2, r.Buffered())
	require.Equal(t, DefaultSize, r.ChunkSize())
	_, err = r.ReadMessage()
	require.NoError(t, err)
	require.Zero(t, r.Buffered())
}

type source func([]byte) (int, error)

func (s source) Read(p []byte) (int, error) { return s(p) }

func TestReaderSourceErrors(t *testing.T) {
	boom := errors.New("boom")
	_, err := NewReader(iotest.ErrReader(boom), Options{}).ReadMessage()
	require.ErrorIs(t, err, boom)
	_, err = NewReader(source(func([]byte) (int, error) { return 0, nil }), Options{}).ReadMessage()
	require.ErrorIs(t, err, io.ErrNoProgress)
	_, err = NewReader(source(func(p []byte) (int, error) { return len(p) + 1, nil }), Options{}).ReadMessage()
	require.ErrorContains(t, err, "source gave")
}

// endless gives the same bytes again and again.
type endless struct {
	b   []byte
	pos int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.pos == len(e.b) {
		e.pos = 0
	}
	n := copy(p, e.b[e.pos:])
	e.pos += n
	return n, nil
}

func TestReaderAllocations(t *testing.T) {
	m := Message{Header{Video, 4, 1, 40}, make([]byte, 10000)}
	r := NewReader(&endless{b: AppendMessage(nil, &m, DefaultSize)}, Options{})
	require.EqualValues(t, 1, testing.AllocsPerRun(100, func() {
		if _, err := r.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}))
}

func BenchmarkReader(b *testing.B) {
	for _, c := range []struct {
		name        string
		size, chunk int
	}{{"audio300/chunk128", 300, 128}, {"video8k/chunk128", 8000, 128}, {"video8k/chunk4096", 8000, 4096},
		{"video8k/chunk60000", 8000, 60000}, {"video200k/chunk60000", 200000, 60000}} {
		b.Run(c.name, func(b *testing.B) {
			m := Message{Header{Video, 4, 1, 40}, make([]byte, c.size)}
			in := AppendMessage(nil, &m, c.chunk)
			r := NewReader(&endless{b: in}, Options{})
			r.chunk = c.chunk
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ReadMessage(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	for _, w := range wires {
		f.Add(unhex(f, w.bytes))
	}
	o := Options{BufferSize: 64, MaxMessage: 4096, MaxBuffered: 16384, MaxIncomplete: 8, MaxStreams: 16}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), o)
		var size int
		for {
			m, err := r.ReadMessage()
			if err != nil {
				break
			}
			if len(m.Payload) > o.MaxMessage || r.buffered > o.MaxBuffered || r.buffered < 0 ||
				r.incomplete < 0 || len(r.few)+len(r.more) > o.MaxStreams {
				t.Fatalf("over a limit: %+v", r)
			}
			size += len(m.Payload)
			// What was read can be written and read again.
			one := NewReader(bytes.NewReader(AppendMessage(nil, &m, DefaultSize)), o)
			again, err := one.ReadMessage()
			if err != nil || again.Header != m.Header || !bytes.Equal(again.Payload, m.Payload) {
				t.Fatalf("%+v became %+v, %v", m, again, err)
			}
			_ = m.Split(func(Message) error { return nil })
		}
		if size > len(in) {
			t.Fatalf("%d bytes of payload in %d", size, len(in))
		}
	})
}
