package chunk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// peer writes chunks in all the ways the format allows; the package itself
// writes plain ones only.
type peer struct {
	rnd    *rand.Rand
	out    []byte
	chunk  int
	repeat bool // extended timestamps in type 3 chunks
	prev   map[uint32]*sent
}

type sent struct {
	Header
	length int
	field  uint32
	used   bool
	rest   []byte
	inside bool
}

// begin writes the first chunk of m with a random one of the possible headers.
func (p *peer) begin(m *Message) {
	s := p.prev[m.ChunkStream]
	if s == nil {
		s = &sent{}
		p.prev[m.ChunkStream] = s
	}
	format, delta := 0, m.Timestamp-s.Timestamp
	if s.used && s.StreamID == m.StreamID {
		format = 1
		if s.Type == m.Type && s.length == len(m.Payload) {
			if format = 2; s.field == delta {
				format = 3
			}
		}
		format = p.rnd.IntN(format + 1)
	}
	field := delta
	if format == 0 {
		field = m.Timestamp
	}
	*s = sent{m.Header, len(m.Payload), field, true, m.Payload, true}
	p.out = appendBasic(p.out, byte(format), m.ChunkStream)
	if format < 3 {
		full := AppendHeader(nil, Header{m.Type, 2, m.StreamID, field}, len(m.Payload))
		p.out = append(p.out, full[1:1+messageHeader[format]]...)
	}
	p.extended(s, format)
	p.part(s)
}

func (p *peer) extended(s *sent, format int) {
	if s.field >= noTime24 && (format < 3 || p.repeat) {
		p.out = binary.BigEndian.AppendUint32(p.out, s.field)
	}
}

func (p *peer) part(s *sent) {
	n := min(p.chunk, len(s.rest))
	p.out = append(p.out, s.rest[:n]...)
	s.rest = s.rest[n:]
	s.inside = len(s.rest) > 0
}

// next writes the next chunk of a message begun before.
func (p *peer) next(csid uint32) {
	s := p.prev[csid]
	p.out = appendBasic(p.out, 3, csid)
	p.extended(s, 3)
	p.part(s)
}

func TestRandomMessages(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		p := &peer{rnd: rnd, chunk: DefaultSize, repeat: seed%2 == 0, prev: map[uint32]*sent{}}
		want := p.conversation(300)
		for _, src := range []io.Reader{bytes.NewReader(p.out), iotest.HalfReader(bytes.NewReader(p.out)),
			iotest.OneByteReader(bytes.NewReader(p.out))} {
			got, err := readAll(NewReader(src, Options{BufferSize: 64 + rnd.IntN(5000)}))
			require.Equal(t, io.EOF, err)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[i].Header, got[i].Header)
				require.True(t, bytes.Equal(want[i].Payload, got[i].Payload))
			}
		}
	}
}

// conversation writes n random messages and gives them in the order in which
// they become complete.
func (p *peer) conversation(n int) (done []*Message) {
	ids := []uint32{3, 4, 5, 63, 64, 319, 320, 4000, MaxStream, 7, 8, 9, 10}
	open := map[uint32]*Message{}
	finish := func(id uint32) {
		if !p.prev[id].inside {
			done = append(done, open[id])
			delete(open, id)
		}
	}
	for n > 0 || len(open) > 0 {
		id := ids[p.rnd.IntN(len(ids))]
		switch {
		case open[id] != nil:
			p.next(id)
		case n == 0:
			continue
		case p.rnd.IntN(20) == 0:
			id = MinStream
			size := 1 + p.rnd.IntN(3000)
			open[id] = &Message{Header{SetChunkSize, id, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(size))}
			p.begin(open[id])
			for p.prev[id].inside {
				p.next(id)
			}
			p.chunk = size
		default:
			n--
			open[id] = p.message(id)
			p.begin(open[id])
		}
		finish(id)
	}
	return done
}

