package egress

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// TestHeader: headers are what another implementation reads, with wraps of all that counts.
func TestHeader(t *testing.T) {
	m := &desc.Media{MID: "video", Ext: desc.Extensions{MID: 1, TransportCC: 2, AbsSendTime: 3, PlayoutDelay: 14}}
	h := newHeader(96, 0xdeadbeef, math.MaxUint32-5, m, &PlayoutDelay{Min: 100 * time.Millisecond, Max: time.Hour})
	f := &Frame{Kind: stream.KindVideo, Timestamp: 10, Payloads: make([][]byte, 2), padded: -1}
	parse := func(b []byte) (x rtp.Header) {
		n, err := x.Unmarshal(b)
		require.NoError(t, err)
		require.Equal(t, len(b), n)
		return x
	}
	x := parse(h.stamp(65535, 3, f, 0))
	require.EqualValues(t, 65535, x.SequenceNumber)
	require.EqualValues(t, 7, x.Timestamp)
	require.False(t, x.Marker || x.Padding)
	require.EqualValues(t, "video", x.GetExtension(1))
	require.Equal(t, []byte{0, 10<<4 | 15, 255}, x.GetExtension(14))
	require.Nil(t, x.GetExtension(2))

	h.judge(m)
	f.padded = 1
	b := h.stamp(0, 0, f, 1)
	h.sent(0x1234, time.Unix(0, 0).Add(500*time.Millisecond))
	x = parse(b)
	require.EqualValues(t, 96, x.PayloadType)
	require.EqualValues(t, 0xdeadbeef, x.SSRC)
	require.True(t, x.Marker && x.Padding)
	require.EqualValues(t, "video", x.GetExtension(1))
	require.Equal(t, []byte{0x12, 0x34}, x.GetExtension(2))
	require.Nil(t, x.GetExtension(3))
	x = parse(h.stamp(1, 0, f, 0))
	require.False(t, x.Marker || x.Padding)

	m.Ext.TransportCC = 0
	h = newHeader(96, 1, 0, m, nil)
	h.judge(m)
	b = h.stamp(0, 0, f, 1)
	h.sent(0, time.Unix(0, 0).Add(500*time.Millisecond))
	x = parse(b)
	require.Equal(t, []byte{0x02, 0, 0}, x.GetExtension(3), "0.5 s in 6.18 bits")

	none := newHeader(0, 1, 0, &desc.Media{}, nil)
	none.judge(&desc.Media{})
	require.Len(t, none.stamp(1, 0, f, 0), 12)
	long := newHeader(0, 1, 0, &desc.Media{MID: "0123456789abcdefg", Ext: desc.Extensions{MID: 15}}, nil)
	require.Len(t, long.stamp(1, 0, f, 0), 12, "what has no place in one-byte headers")
}

// TestNTP: seconds since 1900.
func TestNTP(t *testing.T) {
	require.Equal(t, uint64(2208988800)<<32|1<<31, ntp(time.Unix(0, 5e8)))
	require.Equal(t, uint64(2208988801)<<32|0xffffffff, ntp(time.Unix(1, 999_999_999))|0xf, "rounded down")
}
