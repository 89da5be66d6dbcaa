package signal

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/stream"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
	// retryAfter is when a client may come again to a server that is full or ends, in seconds.
	retryAfter = "3"
)

func (h *handler) whip(w http.ResponseWriter, r *http.Request) { h.webrtc(w, r, true) }
func (h *handler) whep(w http.ResponseWriter, r *http.Request) { h.webrtc(w, r, false) }

// webrtc serves WHIP and WHEP: a path is an endpoint, with session= in its query it is a session.
func (h *handler) webrtc(w http.ResponseWriter, r *http.Request, publish bool) {
	q := r.URL.Query()
	id := q.Get("session")
	switch {
	case r.Method == http.MethodOptions:
		h.Options(w.Header())
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPost && id == "":
		h.open(w, r, q, publish && q.Get("action") != "play")
	case r.Method == http.MethodPatch && id != "":
		h.patch(w, r, q)
	case r.Method == http.MethodDelete:
		h.close(w, r, q)
	case id == "":
		w.Header().Set("Allow", "POST, OPTIONS")
		say(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	default: // a session's URL (RFC 9725 4.2)
		w.Header().Set("Allow", "PATCH, DELETE, OPTIONS")
		say(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// Options says what bodies are taken, in the answer to OPTIONS (RFC 9725 4.2, RFC 5789 3.1).
func (*handler) Options(h http.Header) {
	h.Set("Allow", "POST, PATCH, DELETE, OPTIONS")
	h.Set("Accept-Post", typeSDP)
	h.Set("Accept-Patch", typeFragment)
}

func (h *handler) open(w http.ResponseWriter, r *http.Request, q url.Values, publish bool) {
	if !contentType(r, typeSDP) {
		w.Header().Set("Accept-Post", typeSDP)
		say(w, http.StatusUnsupportedMediaType, "The body must be "+typeSDP)
		return
	}
	if !accepts(r.Header.Values("Accept"), typeSDP) {
		say(w, http.StatusNotAcceptable, "The answer is "+typeSDP)
		return
	}
	text, err := h.body(w, r, sdp.MaxSize)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	req, err := whipRequest(r, q, publish)
	if err == nil {
		err = req.offer(string(text) + "\r\n")
	}
	var s *Session
	if err == nil {
		s, err = h.Server.Open(r.Context(), req)
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	head := w.Header()
	head.Set("Content-Type", typeSDP)
	head.Set("Location", Prefix+"whip/?action=delete&token="+escape(s.Token)+"&app="+escape(req.App)+"&stream="+escape(req.Stream)+"&session="+escape(s.ID))
	head.Set("ETag", `"`+s.ETag+`"`)
	for _, l := range h.links {
		head.Add("Link", l)
	}
	head.Set("Content-Length", strconv.Itoa(len(s.Answer)))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(s.Answer))
}

// escape keeps what SRS leaves as it is in a query.
func escape(s string) string {
	return strings.NewReplacer("%3A", ":", "%2F", "/").Replace(url.QueryEscape(s))
}

// whipRequest reads the query.
func whipRequest(r *http.Request, q url.Values, publish bool) (*Request, error) {
	at := *r
	at.URL = &url.URL{Path: "/" + cmp.Or(q.Get("app"), "live") + "/" + cmp.Or(q.Get("stream"), "livestream"), RawQuery: r.URL.RawQuery}
	resolved, err := protocol.ResolveHTTP(&at, "")
	if err != nil {
		return nil, err
	}
	out := newRequest(r, q)
	out.Resolved, out.Publish = resolved, publish
	out.URL = resolved.Scheme + "://" + r.Host + r.URL.RequestURI()
	out.Ufrag, out.Pwd = q.Get("ice-ufrag"), q.Get("ice-pwd")
	if out.Ufrag != "" && !sdp.ValidICE(out.Ufrag, 4, 32) || out.Pwd != "" && !sdp.ValidICE(out.Pwd, 22, 32) {
		return nil, errICE
	}
	return out, nil
}

// contentType tells whether a request's body is of a type; one that has none is believed to be.
func contentType(r *http.Request, want string) bool {
	v := r.Header.Get("Content-Type")
	if v == "" {
		return true
	}
	got, _, err := mime.ParseMediaType(v)
	return err == nil && got == want
}

// accepts tells whether the values of Accept allow a type (RFC 9110 12.5.1): the most specific range that
// matches says so.
func accepts(values []string, want string) bool {
	if len(values) == 0 {
		return true
	}
	major, _, _ := strings.Cut(want, "/")
	ok, best := false, 0
	for v := range strings.SplitSeq(strings.Join(values, ","), ",") {
		got, params, err := mime.ParseMediaType(v)
		if err != nil {
			continue
		}
		rank := map[string]int{"*/*": 1, major + "/*": 2, want: 3}[got]
		if rank > best {
			q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64)
			ok, best = err == nil && q > 0, rank
		}
	}
	return ok
}

func (h *handler) patch(w http.ResponseWriter, r *http.Request, q url.Values) {
	if v := r.Header.Get("Content-Type"); v == "" || !contentType(r, typeFragment) {
		w.Header().Set("Accept-Patch", typeFragment)
		say(w, http.StatusUnsupportedMediaType, "The body must be "+typeFragment)
		return
	}
	match := entityTags(r.Header.Values("If-Match"))
	if len(match) == 0 {
		say(w, http.StatusPreconditionRequired, "If-Match is missing")
		return
	}
	text, err := h.body(w, r, sdp.MaxSize)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	f, err := sdp.ParseFragment(string(text))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	now, err := h.Server.Patch(r.Context(), &Patch{ID: q.Get("session"), Token: q.Get("token"), Match: match, Fragment: *f})
	switch {
	case err != nil:
		h.refuse(w, r, err)
	case now == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		answer := f.Answer(now.Ufrag, now.Pwd, now.Candidates)
		head := w.Header()
		head.Set("Content-Type", typeFragment)
		head.Set("ETag", `"`+now.ETag+`"`)
		head.Set("Content-Length", strconv.Itoa(len(answer)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte(answer))
	}
}

// entityTags reads If-Match (RFC 9110 13.1.1), without quotes. Weak tags never match.
func entityTags(values []string) (list []string) {
	for v := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if v = strings.Trim(strings.TrimSpace(v), `"`); v != "" && len(list) < 16 {
			list = append(list, v)
		}
	}
	return list
}

// close answers DELETE as SRS does: 200 for a session that is not there, too.
func (h *handler) close(w http.ResponseWriter, r *http.Request, q url.Values) {
	err := h.Server.Close(r.Context(), q.Get("session"), q.Get("token"))
	if err != nil && !errors.Is(err, stream.ErrNotFound) {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// refuse answers an error of WHIP or WHEP.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.Logger.Warn("WebRTC signalling refused", "remote", r.RemoteAddr, "method", r.Method, "path", r.URL.Path, "err", err)
	var to *stream.RedirectError
	if errors.As(err, &to) && to.URL != "" {
		w.Header().Set("Location", to.URL)
		say(w, http.StatusTemporaryRedirect, "Redirect to "+to.URL)
		return
	}
	code, text := refusal(err)
	if code == http.StatusUnauthorized { // RFC 6750 3
		challenge := "Bearer"
		if r.Header.Get("Authorization") != "" {
			challenge += ` error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	say(w, code, text)
}

// refusal is what a client is told of an error: of its text only what is about the client's own request, and
// what a gate meant for it.
func refusal(err error) (code int, text string) {
	var denied *stream.DeniedError
	var bad *sdp.Error
	switch {
	case errors.As(err, &denied) && denied.Unauthorized:
		return http.StatusUnauthorized, cmp.Or(denied.Public, "Unauthorized")
	case denied != nil:
		return http.StatusForbidden, cmp.Or(denied.Public, "Forbidden")
	case errors.As(err, &bad) && bad.Malformed:
		return http.StatusBadRequest, bad.Error()
	case bad != nil:
		return http.StatusUnprocessableEntity, bad.Error()
	case errors.Is(err, errTooLong):
		return http.StatusRequestEntityTooLarge, "The body is longer than " + strconv.Itoa(sdp.MaxSize) + " bytes"
	case errors.Is(err, errBody):
		return http.StatusBadRequest, "The body cannot be read"
	case errors.Is(err, errICE):
		return http.StatusBadRequest, errICE.Error()
	case errors.Is(err, protocol.ErrURL), errors.Is(err, protocol.ErrStreamName):
		return http.StatusBadRequest, "Bad stream name"
	case errors.Is(err, ErrToken), errors.Is(err, stream.ErrKicked):
		return http.StatusForbidden, "Forbidden"
	case errors.Is(err, ErrPrecondition):
		return http.StatusPreconditionFailed, "If-Match does not match"
	case errors.Is(err, stream.ErrBusy), errors.Is(err, stream.ErrTakenOver):
		return http.StatusConflict, "The stream has another publisher"
	case errors.Is(err, ErrInUse):
		return http.StatusConflict, "The ufrag is in use"
	case errors.Is(err, stream.ErrNotFound):
		return http.StatusNotFound, "Not Found"
	case errors.Is(err, stream.ErrUnsupported):
		return http.StatusUnprocessableEntity, "Unsupported"
	case errors.Is(err, ErrFull), errors.Is(err, stream.ErrShutdown), errors.Is(err, stream.ErrClosed), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "Service Unavailable"
	}
	return http.StatusInternalServerError, "Internal Server Error"
}
