package codec

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

var (
	idr   = unhex("6588840a")
	ref   = unhex("419a2318")
	noref = unhex("019e4142")
	aud   = unhex("0910")
	// A recovery point behind a message with emulation prevention bytes.
	sei     = unhex("0605 04 000003 0000 06 01 84 80")
	hevcCra = unhex("2a01acc8")
	hevcTrl = unhex("0201d019")
	hevcAud = unhex("460150")
)

func lengths(size int, nals ...[]byte) (out []byte) {
	for _, n := range nals {
		var l [4]byte
		binary.BigEndian.PutUint32(l[:], uint32(len(n)))
		out = append(append(out, l[4-size:]...), n...)
	}
	return out
}

func annexB(nals ...[]byte) (out []byte) {
	for i, n := range nals {
		if i%2 == 0 {
			out = append(out, 0)
		}
		out = append(append(out, 0, 0, 1), n...)
	}
	return out
}

func TestNormalizeNAL(t *testing.T) {
	const key, rec, disp = stream.KeyFrame, stream.Recovery, stream.Disposable
	for _, c := range []struct {
		name   string
		codec  stream.Codec
		size   int
		in     []byte
		out    []byte
		flags  stream.Flags
		shared bool
	}{
		{"plain", stream.H264, 4, lengths(4, idr), lengths(4, idr), key, true},
		{"reference", stream.H264, 4, lengths(4, ref), lengths(4, ref), 0, true},
		{"disposable", stream.H264, 4, lengths(4, noref), lengths(4, noref), disp, true},
		{"recovery", stream.H264, 4, lengths(4, sei, ref), lengths(4, sei, ref), rec, true},
		{"AUD and sets before", stream.H264, 4, lengths(4, aud, vecSPS, vecPPS, idr), lengths(4, idr), key, true},
		{"sets between", stream.H264, 4, lengths(4, ref, vecSPS, vecPPS, ref), lengths(4, ref, ref), 0, false},
		{"only sets", stream.H264, 4, lengths(4, vecSPS, vecPPS), []byte{}, 0, false},
		{"padding", stream.H264, 4, append(lengths(4, idr), 0, 0, 0, 0, 0), lengths(4, idr), key, true},
		{"3 bytes", stream.H264, 3, lengths(3, idr, ref), lengths(4, idr, ref), key, false},
		{"2 bytes", stream.H264, 2, lengths(2, aud, idr, ref), lengths(4, idr, ref), key, false},
		{"1 byte", stream.H264, 1, lengths(1, idr), lengths(4, idr), key, false},
		{"Annex B where lengths were promised", stream.H264, 4, annexB(aud, idr, ref), lengths(4, idr, ref), key, false},
		{"Annex B", stream.H264, 0, annexB(vecSPS, vecPPS, idr), lengths(4, idr), key, false},
		{"length that looks like a start code", stream.H264, 4, lengths(4, append([]byte{0x41}, make([]byte, 300)...)),
			lengths(4, append([]byte{0x41}, make([]byte, 300)...)), 0, true},
		{"CRA", stream.HEVC, 4, lengths(4, hevcAud, hevcCra), lengths(4, hevcCra), key | rec, true},
		{"trail", stream.HEVC, 4, lengths(4, hevcTrl), lengths(4, hevcTrl), 0, true},
		{"HEVC Annex B", stream.HEVC, 4, annexB(hevcAud, hevcCra), lengths(4, hevcCra), key | rec, false},
		{"empty", stream.H264, 4, nil, nil, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := bytes.Clone(c.in)
			config := vecAVCC
			if c.codec == stream.HEVC {
				config = nil
			}
			u, err := NormalizeNAL(c.codec, config, c.size, c.in)
			require.NoError(t, err)
			require.Equal(t, c.out, u.Payload)
			require.Equal(t, c.flags, u.Flags)
			require.Nil(t, u.Config)
			require.Equal(t, was, c.in)
			if c.shared {
				config := config
				require.Zero(t, testing.AllocsPerRun(10, func() {
					if !bytes.Contains(c.in, vecSPS) {
						_, _ = NormalizeNAL(c.codec, config, c.size, c.in)
					}
				}))
				at := bytes.Index(c.in, c.out)
				require.Same(t, &c.in[at], &u.Payload[0])
			}
		})
	}
}

