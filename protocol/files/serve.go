package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/srsgo/srs/protocol"
)

// serve answers a request.
func (m *Module) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost: // as SRS; what it sends is not read
		q := *r
		q.Method = http.MethodGet // else package http has preconditions fail
		r = &q
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		say(w, http.StatusMethodNotAllowed)
		return
	}
	dir, rest, ok := m.layout.Load().find(r, m.host)
	if !ok {
		say(w, http.StatusNotFound)
		return
	}
	name, err := fileName(rest)
	if err != nil {
		say(w, http.StatusNotFound)
		return
	}
	f, info, err := open(dir, name)
	if err != nil {
		m.refuse(w, r, err)
		return
	}
	defer f.Close()
	switch {
	case !info.IsDir():
		send(&pacer{ResponseWriter: w, stall: m.stall}, r, f, info)
	case !strings.HasSuffix(rest, "/") && hasIndex(dir, name):
		redirect(w, r)
	default:
		say(w, http.StatusNotFound)
	}
}

// refuse answers an error of opening a file. What the server's own trouble is, the log has.
func (m *Module) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusNotFound
	switch {
	case errors.Is(err, fs.ErrPermission):
		code = http.StatusForbidden
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		code = http.StatusServiceUnavailable
	}
	if code != http.StatusNotFound {
		m.host.Logger.Warn("a file cannot be opened", "id", protocol.RequestID(r), "remote", r.RemoteAddr, "path", r.URL.Path, "err", err)
	}
	say(w, code)
}

// send answers with a file, or with what was asked for of it.
func send(w http.ResponseWriter, r *http.Request, f *os.File, info fs.FileInfo) {
	h := w.Header()
	ext := strings.ToLower(path.Ext(info.Name()))
	h.Set("Content-Type", contentType(ext))
	switch ext {
	case ".m3u8", ".mpd":
		h.Set("Cache-Control", "no-cache") // they change; the tag below tells when
	case ".flv":
		if sendFLV(w, r, f, info) {
			return
		}
	case ".mp4":
		r = withQueryRange(r)
	}
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// redirect adds the slash that a directory's path wants, without which links in its index lead
// elsewhere. The place is relative to the path, and so can be on no other server.
func redirect(w http.ResponseWriter, r *http.Request) {
	to := "./" + url.PathEscape(path.Base(r.URL.Path)) + "/"
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	say(w, http.StatusFound)
}

// say answers with a status and its phrase, as SRS does.
func say(w http.ResponseWriter, code int) {
	text := http.StatusText(code)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// step is how much of a file a client must take within a Module's stall: 34 kb/s.
const step = 256 << 10

// pacer is a response that ends when its client does not take it, so that nobody can hold files open
// for ever. It leaves whole files to the kernel, as net/http does.
type pacer struct {
	http.ResponseWriter
	stall time.Duration
}

// Unwrap is for http.ResponseController.
func (p *pacer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// extend gives the client time for the next piece. A server that knows no deadlines has bounds of its
// own.
func (p *pacer) extend() {
	_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(p.stall))
}

// Write writes a piece that the package makes: none is longer than step.
func (p *pacer) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

// ReadFrom is what io.Copy calls. A limit around the file is taken off, and put on for each piece, as
// only one is seen through on the way to sendfile.
func (p *pacer) ReadFrom(src io.Reader) (n int64, err error) {
	left := int64(math.MaxInt64)
	if l, ok := src.(*io.LimitedReader); ok {
		src, left = l.R, l.N
	}
	for n < left && err == nil {
		p.extend()
		var k int64
		k, err = io.CopyN(p.ResponseWriter, src, min(left-n, step))
		n += k
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
