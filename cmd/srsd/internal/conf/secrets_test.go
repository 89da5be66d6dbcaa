package conf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecrets(t *testing.T) {
	f, err := Load(Options{Path: "x", Environ: []string{"SRS_HTTP_API_AUTH_PASSWORD=from-the-environment"}, ReadFile: func(string) ([]byte, error) {
		return []byte(`listen 1935; max_connections 100;
http_api { auth { username not-one; password in-the-file; token api-token-1 api-token-2; } }
vhost a { security { jwt { secret vhost-secret; } signed_url { key short vhost-key1; } } }
vhost b { security { jwt { secret vhost-secret; } } }
`), nil
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"api-token-1", "api-token-2", "from-the-environment", "vhost-key1", "vhost-secret"}, f.Secrets())
}
