package demo

import (
	"bytes"
	_ "embed" // the page
	"net"
	"net/http"
	"time"
)

//go:embed web/index.html
var indexHTML []byte

// mpegtsJS is mpegts.js of https://github.com/xqq/mpegts.js, which plays FLV in browsers.
//
//go:embed web/mpegts.js
var mpegtsJS []byte

//go:embed web/mpegts.js.LICENSE
var mpegtsLicense []byte

// page is a file that is served.
type page struct {
	kind string
	text []byte
}

// pages are the files by path. The page about a demo tells the port to publish to.
func pages(a Addresses) map[string]page {
	port := ""
	if _, p, err := net.SplitHostPort(a.RTMP); err == nil && p != "1935" {
		port = ":" + p
	}
	return map[string]page{
		"/":                  {"text/html; charset=utf-8", bytes.ReplaceAll(indexHTML, []byte("{{port}}"), []byte(port))},
		"/mpegts.js":         {"text/javascript; charset=utf-8", mpegtsJS},
		"/mpegts.js.LICENSE": {"text/plain; charset=utf-8", mpegtsLicense},
	}
}

// ServeHTTP serves the file.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", p.kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.text))
}
