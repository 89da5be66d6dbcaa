package api

import "net/http"

// serveHealth tells that the process is alive and answers.
func serveHealth(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") }

// serveReady tells whether clients should be sent here. Listeners accept once all modules have
// started, so that an answer at all says that they did. What is wrong is for this machine alone.
func (m *Module) serveReady(w http.ResponseWriter, r *http.Request) {
	why := ""
	if m.op.draining.Load() {
		why = "draining"
	} else if f := m.cfg.Load().Ready; f != nil {
		if err := f(); err != nil {
			why = err.Error()
		}
	}
	switch {
	case why == "":
		text(w, http.StatusOK, "ready\n")
	case foreign(r) == "":
		text(w, http.StatusServiceUnavailable, "not ready: "+why+"\n")
	default:
		text(w, http.StatusServiceUnavailable, "not ready\n")
	}
}