func TestNormalizeNALErrors(t *testing.T) {
	for _, in := range [][]byte{unhex("00000005 65"), unhex("65"), unhex("ffffffff")} {
		_, err := NormalizeNAL(stream.H264, nil, 4, in)
		require.Error(t, err, "%x", in)
	}
	_, err := NormalizeNAL(stream.H264, nil, 5, nil)
	require.ErrorIs(t, err, stream.ErrUnsupported)
	_, err = NormalizeNAL(stream.AV1, nil, 4, nil)
	require.ErrorIs(t, err, stream.ErrUnsupported)
	_, err = NormalizeNAL(stream.H264, nil, 0, idr)
	require.Error(t, err)
}

func TestParameterSetsInBand(t *testing.T) {
	// None yet: the sets inside are the configuration.
	u, err := NormalizeNAL(stream.H264, nil, 0, annexB(aud, vecSPS, vecPPS, idr))
	require.NoError(t, err)
	require.Equal(t, vecAVCC, u.Config)

	// An SPS alone is no configuration.
	u, err = NormalizeNAL(stream.H264, nil, 4, lengths(4, vecSPS, idr))
	require.NoError(t, err)
	require.Nil(t, u.Config)

	// Another PPS with the same id takes the place of the old one.
	pps := unhex("68efbcb2")
	u, err = NormalizeNAL(stream.H264, vecAVCC, 4, lengths(4, vecSPS, pps, idr))
	require.NoError(t, err)
	c, err := ParseAVC(u.Config)
	require.NoError(t, err)
	require.Equal(t, AVC{100, 0, 12, 4, [][]byte{vecSPS}, [][]byte{pps}, unhex("fdf8f800")}, c)

	// One with another id joins it.
	pps = unhex("685b2c00")
	u, err = NormalizeNAL(stream.H264, vecAVCC, 4, lengths(4, pps, idr))
	require.NoError(t, err)
	c, err = ParseAVC(u.Config)
	require.NoError(t, err)
	require.Equal(t, [][]byte{vecPPS, pps}, c.PPS)

	u, err = NormalizeNAL(stream.HEVC, nil, 4, lengths(4, vecHEVCVPS, vecHEVCSPS, vecHEVCPPS, hevcCra))
	require.NoError(t, err)
	h, err := ParseHEVC(u.Config)
	require.NoError(t, err)
	require.Equal(t, [][]byte{vecHEVCVPS}, h.VPS)
	require.Equal(t, [][]byte{vecHEVCSPS}, h.SPS)
	require.Equal(t, [][]byte{vecHEVCPPS}, h.PPS)
	require.Equal(t, unhex("0101600000009000000000003cf000fcfdf8f800000f"), h.Head[:])
	again, err := NormalizeNAL(stream.HEVC, u.Config, 4, lengths(4, vecHEVCVPS, vecHEVCSPS, vecHEVCPPS, hevcCra))
	require.NoError(t, err)
	require.Nil(t, again.Config)
}

func TestOddParameterSets(t *testing.T) {
	// Too short, and too many: the picture stays, the configuration too.
	u, err := NormalizeNAL(stream.HEVC, nil, 4, lengths(4, vecHEVCVPS, vecHEVCSPS[:9], vecHEVCPPS, hevcTrl))
	require.NoError(t, err)
	require.Equal(t, Unit{Payload: lengths(4, hevcTrl)}, u)
	var many [][]byte
	for i := range 100 {
		many = append(many, []byte{0x68, byte(i), 1})
	}
	u, err = NormalizeNAL(stream.H264, vecAVCC, 4, lengths(4, append(many, idr)...))
	require.NoError(t, err)
	require.Equal(t, Unit{Payload: lengths(4, idr), Flags: stream.KeyFrame}, u)
	// A recovery point adds nothing to an IDR picture.
	u, err = NormalizeNAL(stream.H264, vecAVCC, 4, lengths(4, sei, idr))
	require.NoError(t, err)
	require.Equal(t, stream.KeyFrame, u.Flags)
}

