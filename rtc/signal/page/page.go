// Package page has a web page that publishes and plays by WebRTC: from the camera, the screen or a test
// picture, with figures of what arrives. It is plain JavaScript that takes nothing from elsewhere.
package page

import (
	"bytes"
	_ "embed" // the page
	"net/http"
	"strings"
	"time"
)

//go:embed web/rtc.html
var html []byte

//go:embed web/rtc.js
var script []byte

// Paths are those that [Handler] serves, the ones that users of SRS know. What a path's last name says, the
// page does: publish or play, by WHIP and WHEP or by SRS's API.
func Paths() []string {
	return []string{"/players/whip.html", "/players/whep.html", "/players/rtc_publisher.html", "/players/rtc_player.html", "/players/rtc.js"}
}

// policy allows the page its own script, and to talk to servers of the user's choice.
const policy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src *; media-src 'self' blob:; base-uri 'none'; form-action 'none'"

// Handler serves the page below each of [Paths].
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		text, kind := html, "text/html; charset=utf-8"
		if strings.HasSuffix(r.URL.Path, ".js") {
			text, kind = script, "text/javascript; charset=utf-8"
		}
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}
