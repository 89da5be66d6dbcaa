package errcode

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

type coded int

func (c coded) Error() string { return "coded" }
func (c coded) Code() int     { return int(c) }

func TestOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, Other},
		{errors.New("x"), Other},
		{fmt.Errorf("x: %w", stream.ErrBusy), 1028},
		{stream.ErrTakenOver, 1028},
		{stream.ErrKicked, 1070},
		{protocol.ErrVhost, 2014},
		{stream.ErrNotFound, 2048},
		{protocol.ErrStreamName, 2051},
		{protocol.ErrURL, 2006},
		{os.ErrDeadlineExceeded, 1011},
		{&net.DNSError{Name: "x"}, 1066},
		{&stream.DeniedError{Err: stream.ErrNotFound}, 2015},
		{&stream.DeniedError{Err: coded(1053)}, 1053}, // what a gate says itself counts
		{fmt.Errorf("%w: %w", stream.ErrBusy, coded(1074)), 1074},
		{fmt.Errorf("%w: %w", coded(77), stream.ErrBusy), 1028}, // no code of SRS's
	} {
		require.Equal(t, c.want, Of(c.err).Number, "%v", c.err)
	}
}

// TestTable holds the order by which codes are found, and that each says something.
func TestTable(t *testing.T) {
	last, n := 0, 0
	for c := range All() {
		require.Greater(t, c.Number, last)
		require.Regexp(t, `^[A-Z][A-Za-z0-9]+$`, c.Name, c.Number)
		require.NotEmpty(t, c.Text, c.Number)
		require.NotContains(t, c.Text, "\n", c.Number)
		found, ok := Lookup(c.Number)
		require.True(t, ok)
		require.Equal(t, c, found)
		last = c.Number
		n++
	}
	// How many the ranges of SRS 7 have: 1000–1098 without 1024–1027, 2000–2056 with 2997–2999,
	// 3000–3102, 4000–4060 without 4030–4037, 5000–5037, 6000–6010, and four for users.
	require.Equal(t, 95+57+3+103+53+38+11+4, n)
	_, ok := Lookup(1024)
	require.False(t, ok)
	busy, _ := Lookup(1028)
	require.Equal(t, "code=1028(StreamBusy)(the stream has a publisher)", busy.String())
	for range All() {
		break
	}
}
