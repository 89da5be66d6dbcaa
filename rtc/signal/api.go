package signal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/stream"
)

// maxJSON bounds the body of a request: a description with all of its line ends escaped, and a URL.
const maxJSON = 4 * sdp.MaxSize

func (h *handler) play(w http.ResponseWriter, r *http.Request)    { h.api(w, r, false) }
func (h *handler) publish(w http.ResponseWriter, r *http.Request) { h.api(w, r, true) }

// opened is the answer to a request of SRS's API.
type opened struct {
	Code      int    `json:"code"`
	Server    string `json:"server"`
	Service   string `json:"service"`
	PID       string `json:"pid"`
	SDP       string `json:"sdp"`
	SessionID string `json:"sessionid"`
}

// api serves SRS's API, which answers every failure alike, with status 200.
func (h *handler) api(w http.ResponseWriter, r *http.Request, publish bool) {
	req, err := h.apiRequest(w, r, publish)
	var s *Session
	if err == nil {
		s, err = h.Server.Open(r.Context(), req)
	}
	if err != nil {
		h.Logger.Warn("WebRTC signalling refused", "remote", r.RemoteAddr, "method", r.Method, "path", r.URL.Path, "err", err)
		writeJSON(w, code(http.StatusBadRequest))
		return
	}
	id := h.Identity
	writeJSON(w, opened{Server: id.Server, Service: id.Service, PID: strconv.Itoa(id.PID), SDP: s.Answer, SessionID: s.ID})
}

func (h *handler) apiRequest(w http.ResponseWriter, r *http.Request, publish bool) (*Request, error) {
	b, err := h.body(w, r, maxJSON)
	if err != nil {
		return nil, err
	}
	var in struct {
		SDP       string `json:"sdp"`
		StreamURL string `json:"streamurl"`
		API       string `json:"api"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", errJSON, err)
	}
	if in.SDP == "" || in.StreamURL == "" {
		return nil, errMissing
	}
	out := newRequest(r, r.URL.Query())
	out.Publish, out.JSON, out.URL = publish, true, in.StreamURL
	if publish {
		out.DTLS = nil
	}
	slash := strings.LastIndexByte(in.StreamURL, '/')
	if slash < 0 {
		return nil, fmt.Errorf("%w: %.200q", protocol.ErrURL, in.StreamURL)
	}
	if out.Resolved, err = protocol.ResolveRTMP(in.StreamURL[:slash], in.StreamURL[slash+1:]); err != nil {
		return nil, err
	}
	if publish {
		out.Param = cmp.Or(out.Param, "?") + "&upstream=rtc"
		out.Param = strings.Replace(out.Param, "?&", "?", 1)
	}
	out.APIHost = out.Host
	if u, err := url.Parse(in.API); err == nil && u.Hostname() != "" {
		out.APIHost = u.Hostname()
	}
	return out, out.offer(in.SDP)
}

// nack drops packets of a session, where tests want it.
func (h *handler) nack(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("drop"))
	if user := q.Get("username"); err != nil || n <= 0 || user == "" {
		writeJSON(w, code(5023))
	} else if err := h.Drop(user, n); errors.Is(err, stream.ErrNotFound) {
		writeJSON(w, code(5022))
	} else if err != nil {
		writeJSON(w, code(5023))
	} else {
		writeJSON(w, code(0))
	}
}

// code is an answer that has nothing else.
func code(n int) any {
	return struct {
		Code int `json:"code"`
	}{n}
}

func writeJSON(w http.ResponseWriter, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings and numbers alone
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}
