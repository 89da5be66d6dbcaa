package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// head is the envelope that every object begins with, but for errors, clusters and raw.
type head struct {
	Code    int    `json:"code"`
	Server  string `json:"server"`
	Service string `json:"service"`
	PID     string `json:"pid"`
}

func (m *Module) head() head {
	id := m.host.Identity()
	return head{Server: id.Server, Service: id.Service, PID: strconv.Itoa(id.PID)}
}

// failure is an error's whole answer. Its HTTP status is 200.
type failure struct {
	Code int `json:"code"`
}

// reply writes an object as JSON.
func reply(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types here can be encoded; a handler's panic is logged and ends the connection
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

// fail answers an error code.
func fail(w http.ResponseWriter, code int) { reply(w, failure{code}) }

// text answers a text; HTTP's own errors are their phrase.
func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(s)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s))
}

// answer is what all paths of the API have in common.
func (m *Module) answer(h http.Handler) http.Handler { return h }
