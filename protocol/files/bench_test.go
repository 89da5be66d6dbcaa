package files

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkServe fetches files one after the other on one connection, from the module and from
// net/http's own file server.
func BenchmarkServe(b *testing.B) {
	root := b.TempDir()
	write(b, root, map[string]string{"deep/er/1KB": string(make([]byte, 1<<10)), "deep/er/1MB": string(make([]byte, 1<<20))})
	plain := httptest.NewServer(http.FileServer(http.Dir(root)))
	b.Cleanup(plain.Close)
	ours := httptest.NewServer(newRig(b, Config{Dir: root}).Handler("http"))
	b.Cleanup(ours.Close)
	c := &http.Client{Transport: &http.Transport{}}
	b.Cleanup(c.CloseIdleConnections)
	for _, x := range [][2]string{{"files", ours.URL}, {"net-http", plain.URL}} {
		for _, name := range []string{"1KB", "1MB"} {
			b.Run(x[0]+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					res, err := c.Get(x[1] + "/deep/er/" + name)
					require.NoError(b, err)
					n, err := io.Copy(io.Discard, res.Body)
					require.NoError(b, err)
					_ = res.Body.Close()
					b.SetBytes(n)
				}
			})
		}
	}
}