// message makes a message that often resembles the one before it.
func (p *peer) message(id uint32) *Message {
	m := &Message{Header: Header{Audio + uint8(p.rnd.IntN(2)), id, uint32(p.rnd.IntN(2)), p.rnd.Uint32()}}
	size := p.rnd.IntN(2000)
	if s := p.prev[id]; s != nil && p.rnd.IntN(4) > 0 {
		m.Header = s.Header
		m.Timestamp += []uint32{0, 40, noTime24, 1 << 28, s.field}[p.rnd.IntN(5)]
		size = s.length
	}
	m.Payload = make([]byte, size)
	for i := range m.Payload {
		m.Payload[i] = byte(p.rnd.Uint32())
	}
	return m
}

func TestAppend(t *testing.T) {
	for _, csid := range []uint32{2, 63, 64, 319, 320, MaxStream} {
		for _, time := range []uint32{0, noTime24 - 1, noTime24, 1<<32 - 1} {
			for _, size := range []int{0, 1, 127, 128, 129, 256, 1000} {
				m := Message{Header{Video, csid, 1, time}, bytes.Repeat([]byte{7}, size)}
				b := AppendMessage(nil, &m, 0)
				require.Len(t, b, Size(m.Header, 0, size))
				for _, cut := range []int{0, 1, 5, 127, 128, 129} {
					cut = min(cut, size)
					require.Equal(t, b, AppendMessage2(nil, m.Header, DefaultSize, m.Payload[:cut], m.Payload[cut:]))
				}
				got, err := NewReader(bytes.NewReader(b), Options{}).ReadMessage()
				require.NoError(t, err)
				require.Equal(t, m.Header, got.Header)
				require.True(t, bytes.Equal(m.Payload, got.Payload))
			}
		}
	}
}

func TestAppendGolden(t *testing.T) {
	m := msg(Video, 6, 1, 1<<24, "abcde")
	require.Equal(t, unhex(t, "06 ffffff 000005 09 01000000 01000000 6162 c6 01000000 6364 c6 01000000 65"),
		AppendMessage(nil, &m, 2))
}

