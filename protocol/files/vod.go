package files

import (
	"encoding/binary"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// sendFLV answers a request for an FLV file from a byte on. It gives false, and has done nothing, if
// that is not asked for, or the file has no such byte or is not FLV: then it goes as it is. A header
// Range is of no effect, as in SRS.
func sendFLV(w http.ResponseWriter, r *http.Request, f *os.File, info fs.FileInfo) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	start, err := strconv.ParseInt(r.URL.Query().Get("start"), 10, 64)
	if err != nil || start <= 0 || start >= info.Size() {
		return false
	}
	head := flvHead(f, start)
	if head == nil {
		return false
	}
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return false
	}
	left := info.Size() - start
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(head))+left, 10))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return true
	}
	if _, err := w.Write(head); err == nil {
		_, _ = io.CopyN(w, f, left) // a short one ends the connection
	}
	return true
}

// The bounds of the search for sequence headers.
const (
	maxTags = 64
	maxHead = 128 << 10
)

// The sizes of FLV's parts.
const (
	fileHeader = 9
	tagHeader  = 11
	tagSize    = 4 // behind a tag
)

// flvHead gives what a player needs before the bytes of an FLV file from start on: its header, and
// the sequence headers among its first tags. It is nil if the file is not FLV, or start is not behind
// its header.
func flvHead(r io.ReaderAt, start int64) []byte {
	head := make([]byte, fileHeader, 256)
	if _, err := r.ReadAt(head, 0); err != nil || string(head[:3]) != "FLV" {
		return nil
	}
	at := int64(binary.BigEndian.Uint32(head[5:])) + tagSize
	if at < fileHeader+tagSize || start < at {
		return nil
	}
	head = append(head[:5], 0, 0, 0, fileHeader, 0, 0, 0, 0)
	for range maxTags {
		var tag [tagHeader + 2]byte
		if _, err := r.ReadAt(tag[:], at); err != nil {
			break
		}
		size := tagHeader + int(binary.BigEndian.Uint32(tag[:])&0xffffff) + tagSize
		if at+int64(size) > start {
			break
		}
		if isSequence(tag[0]&0x1f, tag[tagHeader], tag[tagHeader+1]) && len(head)+size <= maxHead {
			n := len(head)
			head = append(head, make([]byte, size)...)
			if _, err := r.ReadAt(head[n:], at); err != nil {
				return head[:n]
			}
		}
		at += int64(size)
	}
	return head
}

// isSequence tells by the first two bytes of a tag's body whether it is a sequence header: of the
// codecs of FLV that have one, or in the form of Enhanced RTMP.
func isSequence(typ, a, b byte) bool {
	const audio, video = 8, 9
	const aac, enhanced, multi = 10, 9, 5 // SoundFormat; its packet type for several tracks
	const avc, hevc, av1, videoMulti = 7, 12, 13, 6
	packet := a & 0xf
	switch {
	case typ == audio && a>>4 == aac:
		return b == 0
	case typ == audio && a>>4 == enhanced:
		return packet == 0 || packet == multi && b&0xf == 0
	case typ == video && a&0x80 != 0:
		return packet == 0 || packet == videoMulti && b&0xf == 0
	case typ == video && (packet == avc || packet == hevc || packet == av1):
		return b == 0
	}
	return false
}

// withQueryRange gives the request with the range that its query asks for, if its header asks for
// none.
func withQueryRange(r *http.Request) *http.Request {
	if r.URL.RawQuery == "" || r.Header.Get("Range") != "" {
		return r
	}
	query := r.URL.Query()
	for _, name := range [...]string{"range", "bytes", "start"} {
		first, last, ok := strings.Cut(strings.TrimPrefix(query.Get(name), "bytes="), "-")
		if ok && first+last != "" && !strings.ContainsFunc(first+last, notDigit) {
			q := *r
			q.Header = r.Header.Clone()
			q.Header.Set("Range", "bytes="+first+"-"+last)
			return &q
		}
	}
	return r
}

func notDigit(c rune) bool { return c < '0' || c > '9' }
