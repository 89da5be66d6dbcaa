package mpegts

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func encode(packets []*stream.Packet) []byte {
	e := &Encoder{}
	b := e.AppendStart(nil)
	for _, p := range packets {
		b = e.AppendPacket(b, p)
	}
	return b
}

func mux(t testing.TB, packets []*stream.Packet) []byte {
	var b bytes.Buffer
	w := NewWriter(&b, Options{})
	require.NoError(t, stream.Copy(w, streamtest.Source(packets...)))
	require.NoError(t, w.Flush())
	return b.Bytes()
}

func TestFFmpegDecodes(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		if clip.Name == "FLV1Speex" {
			continue // has nothing that a transport stream carries
		}
		for name, b := range map[string][]byte{"encoder": encode(clip.Packets()), "writer": mux(t, clip.Packets())} {
			t.Run(clip.Name+"/"+name, func(t *testing.T) {
				c, err := check(b)
				require.NoError(t, err)
				t.Logf("%d bytes, %+v", len(b), c)
				file := filepath.Join(t.TempDir(), "x.ts")
				require.NoError(t, os.WriteFile(file, b, 0o600))
				out, err := exec.Command("ffmpeg", "-v", "warning", "-xerror", "-i", file, "-map", "0", "-f", "null", "-").CombinedOutput()
				require.NoError(t, err, string(out))
				require.Empty(t, string(out))
			})
		}
	}
}