func TestAppendRefuses(t *testing.T) {
	for _, m := range []Message{msg(Video, 1, 1, 0, "a"), msg(Video, MaxStream+1, 1, 0, "a"),
		{Header{Video, 4, 1, 0}, make([]byte, MaxLength+1)}} {
		require.Empty(t, AppendMessage(nil, &m, 128))
		require.Zero(t, Size(m.Header, 128, len(m.Payload)))
		require.ErrorContains(t, NewWriter(io.Discard).WriteMessage(&m), "chunk: ")
	}
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	size := msg(SetChunkSize, 2, 0, 0, "\x00\x00\x10\x00")
	big := Message{Header{Video, 6, 1, 40}, bytes.Repeat([]byte("v"), 200000)}
	require.NoError(t, w.WriteMessage(&size))
	require.Equal(t, 4096, w.ChunkSize())
	require.Zero(t, out.Len())
	require.NoError(t, w.WriteMessage(&big))
	require.NotZero(t, out.Len())
	require.Zero(t, cap(w.buf))
	last := msg(Audio, 4, 1, 41, "a")
	require.NoError(t, w.WriteMessage(&last))
	require.NoError(t, w.Flush())
	got, err := readAll(NewReader(&out, Options{}))
	require.Equal(t, io.EOF, err)
	require.Equal(t, []Message{size, big, last}, got)

	for _, payload := range []string{"\x00", "\x00\x00\x00\x00", "\x80\x00\x00\x00"} {
		bad := msg(SetChunkSize, 2, 0, 0, payload)
		require.ErrorContains(t, w.WriteMessage(&bad), "chunk: ")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriterErrors(t *testing.T) {
	w := NewWriter(brokenPipe{})
	m := msg(Audio, 4, 1, 41, "a")
	require.NoError(t, w.WriteMessage(&m))
	require.ErrorIs(t, w.Flush(), io.ErrClosedPipe)
	require.ErrorIs(t, w.WriteMessage(&m), io.ErrClosedPipe)
	require.ErrorIs(t, w.Flush(), io.ErrClosedPipe)
}

var aggregates = []struct {
	name, bytes string
	want        []Message
	text        string
}{
	{name: "nothing", want: nil},
	{name: "two", bytes: "08 000001 000064 00 000000 61 0000000c 09 000002 000065 00 000007 6263 0000000d",
		want: []Message{msg(Audio, 5, 1, 1000, "a"), msg(Video, 5, 1, 1001, "bc")}},
	{name: "no last back pointer", bytes: "08 000001 000064 00 000000 61",
		want: []Message{msg(Audio, 5, 1, 1000, "a")}},
	{name: "time of 32 bits, backwards", bytes: "08 000000 ffffff 01 000000 0000000b 08 000000 fffffe 01 000000 0000000b",
		want: []Message{{Header{Audio, 5, 1, 1000}, []byte{}}, {Header{Audio, 5, 1, 999}, []byte{}}}},
	{name: "cut header", bytes: "08 000001 0000", text: "byte 0 of 6: header: needs 11 bytes, has 6"},
	{name: "cut message", bytes: "08 000000 000064 00 000000 0000000b 08 000002 000064 00 000000 61",
		text: "byte 15 of 27: message of type 8: needs 2 bytes, has 1"},
	{name: "nested", bytes: "16 000000 000064 00 000000", text: "inside an aggregate"},
}

func TestSplit(t *testing.T) {
	for _, c := range aggregates {
		t.Run(c.name, func(t *testing.T) {
			m := Message{Header{Aggregate, 5, 1, 1000}, unhex(t, c.bytes)}
			var got []Message
			err := m.Split(func(sub Message) error { got = append(got, sub); return nil })
			if c.text != "" {
				require.ErrorContains(t, err, "chunk: split: ")
				require.ErrorContains(t, err, c.text)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.want, got)
		})
	}
	stop := errors.New("stop")
	m := Message{Header{Aggregate, 5, 1, 1000}, unhex(t, aggregates[1].bytes)}
	calls := 0
	require.Equal(t, stop, m.Split(func(Message) error { calls++; return stop }))
	require.Equal(t, 1, calls)
	m.Type = Video
	require.ErrorContains(t, m.Split(nil), "message of type 9 is not an aggregate")
}

func FuzzSplit(f *testing.F) {
	for _, c := range aggregates {
		f.Add(unhex(f, c.bytes), uint32(1000))
	}
	f.Fuzz(func(t *testing.T, in []byte, time uint32) {
		m := Message{Header{Aggregate, 5, 1, time}, in}
		size := 0
		err := m.Split(func(sub Message) error {
			if size == 0 && sub.Timestamp != time {
				t.Fatalf("begins at %d, not at %d", sub.Timestamp, time)
			}
			size += subHeader + len(sub.Payload)
			return nil
		})
		if size > len(in) || err != nil && size != 0 {
			t.Fatalf("%d bytes of %d, %v", size, len(in), err)
		}
	})
}

func FuzzAppend(f *testing.F) {
	f.Add(uint8(9), uint32(6), uint32(1), uint32(1<<24), 2, []byte("abcde"), 3)
	f.Add(uint8(8), uint32(320), uint32(1), uint32(0), 128, []byte{}, 0)
	f.Fuzz(func(t *testing.T, typ uint8, csid, stream, time uint32, size int, payload []byte, cut int) {
		h := Header{typ, csid, stream, time}
		cut = max(0, min(cut, len(payload)))
		b := AppendMessage2(nil, h, size, payload[:cut], payload[cut:])
		if len(b) != Size(h, size, len(payload)) {
			t.Fatalf("%d bytes, size said %d", len(b), Size(h, size, len(payload)))
		}
		if typ == SetChunkSize || typ == Abort || len(b) == 0 {
			return
		}
		r := NewReader(bytes.NewReader(b), Options{})
		if size > 0 {
			r.chunk = size
		}
		m, err := r.ReadMessage()
		if err != nil || m.Header != h || !bytes.Equal(m.Payload, payload) {
			t.Fatalf("%+v %d became %+v, %v", h, len(payload), m, err)
		}
	})
}

func BenchmarkAppendMessage2(b *testing.B) {
	tag, frame := make([]byte, 5), make([]byte, 8000)
	dst := make([]byte, 0, 16384)
	b.SetBytes(8005)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendMessage2(dst[:0], Header{Video, 6, 1, 40}, 4096, tag, frame)
	}
}
