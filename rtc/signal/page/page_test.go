package page_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/signal/page"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

func TestPaths(t *testing.T) {
	h := page.Handler()
	for _, p := range page.Paths() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", p, nil))
		require.Equal(t, http.StatusOK, w.Code, p)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "script-src 'self'")
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.NotRegexp(t, regexp.MustCompile(`innerHTML|document\.write|eval\(|(src|href)="(https?:)?//`), w.Body.String(), p)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", page.Paths()[0], nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}
