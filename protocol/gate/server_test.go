package gate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/rtmp"
)

// Behind a proxy it is the client that the gates see; and each protocol passes them.
func TestServer(t *testing.T) {
	const key = "a key to sign with"
	rules := []gate.SecurityRule{}
	for _, text := range []string{"allow publish all", "allow play 192.0.2.0/24"} {
		r, err := gate.ParseSecurityRule(text)
		require.NoError(t, err)
		rules = append(rules, r)
	}
	vhost := gate.Vhost{
		Security:  gate.Security{Enabled: true, Rules: rules},
		SignedURL: gate.SignedURL{Keys: []string{key}, Actions: gate.Play, RequireIP: true},
		Refer:     gate.Refer{Enabled: true, All: []string{"example.com"}},
	}
	rtmpListener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := protocol.NewServer(
		protocol.Config{
			Listeners: map[string]net.Listener{"rtmp": rtmpListener},
			HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"},
				Forwarded: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		},
		gate.New(gate.Config{Vhost: func(string) gate.Vhost { return vhost }}),
		rtmp.New(rtmp.Config{Listen: []string{"rtmp"}}),
		flv.New(flv.Config{MaxWait: time.Millisecond}), // so that who is let in is told 404
	)
	require.NoError(t, server.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, server.Shutdown(context.Background())) })

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	query := token.Sign(key, token.Grant{Path: "/live/x", Expires: time.Now().Add(time.Hour), IP: netip.MustParseAddr("192.0.2.7")})
	for _, tt := range []struct {
		forwarded, query string
		status           int
		body             string
	}{
		{"192.0.2.7", query, 404, "Not Found"},
		{"203.0.113.1, 192.0.2.7", query, 404, "Not Found"},
		{"192.0.2.7, 203.0.113.1", query, 403, "The client's address is not allowed."},
		{"192.0.2.8", query, 403, "The token is not for this."},
		{"192.0.2.7", "", 403, "A token is needed."},
		{"", query, 403, "The client's address is not allowed."}, // the proxy's own
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.HTTPAddrs("http")[0].String()+"/live/x.flv?"+tt.query, nil)
		require.NoError(t, err)
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		res, err := client.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		require.NoError(t, err)
		require.Equal(t, tt.status, res.StatusCode, "%+v", tt)
		require.Equal(t, tt.body, string(body), "%+v", tt)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	url := "rtmp://" + rtmpListener.Addr().String() + "/live/x"
	_, err = rtmp.DialPublish(ctx, url, nil) // from no page
	require.ErrorContains(t, err, "The page is not allowed to show the stream.")
	vhost.Refer.Enabled = false
	require.NoError(t, server.Reload(ctx, protocol.Config{HTTP: nil}, gate.New(gate.Config{Vhost: func(string) gate.Vhost { return vhost }}),
		rtmp.New(rtmp.Config{Listen: []string{"rtmp"}})))
	conn, err := rtmp.DialPublish(ctx, url, nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = rtmp.DialPlay(ctx, url+"?"+query, nil)
	require.ErrorContains(t, err, "The client's address is not allowed.")
}
