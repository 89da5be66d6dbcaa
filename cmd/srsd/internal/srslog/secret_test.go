package srslog

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// planted is in all secrets of TestSecrets.
const planted = "PLANTED"

type resolves struct{ v slog.Value }

func (r resolves) LogValue() slog.Value { return r.v }

// TestSecrets plants secrets in all forms that an attribute can have.
func TestSecrets(t *testing.T) {
	u, err := url.Parse("http://user:" + planted + "@h/live/a.flv?token=" + planted + "1")
	require.NoError(t, err)
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJ" + planted + "." + planted
	texts := []string{
		"rtmp://user:" + planted + "@h/live", "?token=" + planted, "a?x=1&sign=" + planted + "&y=2", "token=" + planted,
		"rtmp://h/live?vhost=v&access_token=" + planted + "/s", "cb?url=http%3A%2F%2Fh%3Fsecret%3D" + planted,
		"Authorization: Bearer " + planted, "authorization=Bearer " + planted, "Basic " + planted + "==",
		"used " + jwt, `{"password":"x ` + planted + `"}`, `{"a":{"api_secret" : "` + planted + `\" x` + planted + `"}}`,
		"said " + `conf"` + planted, "?passwd=" + planted + ";a=b", "#sign=" + planted, "failed, token=" + planted + " x",
		"%3Ftoken%3D" + planted,
	}
	var list []any
	for _, s := range texts {
		list = append(list, s, errors.New(s), fmt.Errorf("x: %w", errors.New(s)), resolves{slog.StringValue(s)},
			[]byte(s), []string{"a", s}, struct{ A, B string }{"a", s}, &struct{ S string }{s},
			slog.GroupValue(slog.String("a", s)), resolves{slog.GroupValue(slog.Any("b", []any{s}))})
	}
	list = append(list, u, http.Header{"Authorization": {"Bearer " + planted}}, map[string]string{"token": planted})
	for _, format := range Formats {
		var b strings.Builder
		l := slog.New(NewFormat(format, &b, Options{Secrets: func() []string { return []string{`conf"` + planted} }}))
		for _, v := range list {
			l.Info("m", "a", v)
			l.Error("m", "err", v)
			l.With("a", v).WithGroup("g").Warn("m", "b", v)
			l.Warn("rtmp publish refused", "err", v, "type", v, "param", v)
		}
		for _, s := range texts {
			l.Info(s)
			l.Info("m", "id", s)
		}
		for _, name := range []string{"password", "token", "Authorization", "api_secret", "sign", "jwt", "passphrase"} {
			l.Info("m", name, planted, slog.Group("g", name, planted))
			l.With(name, planted).WithGroup("g").Info("m", name, errors.New(planted))
		}
		require.Greater(t, strings.Count(b.String(), "\n"), 4*len(list))
		for _, line := range strings.Split(b.String(), "\n") {
			require.NotContains(t, line, planted, format)
		}
	}
}
