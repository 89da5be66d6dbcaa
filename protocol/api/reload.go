package api

import (
	"context"
	"net/http"
)

// ReloadReport is what a reload did, as POST /api/v1/reload answers it.
type ReloadReport struct {
	// Applied and NeedsRestart name the settings that have changed: those that are in force
	// now, and those that will be after a restart.
	Applied, NeedsRestart []string
	// Ignored names those that have changed and that the server does not act upon.
	Ignored []string
	// Errors say what is wrong with the new configuration, if the old one was left in force.
	Errors []string
}

// serveReload reloads the configuration. If that fails, code is SRS's ConfigInvalid.
func (m *Module) serveReload(w http.ResponseWriter, r *http.Request) {
	type report struct {
		Applied      []string `json:"applied"`
		NeedsRestart []string `json:"needs_restart"`
		Ignored      []string `json:"ignored"`
		Errors       []string `json:"errors"`
	}
	if r.Method != http.MethodPost {
		phrase(w, http.StatusMethodNotAllowed)
		return
	}
	reload := m.cfg.Load().Reload
	if reload == nil {
		fail(w, codeNoRaw)
		return
	}
	x, err := reload(context.WithoutCancel(r.Context()))
	out := dataReply[report]{m.head, report{texts(x.Applied), texts(x.NeedsRestart), texts(x.Ignored), texts(x.Errors)}}
	if err != nil && len(x.Errors) == 0 {
		out.Data.Errors = []string{mask(err.Error())}
	}
	if len(out.Data.Errors) > 0 {
		out.Code = codeConfig
	}
	reply(w, out)
}

// texts is [] in JSON, and not null, when it is empty. Secrets in it are hidden.
func texts(l []string) []string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = mask(s)
	}
	return out
}
