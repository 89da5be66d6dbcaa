package srslog

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

// TestJSON decodes lines: they have the ids and codes that SRS's lines have.
func TestJSON(t *testing.T) {
	var b strings.Builder
	l := slog.New(NewFormat("json", &b, Options{ID: "process1", UTC: true}))
	next := func() map[string]any {
		t.Helper()
		m := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(b.String()), &m), b.String())
		require.Equal(t, 1, strings.Count(b.String(), "\n"))
		require.Equal(t, 1, strings.Count(b.String(), `"id":`), b.String())
		b.Reset()
		return m
	}
	l.Info("a")
	m := next()
	require.Equal(t, "process1", m["id"])
	require.Equal(t, "INFO", m["level"])
	at, err := time.Parse(time.RFC3339, m["time"].(string))
	require.NoError(t, err)
	require.Equal(t, time.UTC, at.Location())

	s := l.With("module", "rtmp").With("id", "session1")
	s.Warn("rtmp publish refused", "err", fmt.Errorf("x: %w", stream.ErrBusy), "n", 5, "took", time.Second)
	m = next()
	require.Equal(t, "session1", m["id"])
	require.Equal(t, 1028.0, m["code"])
	require.Equal(t, "StreamBusy", m["code_name"])
	require.Equal(t, 5.0, m["n"])
	require.Equal(t, "x: stream: busy: the stream has a publisher", m["err"])

	l.Error("a", "id", "session2", "err", coded{})
	m = next()
	require.Equal(t, "session2", m["id"])
	require.Equal(t, 1053.0, m["code"])
	l.Info("a", "err", coded{})
	require.NotContains(t, next(), "code")
	l.WithGroup("").WithGroup("g").Info("a", "x", struct{ A string }{"b"}, "y", nil)
	m = next()
	require.Equal(t, "process1", m["id"])
	require.Equal(t, map[string]any{"x": "{b}", "y": nil}, m["g"])
	l.Debug("hidden")
	require.Empty(t, b.String())
}

// TestHostileText: whatever a peer sends, a line is one line, bounded, and steers no terminal.
func TestHostileText(t *testing.T) {
	texts := []string{
		`a"b'c\`, "a\nb\r\nc\x00\x1b[2J\x07\u009b31m\u202e\u2028", "\xff\xfe", "<script>alert(1)</script>",
		strings.Repeat("x", 10<<10), strings.Repeat("\x01", 10<<10), strings.Repeat("ü\n", 10<<10), strings.Repeat(`"\`, 5<<10),
	}
	for _, format := range Formats {
		for _, s := range texts {
			var b strings.Builder
			l := slog.New(NewFormat(format, &b, Options{}))
			l.Info(s, s, s, "id", s)
			l.With("id", s, "a", s).WithGroup(s).Error("m", "err", fmt.Errorf("%s", s))
			l.Warn("rtmp publish refused", "type", s, "stream", stream.Key{App: s, Name: s}, "err", fmt.Errorf("%s", s))
			l.Info("http request", "url", s, "method", s, "id", s)
			many := make([]any, 0, 100)
			for i := range 50 {
				many = append(many, fmt.Sprint(i), s)
			}
			l.Info("many", many...)
			l.With(many...).Info("many before")
			require.True(t, strings.HasSuffix(b.String(), "\n"))
			require.True(t, utf8.ValidString(b.String()))
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			for _, line := range lines {
				require.Less(t, len(line), MaxLine)
				require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%s: %q", format, line)
				if format == "json" {
					require.True(t, json.Valid([]byte(line)), line)
				}
			}
			if format != "srs" {
				require.Len(t, lines, 6)
			}
			require.Contains(t, b.String(), "many before", format)
		}
	}
}
