// Package sdp reads the session descriptions of WebRTC clients and answers them (RFC 8866, RFC 3264,
// RFC 9429): [ParseOffer], and [Description.Answer], whose text has the shape of SRS's answers.
// [NewOffer] and [ParseAnswer] are a client's side of it.
package sdp

import "fmt"

// MaxSize is the longest description that is read, in bytes.
const MaxSize = 64 << 10

// What a description is bounded by, beside its size.
const (
	maxSections     = 32
	maxCodecs       = 128 // of a section
	maxCandidates   = 64
	maxFingerprints = 8
	maxLayers       = 8
	maxToken        = 64 // of a mid, a rid, in bytes
	maxParams       = 256
)

// Error is why a description is not taken.
type Error struct {
	// Malformed tells that it cannot be read; else it asks for what cannot be.
	Malformed bool
	code      int
	text      string
}

// Error says what is wrong, and where.
func (e *Error) Error() string { return "sdp: " + e.text }

// Code is SRS's number of the error.
func (e *Error) Code() int { return e.code }

const (
	codeDecode    = 5012
	codeNegotiate = 5018
)

func malformed(format string, args ...any) error {
	return &Error{Malformed: true, code: codeDecode, text: fmt.Sprintf(format, args...)}
}

// unusable refuses what can be read, for want of something that WebRTC needs.
func unusable(format string, args ...any) error {
	return &Error{code: codeDecode, text: fmt.Sprintf(format, args...)}
}

// disagree refuses what has nothing in common with what there is.
func disagree(format string, args ...any) error {
	return &Error{code: codeNegotiate, text: fmt.Sprintf(format, args...)}
}
