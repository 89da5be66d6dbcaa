package hook

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"

	"github.com/srsgo/srs/stream"
)

// BenchmarkAdmission is a viewer that on_play lets in.
func BenchmarkAdmission(b *testing.B) {
	u := rawServer(b, func(_ int, c net.Conn) {
		for r := bufio.NewReader(c); readRequest(r) != nil; {
			_, _ = io.WriteString(c, ok)
		}
	})
	srv := run(b, same(Vhost{OnPlay: []string{u}}))
	q := request("flv", "a")
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			srv.admit(b, q)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				srv.admit(b, q)
			}
		})
	})
}

func (r *rig) admit(b *testing.B, q stream.Request) {
	s, err := r.Hub().View(context.Background(), q)
	if err != nil {
		b.Fatal(err)
	}
	r.Hub().EndView(s, nil)
}
