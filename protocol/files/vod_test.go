package files

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// tag makes an FLV tag.
func tag(typ byte, body ...byte) []byte {
	b := []byte{typ, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0, 0}
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, uint32(len(b)))
}

// file makes an FLV file, and gives where its tags begin, and where it ends.
func file(tags ...[]byte) (b []byte, at []int) {
	b = append(b, "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"...)
	for _, one := range tags {
		at = append(at, len(b))
		b = append(b, one...)
	}
	return b, append(at, len(b))
}

const fileStart = fileHeader + tagSize

// TestFLVHead holds which tags are sequence headers, and where the search ends.
func TestFLVHead(t *testing.T) {
	meta, frame := tag(18, 2, 0, 0), tag(9, 0x27, 1, 0, 0, 0, 1, 2)
	for name, one := range map[string][]byte{
		"AVC": tag(9, 0x17, 0, 0, 0, 0, 1, 2, 3), "HEVC": tag(9, 0x1c, 0, 0, 0, 0, 1), "AV1": tag(9, 0x1d, 0, 1),
		"AAC": tag(8, 0xaf, 0, 0x12, 0x10), "enhanced video": tag(9, 0x90, 'h', 'v', 'c', '1', 1),
		"enhanced audio": tag(8, 0x90, 'O', 'p', 'u', 's', 1), "video track": tag(9, 0x96, 0x00, 'a', 'v', 'c', '1', 1),
		"audio track": tag(8, 0x95, 0x00, 'm', 'p', '4', 'a', 1), "in a filtered tag": tag(0x20|9, 0x17, 0),
	} {
		b, at := file(meta, one, frame)
		want := append(bytes.Clone(b[:fileStart]), one...)
		require.Equal(t, want, flvHead(bytes.NewReader(b), int64(at[2])), name)
		require.Equal(t, b[:fileStart], flvHead(bytes.NewReader(b), int64(at[2]-1)), "%s is not whole before that", name)
	}
	for name, one := range map[string][]byte{
		"AVC": frame, "AAC": tag(8, 0xaf, 1, 0), "MP3": tag(8, 0x2f, 0), "H.263": tag(9, 0x12, 0, 0), "enhanced video": tag(9, 0x91, 'h', 'v', 'c', '1'),
		"video track": tag(9, 0x96, 0x01, 'a', 'v', 'c', '1'), "audio track": tag(8, 0x95, 0x01), "script": tag(18, 0x17, 0),
	} {
		b, at := file(one, frame)
		require.Equal(t, b[:fileStart], flvHead(bytes.NewReader(b), int64(at[1])), name)
	}
	b, at := file(frame)
	require.Nil(t, flvHead(bytes.NewReader(b), fileStart-1))
	require.NotNil(t, flvHead(bytes.NewReader(b[:fileStart]), int64(at[1])), "cut off")
	require.Nil(t, flvHead(bytes.NewReader([]byte("FLX\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")), fileStart))

	// A header may be longer than usual; what is given has the usual one.
	long := append([]byte("FLV\x01\x05\x00\x00\x00\x0b??\x00\x00\x00\x00"), tag(8, 0xaf, 0, 1)...)
	require.Equal(t, append(bytes.Clone(b[:fileStart]), tag(8, 0xaf, 0, 1)...), flvHead(bytes.NewReader(long), int64(len(long))))

	// The search is bounded in tags and bytes.
	var many [][]byte
	for range maxTags {
		many = append(many, frame)
	}
	b, at = file(append(many, tag(8, 0xaf, 0, 1))...)
	require.Len(t, flvHead(bytes.NewReader(b), int64(at[maxTags+1])), fileStart)
	large := tag(9, append([]byte{0x17, 0}, make([]byte, 60_000)...)...)
	large[1], large[2], large[3] = 0, 60_002>>8, 60_002&0xff
	b, at = file(large, large, large, large)
	require.Less(t, len(flvHead(bytes.NewReader(b), int64(at[4]))), maxHead)
}

// TestFLVStart has each key frame of a file asked for; what comes plays from there.
func TestFLVStart(t *testing.T) {
	root := t.TempDir()
	var out bytes.Buffer
	w := flv.NewWriter(&out, nil)
	clip := streamtest.H264AAC().Packets()
	var keys []int
	for _, p := range clip {
		if p.Kind() == stream.KindVideo && p.Key() {
			keys = append(keys, out.Len())
		}
		require.NoError(t, w.WritePacket(p))
	}
	whole := out.Bytes()
	require.Greater(t, len(keys), 1)
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.flv"), whole, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "no.flv"), []byte("0123456789 0123456789"), 0o644))
	r := newRig(t, Config{Dir: root})
	for _, at := range keys[1:] {
		res, body := r.do(t, http.MethodGet, "/a.flv?start="+strconv.Itoa(at), "Range: bytes=0-9")
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "video/x-flv", res.Header.Get("Content-Type"))
		require.Equal(t, string(whole[at:]), body[len(body)-len(whole)+at:])
		in := flv.NewReader(bytes.NewReader([]byte(body)))
		p, err := in.ReadPacket()
		require.NoError(t, err)
		require.True(t, p.Key())
		require.NotEmpty(t, p.Info().Config, "it came with its sequence header")
		head, none := r.do(t, http.MethodHead, "/a.flv?start="+strconv.Itoa(at))
		require.Equal(t, int64(len(body)), head.ContentLength)
		require.Empty(t, none)
	}
	for _, query := range []string{"", "?start=0", "?start=-1", "?start=x", "?start=5", "?start=" + strconv.Itoa(len(whole)), "?start=99999999999999999999", "?other=9"} {
		status, body := r.get(t, "/a.flv"+query)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, len(whole), len(body), query)
	}
	_, body := r.get(t, "/no.flv?start=15")
	require.Equal(t, "0123456789 0123456789", body)
}
