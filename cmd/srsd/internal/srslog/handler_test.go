package srslog

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// write gives the line of one record.
func write(t *testing.T, o Options, level slog.Level, msg string, args ...any) string {
	t.Helper()
	var b bytes.Buffer
	o.ID, o.PID, o.UTC = "2e5s5872", 32151, true
	if o.Level == nil {
		o.Level = LevelTrace
	}
	h := New(&b, o)
	r := slog.NewRecord(time.Date(2026, 11, 22, 7, 38, 29, 389_999_999, time.UTC), level, msg, 0)
	r.Add(args...)
	require.NoError(t, h.Handle(t.Context(), r))
	return b.String()
}

func TestLines(t *testing.T) {
	const start = "[2026-11-22 07:38:29.389]"
	long := strings.Repeat("ü", MaxLine)
	for _, c := range []struct {
		level slog.Level
		msg   string
		args  []any
		want  string
	}{
		{LevelInfo, "connect app", []any{"tcUrl", "rtmp://127.0.0.1/live", "id", "abcdefgh", "pageUrl", ""},
			start + "[INFO][32151][abcdefgh] connect app, tcUrl=rtmp://127.0.0.1/live, pageUrl=\n"},
		{LevelTrace, "a", nil, start + "[TRACE][32151][2e5s5872] a\n"},
		{LevelDebug, "a", nil, start + "[DEBUG][32151][2e5s5872] a\n"},
		{LevelWarn, "a", []any{"n", 1}, start + "[WARN][32151][2e5s5872][0] a, n=1\n"},
		{LevelError, "a", []any{"err", fmt.Errorf("x: %w", syscall.ECONNRESET)},
			start + "[ERROR][32151][2e5s5872][104] a, err=x: connection reset by peer (connection reset by peer)\n"},
		{LevelWarn, "a", []any{"err", syscall.EPIPE}, start + "[WARN][32151][2e5s5872][32] a, err=broken pipe\n"},
		{LevelInfo, "two\nlines\x1b[2J\x00\xff\u202e", []any{"a\nb", "c\r\td"},
			start + `[INFO][32151][2e5s5872] two\nlines\x1b[2J\x00\xff\u202e, a\nb=c\r\td` + "\n"},
		{LevelInfo, "a", []any{slog.Group("g", "x", 1, "y", time.Second)}, start + "[INFO][32151][2e5s5872] a, g.x=1, g.y=1s\n"},
		{LevelInfo, "a", []any{"id", "evil]\n["}, start + `[INFO][32151][evil]\n[] a` + "\n"},
		{LevelInfo, long, nil, start + "[INFO][32151][2e5s5872] " + long[:8138] + "…\n"},
	} {
		got := write(t, Options{}, c.level, c.msg, c.args...)
		require.Equal(t, c.want, got)
		require.LessOrEqual(t, len(got), MaxLine)
	}
	yes := Options{Color: func() bool { return true }}
	require.Equal(t, "\x1b[33m"+start+"[WARN][32151][2e5s5872][0] a\x1b[0m\n", write(t, yes, LevelWarn, "a"))
	require.Equal(t, "\x1b[31m"+start+"[ERROR][32151][2e5s5872][0] a\x1b[0m\n", write(t, yes, LevelError, "a"))
	require.Equal(t, start+"[INFO][32151][2e5s5872] a\n", write(t, yes, LevelInfo, "a"))
}

func TestWith(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(New(&b, Options{ID: "x", PID: 1, Level: LevelWarn}))
	l.Info("no")
	l = l.With("module", "rtmp").With("id", "session1").WithGroup("g").With("a", 1)
	l.Warn("m", "id", 2)
	require.Equal(t, "[WARN][1][session1][0] m, module=rtmp, g.a=1, g.id=2\n", b.String()[25:])
	require.Len(t, NewID(), 8)
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"/live/a?token=abc&x=1":                   "/live/a?token=***&x=1",
		"a?x=1&token=abc":                         "a?x=1&token=***",
		"?txSecret=a%20b&txTime=1":                "?txSecret=***&txTime=1",
		"?auth_key=1-2-3#sign=q":                  "?auth_key=***#sign=***",
		"?PASSWORD=x y":                           "?PASSWORD=*** y",
		"?access_token=a.b.c, n=1":                "?access_token=***, n=1",
		"rtmp://u:pw@h/a":                         "rtmp://u:***@h/a",
		"cb?url=rtmp%3A%2F%2Fh%3Ftoken%3Dq%26a=1": "cb?url=rtmp%3A%2F%2Fh%3Ftoken%3D***%26a=1",
		"?vhost=a&stream=b":                       "?vhost=a&stream=b",
		"nothing, key=live/a":                     "nothing, key=live/a",
		"signal=hangup, design=x, token: expired": "signal=hangup, design=x, token: expired",
		"map[Authorization:[Bearer abcdef.gh]]":   "map[Authorization:[*** ***]]",
		"map[a:b token:abc]":                      "map[a:b token:***]",
		`{"password": "ab c", "n":1}`:             `{"password": "***", "n":1}`,
		"Authorization: Basic dXNlcjpwdw==":       "Authorization: Basic ***",
		"at eyJhbGciOi.eyJzdWIi.c2ln x":           "at *** x",
		"":                                        "",
	} {
		require.Equal(t, want, Mask(in), in)
	}
	m := masker{func() []string { return []string{"", `a"b`} }}
	require.Equal(t, "***", m.attr("password", "x"))
	require.Equal(t, "token=***&a=1", m.attr("param", "token=x&a=1"))
	require.Equal(t, "live/a", m.attr("key", "live/a"))
	require.Equal(t, "x***y", m.attr("n", `xa"by`))
}

func TestParseLevel(t *testing.T) {
	for in, want := range map[string]slog.Level{
		"verbose,": LevelTrace, "info,": LevelDebug, "trace,": LevelInfo, "warn,": LevelWarn, "error,": LevelError,
		"error,trace": LevelTrace, "error,debug": LevelDebug, "error,info": LevelInfo, "trace,warn": LevelWarn,
		"trace,error": LevelError, "wran,": LevelInfo, "warn,inof": LevelWarn,
	} {
		v1, v2, _ := strings.Cut(in, ",")
		require.Equal(t, want, ParseLevel(v1, v2), in)
	}
}