func TestBuildErrors(t *testing.T) {
	sps, pps := [][]byte{vecSPS}, [][]byte{vecPPS}
	for _, c := range [][2][][]byte{
		{nil, pps}, {sps, nil}, {{{0x67}}, pps}, {sps, {make([]byte, 1<<16)}},
		{sps, {make([]byte, 60000), make([]byte, 60000)}}, {make([][]byte, 32), pps},
	} {
		_, err := BuildAVC(c[0], c[1])
		require.Error(t, err)
	}
	_, err := BuildHEVC(nil, sps, pps)
	require.ErrorContains(t, err, "no VPS")
	_, err = BuildHEVC(pps, [][]byte{vecHEVCSPS[:10]}, pps)
	require.ErrorContains(t, err, "SPS")
}

func TestConfigRoundTrip(t *testing.T) {
	c, err := ParseAVC(vecAVCC)
	require.NoError(t, err)
	require.Equal(t, vecAVCC, c.Append(nil))
	b, err := BuildHEVC([][]byte{vecHEVCVPS}, [][]byte{vecHEVCSPS}, [][]byte{vecHEVCPPS})
	require.NoError(t, err)
	b = append(b, unhex("a7 0001 0003 4e0105")...)
	b[22]++
	h, err := ParseHEVC(b)
	require.NoError(t, err)
	require.Equal(t, b, h.Append(nil))
	n, err := LengthSize(vecAVCC, false)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	n, err = LengthSize(b, true)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	_, err = LengthSize(nil, true)
	require.Error(t, err)
}

func FuzzNormalizeNAL(f *testing.F) {
	f.Add(false, 4, vecAVCC, lengths(4, aud, vecSPS, vecPPS, sei, idr))
	f.Add(false, 0, []byte{}, annexB(vecSPS, vecPPS, sei, idr))
	f.Add(true, 4, []byte{}, lengths(4, vecHEVCVPS, vecHEVCSPS, vecHEVCPPS, hevcCra))
	f.Fuzz(func(t *testing.T, hevc bool, size int, config, b []byte) {
		c := stream.H264
		if hevc {
			c = stream.HEVC
		}
		u, err := NormalizeNAL(c, config, size, b)
		if err != nil {
			return
		}
		if len(u.Payload) > 2*len(b)+4 && size == 4 {
			t.Fatalf("%d bytes became %d", len(b), len(u.Payload))
		}
		n, err := NormalizeNAL(c, nil, 4, u.Payload)
		if err != nil || !bytes.Equal(n.Payload, u.Payload) || n.Flags != u.Flags || n.Config != nil {
			t.Fatalf("not normal: %x: %v, %x", u.Payload, err, n.Payload)
		}
		if u.Config != nil {
			again, err := NormalizeNAL(c, u.Config, size, b)
			if err != nil {
				t.Fatalf("new configuration is not read: %v", err)
			}
			_ = again
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add(vecAVCC)
	b, _ := BuildHEVC([][]byte{vecHEVCVPS}, [][]byte{vecHEVCSPS}, [][]byte{vecHEVCPPS})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseAVC(b); err == nil {
			if _, err := ParseAVC(c.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if c, err := ParseHEVC(b); err == nil {
			if _, err := ParseHEVC(c.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkNormalizeNAL(b *testing.B) {
	unit := lengths(4, append(bytes.Clone(idr), make([]byte, 3000)...))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = NormalizeNAL(stream.H264, vecAVCC, 4, unit)
	}
}
