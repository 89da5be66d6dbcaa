package protocol

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

func TestIdentity(t *testing.T) {
	form := regexp.MustCompile(`^vid-[0-9a-z]{7}$`)
	a := NewServer(Config{ServerID: "vid-0000001"}).Identity()
	b := NewServer(Config{}).Identity()
	require.Equal(t, "vid-0000001", a.Server)
	require.Regexp(t, form, b.Server)
	require.Regexp(t, `^[0-9a-z]{8}$`, a.Service)
	require.NotEqual(t, a.Service, b.Service)
	require.Positive(t, a.PID)

	k := stream.Key{Vhost: "v", App: "live", Name: "cam"}
	require.Regexp(t, form, a.StreamID(k))
	require.Equal(t, a.StreamID(k), newIdentity("vid-0000001").StreamID(k), "another start of one server")
	require.NotEqual(t, a.StreamID(k), b.StreamID(k))
	seen := map[string]bool{}
	for _, k := range []stream.Key{k, {Vhost: "vl", App: "ive", Name: "cam"}, {App: "live", Name: "cam"}, {Vhost: "v", App: "live", Name: "cam2"}} {
		seen[a.StreamID(k)] = true
	}
	seen[a.VhostID("v")], seen[a.VhostID("vlivecam")] = true, true
	require.Len(t, seen, 6)
}
