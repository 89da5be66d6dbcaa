package segment

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// minGzip is the least size that is worth compressing.
const minGzip = 512

// Text is one version of a playlist or manifest. It is immutable.
type Text struct {
	// CacheControl is the response header of that name; empty: no-cache. It is set before the text
	// is served.
	CacheControl string

	contentType string
	body        []byte
	etag        string
	made        time.Time

	once sync.Once
	gz   []byte // nil where that is not smaller
}

// NewText makes a text of a media type. It keeps body.
func NewText(contentType string, body []byte) *Text {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return &Text{CacheControl: "no-cache", contentType: contentType, body: body, etag: fmt.Sprintf("%x-%x", len(body), sum), made: time.Now()}
}

// Body gives the text.
func (t *Text) Body() []byte { return t.body }

// ServeHTTP answers GET and HEAD, see [Text.Serve].
func (t *Text) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.Serve(w, r) }

// Serve answers GET and HEAD, compressed for clients that take it, with 304 for those that have the
// version, and gives how many bytes were sent.
func (t *Text) Serve(w http.ResponseWriter, r *http.Request) (sent int64) {
	h := w.Header()
	h.Set("Content-Type", t.contentType)
	h.Set("Cache-Control", t.CacheControl)
	body, etag := t.body, `"`+t.etag+`"`
	if len(t.body) >= minGzip {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			if gz := t.compressed(); gz != nil {
				body, etag = gz, `"`+t.etag+`-gzip"`
				h.Set("Content-Encoding", "gzip")
			}
		}
	}
	h.Set("ETag", etag)
	h.Set("Last-Modified", t.made.UTC().Format(http.TimeFormat))
	if r.Header["If-None-Match"] != nil || r.Header["If-Modified-Since"] != nil || r.Header["If-Match"] != nil {
		out := &counter{ResponseWriter: w, control: http.NewResponseController(w)}
		q := *r
		q.Header = r.Header.Clone()
		q.Header.Del("Range") // of a text that changes nobody wants a piece
		http.ServeContent(out, &q, "", t.made, bytes.NewReader(body))
		return out.n
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return 0
	}
	n, _ := w.Write(body)
	return int64(n)
}

func (t *Text) compressed() []byte {
	t.once.Do(func() {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(t.body) // a Buffer takes all
		_ = z.Close()
		if b.Len() < len(t.body) {
			t.gz = b.Bytes()
		}
	})
	return t.gz
}

// acceptsGzip reads Accept-Encoding (RFC 9110 12.5.3) as far as players and browsers use it.
func acceptsGzip(r *http.Request) bool {
	for _, line := range r.Header["Accept-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			name, q, _ := strings.Cut(strings.TrimSpace(coding), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				q = strings.ReplaceAll(q, " ", "")
				return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
			}
		}
	}
	return false
}
