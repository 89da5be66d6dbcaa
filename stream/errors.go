package stream

import "errors"

// The errors that a caller may want to tell apart with errors.Is.
var (
	// ErrBusy: the stream has a publisher already.
	ErrBusy = errors.New("stream: busy: the stream has a publisher")
	// ErrNotFound: no such stream, vhost or session.
	ErrNotFound = errors.New("stream: not found")
	// ErrClosed: used after its end.
	ErrClosed = errors.New("stream: closed")
	// ErrLapped: a reader was too slow and what it wanted next is gone.
	ErrLapped = errors.New("stream: lapped: the reader is too slow")
	// ErrSlow: a viewer took no byte for too long.
	ErrSlow = errors.New("stream: the viewer reads too slowly")
	// ErrIdle: a publisher sent nothing, or had no player, for too long.
	ErrIdle = errors.New("stream: idle for too long")
	// ErrTakenOver: another publisher took the stream over.
	ErrTakenOver = errors.New("stream: taken over by another publisher")
	// ErrKicked: an operator ended the session.
	ErrKicked = errors.New("stream: kicked")
	// ErrShutdown: the server is stopping.
	ErrShutdown = errors.New("stream: server is shutting down")
	// ErrUnsupported: the codec or feature is not supported there.
	ErrUnsupported = errors.New("stream: unsupported")
)

// DeniedError is a refusal. Public is what the peer may be told; Err is the cause,
// for logs only. Unauthorized tells that a token would let the peer in, which it has not shown, or one that is
// not valid: 401 of HTTP, else 403.
type DeniedError struct {
	Public       string
	Err          error
	Unauthorized bool
}

func (e *DeniedError) Error() string {
	if e.Err == nil {
		return "stream: denied: " + e.Public
	}
	return "stream: denied: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DeniedError) Unwrap() error { return e.Err }

// RedirectError sends the peer elsewhere. A Gate returns it; each protocol answers
// in its own way (RTMP and HTTP with 302).
type RedirectError struct {
	URL string
}

func (e *RedirectError) Error() string { return "stream: redirect to " + e.URL }
