package api

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a request may cost. The header's size and time are the listener's business.
const (
	maxBody   = 64 << 10
	bodyTime  = 10 * time.Second          // to send the body
	replyTime = bodyTime + 10*time.Second // to take the answer, before which net/http reads the rest of the body
)

// Codes of SRS that the API answers.
const (
	codeFailed       = 100
	codeBusy         = 1028
	codeConfig       = 1023
	codeNoRaw        = 1061
	codeNoVhost      = 2014
	codeNoStream     = 2048
	codeNoClient     = 2049
	codeNoRecording  = 3054
	codeRecordFailed = 3053
)

// head is the envelope that every object begins with, but for errors, clusters and raw.
type head struct {
	Code    int    `json:"code"`
	Server  string `json:"server"`
	Service string `json:"service"`
	PID     string `json:"pid"`
}

// dataReply is the envelope with what most endpoints have in it.
type dataReply[T any] struct {
	head
	Data T `json:"data"`
}

// failure is an error's whole answer. Its HTTP status is 200.
type failure struct {
	Code int `json:"code"`
}

// float is printed with two decimals, as SRS does.
type float float64

// MarshalJSON gives 0.00 for what JSON has no number for.
func (f float) MarshalJSON() ([]byte, error) {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		f = 0
	}
	return strconv.AppendFloat(nil, float64(f), 'f', 2, 64), nil
}

// object is a JSON object whose members have an order that no struct gives.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON keeps the order.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, encode(f.name)...)
		b = append(b, ':')
		b = append(b, encode(f.value)...)
	}
	return append(b, '}'), nil
}

// encode gives an object as JSON: <, > and & are escaped, and what is not UTF-8 is replaced.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // all types here can be encoded; the front logs it and ends the connection
	}
	return b
}

// reply writes an object as JSON.
func reply(w http.ResponseWriter, v any) { replyBytes(w, encode(v)) }

// replyBytes writes JSON, as a call of the function that the client named if it did.
func replyBytes(w http.ResponseWriter, b []byte) {
	kind := "application/json"
	if j := findJSONP(w); j != nil {
		kind = "text/javascript"
		b = slices.Concat([]byte(j.callback), []byte{'('}, b, []byte{')'})
	}
	write(w, http.StatusOK, kind, b)
}

// fail answers an error code.
func fail(w http.ResponseWriter, code int) { reply(w, failure{code}) }

// text answers a text; HTTP's own errors are their phrase.
func text(w http.ResponseWriter, status int, s string) {
	write(w, status, "text/plain; charset=utf-8", []byte(s))
}

// phrase answers a status alone.
func phrase(w http.ResponseWriter, status int) { text(w, status, http.StatusText(status)) }

func write(w http.ResponseWriter, status int, kind string, b []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(replyTime))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// jsonp carries the name of a JSONP function to where the answer is written.
type jsonp struct {
	http.ResponseWriter
	callback string
}

// Unwrap is for http.ResponseController.
func (j *jsonp) Unwrap() http.ResponseWriter { return j.ResponseWriter }

// findJSONP finds it below what else wraps w; nil if the client wants plain JSON.
func findJSONP(w http.ResponseWriter) *jsonp {
	for {
		if j, ok := w.(*jsonp); ok {
			return j
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
}

// overrides are the methods that a JSONP request may stand for.
var overrides = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete}

var callbackName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// answer is what all paths of the API have in common. It comes before protect, since JSONP may
// change the method.
//
// Where SRS closes the connection without an answer (".." in the path, the name of a JSONP
// function that is none), this is 400: no client can depend on less.
//
// SRS sends "Connection: Close" with every answer and keeps the connection. Clients that follow
// what they are told would open one for each request, so the header is left out.
func (m *Module) answer(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.ContentLength != 0 {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			_ = control.SetReadDeadline(time.Now().Add(bodyTime))
		}
		if strings.Contains(r.URL.Path, "..") {
			phrase(w, http.StatusBadRequest)
			return
		}
		out := w
		if strings.Contains(r.URL.RawQuery, "callback=") {
			query := r.URL.Query()
			name := query.Get("callback")
			switch method := query.Get("method"); {
			case name == "":
			case !callbackName.MatchString(name):
				phrase(w, http.StatusBadRequest)
				return
			default:
				out = &jsonp{w, name}
				if slices.Contains(overrides, method) {
					r = r.WithContext(r.Context()) // a copy
					r.Method = method
				}
			}
		}
		h.ServeHTTP(out, r)
		_ = control.Flush()
		_ = control.SetWriteDeadline(time.Time{}) // what the connection serves next has its own
	})
}
