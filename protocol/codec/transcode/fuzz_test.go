package transcode_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// FuzzDecode gives decoders packets that are good but for what the input says: damaged, cut, longer
// or replaced. Whatever comes, there is an error or sound of the length that a packet may have.
func FuzzDecode(f *testing.F) {
	clips := [][]*stream.Packet{
		sound(streamtest.H264AAC().Packets()), sound(streamtest.H264Opus().Packets()), sound(streamtest.H264MP3().Packets()),
		encode(f, stream.AAC, 1, 0, time.Second, music()), encode(f, stream.Opus, 1, 0, time.Second, music()),
	}
	for i := range clips {
		f.Add(byte(i), []byte{0, 0, 1, 10, 1, 2, 0, 1, 0, 0, 3, 1, 2, 0})
		f.Add(byte(i), clips[i][1].Payload)
	}
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		clip := clips[int(which)%len(clips)]
		d, err := codecs[clip[0].Info().Codec]().NewDecoder(*clip[0].Info())
		require.NoError(t, err)
		defer d.Close()
		try := func(b []byte) {
			x, err := d.Decode(b, 0)
			if err != nil {
				require.Empty(t, x.Samples)
				return
			}
			require.True(t, x.Channels == 1 || x.Channels == 2)
			require.LessOrEqual(t, len(x.Samples), 48000*2)
		}
		try(script)
		for i := 0; len(script) >= 4 && i < 50; i++ { // 4 bytes of script: where, what, and how much is cut
			b := append([]byte(nil), clip[i%len(clip)].Payload...)
			at := int(binary.BigEndian.Uint16(script)) % len(b)
			b[at] ^= script[2]
			try(b[:len(b)-int(script[3])%len(b)])
			script = script[4:]
		}
	})
}

// FuzzSink gives a conversion packets of any time, order and tracks: no more comes out than what went
// in and the second of silence that may be between two packets.
func FuzzSink(f *testing.F) {
	f.Add([]byte{0, 0, 20, 0, 0, 20, 1, 0, 20, 2, 255, 0, 3, 0, 40})
	f.Add([]byte{4, 127, 255, 4, 0, 30, 4, 128, 0, 0, 0, 21})
	clips := []*streamtest.Clip{streamtest.H264AAC(), streamtest.H264Opus(), streamtest.H264MP3(), streamtest.H264Only()}
	var starts [][]*stream.Packet
	for _, c := range clips {
		starts = append(starts, c.Packets()[:40])
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		for _, to := range []stream.Codec{stream.Opus, stream.AAC} {
			var out streamtest.Recorder
			s := all().New(to, &out).(ender)
			var now time.Duration
			n := 0
			for b := script; len(b) >= 3 && n < 60; b = b[3:] {
				ps := starts[b[0]&3]
				p := *ps[n%len(ps)]
				step := time.Duration(int16(binary.BigEndian.Uint16(b[1:]))) * time.Millisecond
				if b[0]&4 != 0 {
					step *= 1 << 20
				}
				if b[0]&8 != 0 {
					p.Flags |= stream.Discontinuity
				}
				if b[0]&16 != 0 {
					p.Payload = p.Payload[:int(b[2])%len(p.Payload)]
				}
				now += step
				p.DTS, p.PTS = now, now
				require.NoError(t, s.WritePacket(&p))
				n++
			}
			require.NoError(t, s.EndPublication())
			sounds := 0
			for _, p := range out.Packets() {
				require.NotNil(t, p.Info())
				if p.Info().Codec == to {
					sounds++
				}
			}
			require.LessOrEqual(t, sounds, n*(50+16))
		}
	})
}
