package srslog

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
)

// BenchmarkLine is what a line costs whoever logs it: an ordinary one, one that SRS has lines of its
// own for, and an error.
func BenchmarkLine(b *testing.B) {
	err := fmt.Errorf("a: %w", errors.New("b"))
	for name, log := range map[string]func(*slog.Logger){
		"plain": func(l *slog.Logger) {
			l.Info("play ended", "stream", "/live/livestream", "bytes", 123456, "dropped", 0, "reason", "client left")
		},
		"event": func(l *slog.Logger) {
			l.Info("rtmp connection ended", "ip", "1.2.3.4:5678", "by", "client", "cause", err)
		},
		"error": func(l *slog.Logger) { l.Warn("rtmp connection ended", "ip", "1.2.3.4:5678", "err", err) },
	} {
		b.Run(name, func(b *testing.B) {
			out, err := OpenFile(filepath.Join(b.TempDir(), "srs.log"), Rotation{})
			if err != nil {
				b.Fatal(err)
			}
			defer out.Close()
			l := slog.New(NewFormat("srs", out, Options{})).With("module", "rtmp").With("id", "2e5s5872")
			b.ReportAllocs()
			for b.Loop() {
				log(l)
			}
		})
	}
}
