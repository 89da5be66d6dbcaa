package protocol

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestSilentHTTPConnectionIsLogged: a connection that never asks for anything leaves a line.
func TestSilentHTTPConnectionIsLogged(t *testing.T) {
	var out lockedBuffer
	s := NewServer(Config{
		Logger: slog.New(slog.NewTextHandler(&out, nil)),
		HTTP:   []HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}},
	})
	require.NoError(t, s.Start(t.Context()))
	c, err := net.Dial("tcp", s.HTTPAddrs("http")[0].String())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool {
		return strings.Contains(out.String(), "http connection ended without a request")
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Shutdown(context.Background()))
}
