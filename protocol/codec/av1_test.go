package codec

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

func TestNormalizeAV1(t *testing.T) {
	td := unhex("1200")
	key := unhex("3203 1400a0")   // frame OBU: key frame
	inter := unhex("3203 300a0b") // frame OBU: inter frame
	show := unhex("1a01e8")       // frame header: show_existing_frame
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	for _, c := range []struct {
		name  string
		in    []byte
		out   []byte
		flags stream.Flags
	}{
		{"plain key", join(vecAV1Seq, key), join(vecAV1Seq, key), stream.KeyFrame},
		{"plain inter", inter, inter, 0},
		{"show existing", show, show, 0},
		{"delimiter", join(td, inter), inter, 0},
		{"delimiter alone", td, nil, 0},
		{"delimiter between", join(inter, td, inter), join(inter, inter), 0},
		{"last without size", join(td, inter, unhex("30 300a0b")), join(inter, inter), 0},
		{"extension", unhex("36 08 03 300a0b"), unhex("36 08 03 300a0b"), 0},
		{"extension without size", unhex("34 08 300a0b"), unhex("36 08 03 300a0b"), 0},
		{"long last without size", append(unhex("30"), make([]byte, 200)...), append(unhex("32c801"), make([]byte, 200)...), stream.KeyFrame},
		{"empty", nil, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := NormalizeAV1(vecAV1C, c.in)
			require.NoError(t, err)
			require.Equal(t, c.out, u.Payload)
			require.Equal(t, c.flags, u.Flags)
			require.Nil(t, u.Config)
		})
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = NormalizeAV1(vecAV1C, inter) }))

	for _, bad := range [][]byte{unhex("80"), unhex("32"), unhex("3205 00"), unhex("36"), unhex("32ffffffffffffffffff")} {
		_, err := NormalizeAV1(nil, bad)
		require.Error(t, err, "%x", bad)
	}

	u, err := NormalizeAV1(nil, join(td, vecAV1Seq, key))
	require.NoError(t, err)
	require.Equal(t, append(unhex("81000c00"), vecAV1Seq...), u.Config)
	built, err := BuildAV1(join(td, vecAV1Seq, key))
	require.NoError(t, err)
	require.Equal(t, u.Config, built)
	_, err = BuildAV1(td)
	require.Error(t, err)

	// Another level is another configuration.
	other := bytes.Clone(vecAV1C)
	other[1] = 5
	u, err = NormalizeAV1(other, join(vecAV1Seq, key))
	require.NoError(t, err)
	require.NotNil(t, u.Config)
}

func FuzzNormalizeAV1(f *testing.F) {
	f.Add(vecAV1C, append(unhex("1200"), vecAV1Seq...))
	f.Add([]byte{}, unhex("34 08 300a0b"))
	f.Fuzz(func(t *testing.T, config, b []byte) {
		u, err := NormalizeAV1(config, b)
		if err != nil {
			return
		}
		n, err := NormalizeAV1(u.Config, u.Payload)
		if err != nil || !bytes.Equal(n.Payload, u.Payload) || n.Flags != u.Flags {
			t.Fatalf("not normal: %x: %v, %x", u.Payload, err, n.Payload)
		}
	})
}
