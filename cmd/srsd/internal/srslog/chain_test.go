package srslog

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinks(t *testing.T) {
	a := errors.New("a: b")
	for _, c := range []struct {
		err  error
		want string
	}{
		{a, "a: b"},
		{fmt.Errorf("x: %w", a), "x|a: b"},
		{fmt.Errorf("y: %w", fmt.Errorf("x: %w", a)), "y|x|a: b"},
		{fmt.Errorf("x: %w: %w", a, syscall.EPIPE), "x|a: b|broken pipe"},
		{fmt.Errorf("x %w (again)", a), "x|a: b|(again)"},
		{errors.Join(a, errors.New("c")), "a: b|c"},
		{&hides{a}, "hidden"},
	} {
		require.Equal(t, c.want, strings.Join(links(c.err), "|"))
	}
	var deep error = a
	for range 1000 {
		deep = fmt.Errorf("x: %w", deep)
	}
	require.LessOrEqual(t, len(links(deep)), maxLinks+1)
}

// hides is an error whose text has nothing of what it wraps.
type hides struct{ error }

func (h *hides) Error() string { return "hidden" }
func (h *hides) Unwrap() error { return h.error }

// coded is an error of a gate.
type coded struct{}

func (coded) Error() string { return "deny\nall" }
func (coded) Code() int     { return 1053 }

// TestErrorLines: an error tells its code, where it came through, and where it was told.
func TestErrorLines(t *testing.T) {
	var b strings.Builder
	l := slog.New(New(&b, Options{ID: "2e5s5872", PID: 7})).With("id", "abcdefgh")
	l.Warn("rtmp publish refused", "err", fmt.Errorf("gate: %w: %w", coded{}, syscall.EPIPE))
	lines := strings.Split(b.String(), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, `[ERROR][7][abcdefgh][32] serve error code=1053(SecurityDeny)(a rule denies the client) : publish : gate : deny\nall : broken pipe`,
		lines[0][25:])
	require.Regexp(t, `^thread \[7\]\[abcdefgh\]: srslog\.TestErrorLines\(\) \[\./cmd/srsd/internal/srslog/chain_test\.go:\d+\]\[errno=32\]\(broken pipe\)$`, lines[1])
	require.Empty(t, lines[2])

	b.Reset()
	l.Error(strings.Repeat("x", 2*MaxLine))
	lines = strings.Split(b.String(), "\n")
	require.Len(t, lines, 3)
	require.Len(t, lines[0], MaxLine-1)
	require.Contains(t, lines[1], "[errno=0]")
}
