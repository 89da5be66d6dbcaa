package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// SRS's numbers of what may be wrong with a callback.
const (
	codeRead     = 1007 // SocketRead: the callee went away
	codeTimeout  = 1011 // SocketTimeout
	codeConnect  = 1018 // StConnect
	codeForward  = 1030 // RtmpForwardLoop: no list of URLs
	codeDNS      = 1066 // DnsResolve
	codeData     = 3008 // HttpResponseData: no JSON object, or no HTTP
	codeResponse = 3064 // HttpResponseCode: an object that does not consent
	codeStatus   = 4005 // HttpStatus
	codeTLS      = 4042 // HttpsHandshake: the certificate
)

// Error says why a callback did not succeed.
type Error struct {
	Hook string // on_publish, …
	URL  string // the callee, without credentials and query
	Err  error

	code       int
	unanswered bool // there was no whole answer
}

// Error tells it all, for the log.
func (e *Error) Error() string {
	return fmt.Sprintf("hook: %s: %s: code %d: %v", e.Hook, e.URL, e.code, e.Err)
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// Code gives SRS's number of the error: 4005 for the HTTP status, 3008 and 3064 for the reply, 1030
// for that of on_forward, 4042 for a certificate, and 1007, 1011, 1018 and 1066 for a callee that
// broke off, was too slow, or could not be reached or found.
func (e *Error) Code() int { return e.code }

// refused is an answer that is no consent.
func refused(code int, format string, args ...any) *Error {
	return &Error{code: code, Err: fmt.Errorf(format, args...)}
}

// parseStatus holds an HTTP status against what consents.
func parseStatus(status int) error {
	if status != 200 && status != 201 {
		return refused(codeStatus, "HTTP status %d", status)
	}
	return nil
}

// parseReply reads the body of an answer, and gives its object if it has one. Any error is an *Error.
func parseReply(body []byte) (map[string]json.RawMessage, error) {
	if string(body) == "0" {
		return nil, nil
	}
	if len(body) == 0 {
		return nil, refused(codeData, "the reply is empty")
	}
	var object map[string]json.RawMessage // a struct would take CODE for code
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, refused(codeData, "the reply is neither 0 nor a JSON object")
	}
	code, err := strconv.ParseInt(string(object["code"]), 10, 64)
	if err != nil {
		return nil, refused(codeResponse, "the reply has no integer code")
	}
	if code != 0 {
		return nil, refused(codeResponse, "the reply has code %d", code)
	}
	return object, nil
}

var errNoURLs = errors.New("the reply has no data.urls that list URLs")

// parseForward reads the answer to on_forward. An empty list is not nil.
func parseForward(body []byte) ([]string, error) {
	object, err := parseReply(body)
	if err != nil {
		return nil, err
	}
	var data map[string]json.RawMessage
	_ = json.Unmarshal(object["data"], &data) // what is missing or of another type leaves it empty
	var urls []*string
	if err := json.Unmarshal(data["urls"], &urls); err != nil || urls == nil {
		return nil, &Error{code: codeForward, Err: errNoURLs}
	}
	list := make([]string, 0, len(urls))
	for _, u := range urls {
		if u == nil || strings.ContainsAny(*u, "\r\n\x00") {
			return nil, &Error{code: codeForward, Err: errNoURLs}
		}
		list = append(list, *u)
	}
	return list, nil
}
