package egress

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

// TestEstimatorREMB: the limit that another implementation writes is read.
func TestEstimatorREMB(t *testing.T) {
	for _, bits := range []float32{64_000, 1_234_567, 80e6} {
		b, err := (&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: bits, SSRCs: []uint32{videoSSRC}}).Marshal()
		require.NoError(t, err)
		v := &Viewer{}
		v.RTCP(b, time.Now())
		require.InEpsilon(t, bits, v.Stats().Rate, 0.001)
		require.False(t, v.path.narrow(int64(bits), time.Now()).After(time.Time{}))
		require.True(t, v.path.narrow(int64(2*bits), time.Now()).After(time.Time{}))
	}
}

// TestEstimatorChunks: all forms of status chunks that another implementation writes are read, and
// feedback on packets that are not known, or cut anywhere, tells nothing wrong.
func TestEstimatorChunks(t *testing.T) {
	start := time.Unix(1e9, 0)
	e := &estimator{}
	sent := new(departures)
	e.sent.Store(sent)
	send := func(from uint16, n int) {
		for i := range n {
			sent.put(from+uint16(i), 1000, start.Add(time.Duration(i)*time.Millisecond))
		}
	}
	send(65530, 40)
	cc := &rtcp.TransportLayerCC{MediaSSRC: videoSSRC, BaseSequenceNumber: 65530, PacketStatusCount: 7 + 14 + 5 + 3, ReferenceTime: 5,
		PacketChunks: []rtcp.PacketStatusChunk{
			&rtcp.StatusVectorChunk{Type: 1, SymbolSize: 1, SymbolList: []uint16{1, 1, 2, 1, 1, 1, 1}},
			&rtcp.StatusVectorChunk{Type: 1, SymbolSize: 0, SymbolList: []uint16{1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
			&rtcp.RunLengthChunk{PacketStatusSymbol: 1, RunLength: 5},
			&rtcp.RunLengthChunk{PacketStatusSymbol: 0, RunLength: 3},
		}}
	for i := range 7 + 13 + 5 {
		d := &rtcp.RecvDelta{Type: 1, Delta: 1000}
		if i == 2 {
			d.Type = 2
		}
		cc.RecvDeltas = append(cc.RecvDeltas, d)
	}
	cc.Header = rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback}
	cc.Header.Length = uint16(cc.MarshalSize()/4) - 1
	b, err := cc.Marshal()
	require.NoError(t, err)
	body := b[12:]
	for n := range len(body) - 3 { // without what fills it up
		e.arrivals(body[:n], start)
	}
	e = &estimator{}
	e.sent.Store(sent)
	e.arrivals(body, start)
	require.InDelta(t, 0, e.delay, 1000, "what leaves and arrives at one pace does not wait")
	require.True(t, e.since.Equal(start))
	require.NotZero(t, e.congested.Load(), "4 of 29 are lost")
}
