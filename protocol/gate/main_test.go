package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

const secret = "planted-secret-0123456789abcdef0123456789"

// live is the stream of most tests.
var live = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "livestream"}

// session is one that asks to do something, from 192.0.2.1.
func session(a stream.Action, change ...func(r *stream.Request)) *stream.Session {
	s := &stream.Session{Action: a, Request: stream.Request{Key: live, Protocol: "rtmp", Remote: "192.0.2.1:1000", Conn: &stream.Conn{}}}
	for _, f := range change {
		f(&s.Request)
	}
	return s
}

func from(remote string) func(*stream.Request) {
	return func(r *stream.Request) { r.Remote = remote }
}

func with(param string) func(*stream.Request) {
	return func(r *stream.Request) { r.Param = param }
}

func named(k stream.Key) func(*stream.Request) {
	return func(r *stream.Request) { r.Key = k }
}

// over makes it a session of a protocol without connections.
func overHTTP(r *stream.Request) { r.Protocol, r.Conn = "flv", nil }

// codeOf gives SRS's number of a refusal, 0 for none. It holds what all refusals promise.
func codeOf(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var denied *stream.DeniedError
	require.ErrorAs(t, err, &denied)
	require.NotEmpty(t, denied.Public)
	var coded interface{ Code() int }
	require.True(t, errors.As(err, &coded), "%v", err)
	require.NotContains(t, err.Error()+denied.Public, "planted")
	return coded.Code()
}

// jwt makes a token of HS256 that is good for an hour.
func jwt(key string, claims map[string]any) string {
	if _, given := claims["exp"]; !given {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
	}
	enc := base64.RawURLEncoding.EncodeToString
	b, _ := json.Marshal(claims)
	text := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc(b)
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return text + "." + enc(h.Sum(nil))
}

func verifier(t testing.TB) *token.Verifier {
	v, err := token.NewVerifier(token.Config{Secrets: []string{secret}})
	require.NoError(t, err)
	return v
}
