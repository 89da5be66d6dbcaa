// Package segment serves media segments, playlists and manifests from memory over HTTP: a [File]
// also while it still grows, so that players which want little latency read a segment as it is
// made; a [Text] with a compressed form that is made once for all.
package segment

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// stall is how long a client may take for a piece of a response: what it is sent stays in memory.
const stall = 30 * time.Second

// errOffset is for a Seek to before the start.
var errOffset = errors.New("segment: seek: negative offset")

// File is a file in memory that may still grow. It is one goroutine's to write and any number's to
// read and serve.
type File struct {
	// CacheControl is the response header of that name for the whole file; empty for none. It is
	// set before the file is served.
	CacheControl string

	contentType string

	mu      sync.Mutex
	chunks  [][]byte
	size    int64
	state   state
	etag    string // once whole
	changed time.Time
	more    chan struct{} // closed when anything changes; nil if nobody waits
}

type state uint8

const (
	growing state = iota
	whole
	aborted
)

// New makes an empty file of a media type.
func New(contentType string) *File {
	return &File{contentType: contentType, changed: time.Now()}
}

// Append adds b at the end, and keeps it: the caller does not change it any more.
func (f *File) Append(b []byte) {
	if len(b) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == growing {
		f.chunks = append(f.chunks, b)
		f.size += int64(len(b))
		f.tell()
	}
}

// Close tells that the file is whole.
func (f *File) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != growing {
		return
	}
	var sum uint32
	table := crc32.MakeTable(crc32.Castagnoli)
	for _, c := range f.chunks {
		sum = crc32.Update(sum, table, c)
	}
	f.etag = fmt.Sprintf(`"%x-%x"`, f.size, sum)
	f.state = whole
	f.tell()
}

// Abort tells that the rest will not come: who has part of it is cut off, who waits gets 404.
func (f *File) Abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == growing {
		f.state = aborted
		f.tell()
	}
}

// tell wakes those who wait. The caller holds mu.
func (f *File) tell() {
	f.changed = time.Now()
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

// Len gives the bytes that the file has now.
func (f *File) Len() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// Whole tells whether the file is complete.
func (f *File) Whole() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == whole
}

// Open reads what the file has at the call.
func (f *File) Open() io.ReadSeekCloser {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.chunks) == 1 {
		return nopCloser{bytes.NewReader(f.chunks[0])}
	}
	return &reader{chunks: f.chunks, size: f.size}
}

// after gives the chunks from the n-th on, how the file is, and if there are none and it grows what
// tells that there may be.
func (f *File) after(n int) (chunks [][]byte, s state, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.chunks) == n && f.state == growing {
		if f.more == nil {
			f.more = make(chan struct{})
		}
		return nil, growing, f.more
	}
	return f.chunks[n:], f.state, nil
}

// wait is after, and waits until there is something or the file is at its end; ok is false when the
// request was given up before.
func (f *File) wait(r *http.Request, n int) (chunks [][]byte, s state, ok bool) {
	for {
		chunks, s, more := f.after(n)
		if more == nil {
			return chunks, s, true
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return nil, s, false
		}
	}
}

// ServeHTTP answers GET and HEAD, see [File.Serve].
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.Serve(w, r) }

// Serve answers GET and HEAD with the file, and gives how many bytes of it were sent. A whole file is
// answered with its length, and conditions and ranges are heeded (RFC 9110 13, 14). One that grows is
// sent as it comes, in HTTP/1.1 with chunked transfer coding; before its first byte nothing is sent, so
// that a client may ask for what is about to be made.
func (f *File) Serve(w http.ResponseWriter, r *http.Request) (sent int64) {
	chunks, s, ok := f.wait(r, 0)
	if !ok {
		return 0
	}
	if s == aborted {
		http.Error(w, "the segment was given up", http.StatusNotFound)
		return 0
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	if f.CacheControl != "" {
		h.Set("Cache-Control", f.CacheControl)
	}
	if s == whole {
		return f.serveWhole(w, r, chunks)
	}
	if r.Method == http.MethodHead {
		return 0
	}
	return f.serveGrowing(w, r, chunks)
}

func (f *File) serveWhole(w http.ResponseWriter, r *http.Request, chunks [][]byte) (sent int64) {
	h := w.Header()
	h.Set("ETag", f.etag) // does not change any more, nor does changed
	out := &counter{ResponseWriter: w, control: http.NewResponseController(w)}
	if conditional(r) || r.Method == http.MethodHead {
		http.ServeContent(out, r, "", f.changed, f.Open())
		return out.n
	}
	h.Set("Last-Modified", f.changed.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(f.size, 10))
	for _, c := range chunks {
		if _, err := out.Write(c); err != nil {
			break
		}
	}
	return out.n
}

func conditional(r *http.Request) bool {
	for _, name := range [...]string{"Range", "If-Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if r.Header[name] != nil {
			return true
		}
	}
	return false
}

func (f *File) serveGrowing(w http.ResponseWriter, r *http.Request, chunks [][]byte) (sent int64) {
	out := &counter{ResponseWriter: w, control: http.NewResponseController(w)}
	for n := 0; ; {
		for _, c := range chunks {
			if _, err := out.Write(c); err != nil {
				return out.n
			}
		}
		if err := out.control.Flush(); err != nil {
			return out.n
		}
		n += len(chunks)
		var s state
		var ok bool
		if chunks, s, ok = f.wait(r, n); !ok {
			return out.n
		}
		switch {
		case s == aborted:
			panic(http.ErrAbortHandler) // the client must not take it for whole
		case s == whole && len(chunks) == 0:
			return out.n
		}
	}
}

// counter counts the bytes of a response, and gives the client a bounded time for each piece.
type counter struct {
	http.ResponseWriter
	control *http.ResponseController
	n       int64
}

// Write writes a piece.
func (c *counter) Write(b []byte) (int, error) {
	_ = c.control.SetWriteDeadline(time.Now().Add(stall)) // not every ResponseWriter has one
	n, err := c.ResponseWriter.Write(b)
	c.n += int64(n)
	return n, err
}
