package mpegts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// FuzzReader: whatever comes is bounded, and packets keep the promises of package stream.
func FuzzReader(f *testing.F) {
	for _, clip := range streamtest.Clips() {
		f.Add(encode(clip.Packets()[:20]))
		f.Add(mux(f, clip.Packets()[:20]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for {
			p, err := r.ReadPacket()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				continue // a megabyte of nothing
			}
			require.NotEmpty(t, p.Payload)
			require.LessOrEqual(t, len(p.Payload), 2*len(b))
			require.NotNil(t, p.Tracks)
			if p.Track == stream.Data {
				require.True(t, p.Codec == KLV || p.Codec == ID3)
				continue
			}
			x := p.Info()
			require.NotNil(t, x)
			switch x.Codec {
			case stream.H264, stream.HEVC:
				u, err := codec.NormalizeNAL(x.Codec, x.Config, 4, p.Payload)
				require.NoError(t, err)
				require.Equal(t, len(p.Payload), len(u.Payload))
			case stream.AAC:
				_, err := codec.ParseAAC(x.Config)
				require.NoError(t, err)
			}
		}
		held := 0
		for _, f := range r.demux.flows {
			held += len(f.buf)
		}
		require.Equal(t, held, r.demux.held)
	})
}

// FuzzEncoder: whatever packets there are, what is written are sound transport packets,
// and a Reader finds no gap in it.
func FuzzEncoder(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05abcde\x01\x02\x03"), uint8(0))
	f.Add(bytes.Repeat([]byte{1, 0, 9, 200}, 100), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, mode uint8) {
		clips := []*streamtest.Clip{streamtest.H264AAC(), streamtest.HEVCAAC(), streamtest.H264Opus(), streamtest.MP3Only()}
		m := &Muxer{Options: Options{HasAudio: mode&1 != 0, HasVideo: mode&2 != 0}}
		e := &Encoder{Options: m.Options}
		one, two := e.AppendStart(nil), m.AppendSegmentStart(nil, clips[0].Tracks(), 0)
		at := time.Duration(0)
		for len(b) > 4 {
			tracks := clips[b[0]&3].Tracks()
			p := &stream.Packet{Tracks: tracks, Track: int(b[0]>>2&3) - 1, Codec: KLV, Flags: stream.Flags(b[0] >> 4)}
			at += time.Duration(int8(b[1])) << (b[2] & 31) // up to minutes, either way
			p.DTS = at
			p.PTS = at + time.Duration(b[2])*time.Millisecond
			n := min(int(binary.LittleEndian.Uint16(b[2:])), len(b)-4)
			p.Payload = bytes.Repeat(b[4:4+n], int(b[3]&3)+1)
			b = b[4+n:]
			one = e.AppendPacket(one, p)
			two = m.AppendPacket(two, p)
		}
		two = m.Flush(two)
		for _, s := range [][]byte{one, two} {
			c := &checker{last: map[uint16]byte{}, pids: map[uint16]bool{}, pcr: -1, tablePCR: -1, anyTime: true}
			require.Zero(t, len(s)%packetSize)
			for i := 0; i < len(s); i += packetSize {
				require.NoError(t, c.packet(s[i:i+packetSize]))
			}
		}
	})
}
