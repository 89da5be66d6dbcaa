// Package signal is the HTTP side of WebRTC: WHIP (RFC 9725), WHEP (draft-ietf-wish-whep) and SRS's JSON
// API, at SRS's paths below /rtc/v1/. It knows HTTP and what clients ask for; sessions are a [Server]'s.
//
// What differs from SRS: a refused WHIP or WHEP request gets a status and a text, where SRS closes the
// connection; trickling and ICE restarts work; a path without its last slash is redirected with 307, which
// keeps the method (RFC 9725 4.5), except that of the JSON API; the address of a client is that of its
// connection, whatever clientip says, since access rules go by it.
package signal

import (
	"context"
	"slices"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/stream"
)

// Request asks for a session.
type Request struct {
	// Resolved names the stream, its vhost as asked for: Host, Vhost, Param (with its "?").
	protocol.Resolved
	// Publish tells that the client sends; else it plays.
	Publish bool
	// JSON tells that it came by SRS's API, not WHIP or WHEP.
	JSON bool
	// Offer is the client's.
	Offer *sdp.Description
	// ID is what the log calls the request, Remote and Local are its addresses, URL is what was asked for:
	// with the JSON API the stream's, else the request's.
	ID, Remote, Local, URL string
	TLS                    bool
	UserAgent, Referer     string
	// Bearer is the token of the Authorization header (RFC 6750 2.1).
	Bearer string
	// APIHost is the host by which the client reached signalling, without its port.
	APIHost string
	// Candidates are addresses that the request wants to be told, ip or ip:port (eip, candidate).
	Candidates []string
	// Codec is the picture's coding that is asked for; 0: none.
	Codec stream.Codec
	// Encrypt and DTLS are off where the request turns them off; nil: as configured.
	Encrypt, DTLS *bool
	// Ufrag and Pwd are credentials of ICE that the server is to use; empty: new ones.
	Ufrag, Pwd string
}

// Session is one that was opened.
type Session struct {
	// ID is the user name of ICE, local:remote, Token is what ends the session beside its id.
	ID, Token string
	// ETag tells its ICE credentials from those after a restart, without quotes.
	ETag   string
	Answer string
}

// Patch is what a client tells of its ICE while a session is open (RFC 9725 4.3).
type Patch struct {
	ID, Token string
	// Match are the entity tags of If-Match, without quotes; "*" stands for each.
	Match []string
	sdp.Fragment
}

// Restart tells whether a patch is one of ICE: it brings other credentials than those that the client has.
// etag is the session's. ErrPrecondition: the patch is for other credentials than the session's.
func (p *Patch) Restart(etag, ufrag, pwd string) (bool, error) {
	if !slices.Contains(p.Match, "*") && !slices.Contains(p.Match, etag) {
		return false, ErrPrecondition
	}
	return p.Ufrag != "" && (p.Ufrag != ufrag || p.Pwd != pwd), nil
}

// Restarted is what a session has after a restart of ICE.
type Restarted struct {
	ETag       string
	Ufrag, Pwd string
	Candidates []sdp.Candidate
}

// Server has the sessions. Its errors are those of package stream, *sdp.Error and the ones here; their text
// is for logs.
type Server interface {
	// Open opens a session. r is the server's.
	Open(ctx context.Context, r *Request) (*Session, error)
	// Patch takes candidates, or restarts ICE; it gives nil where it does not ([Patch.Restart]).
	Patch(ctx context.Context, p *Patch) (*Restarted, error)
	// Close ends a session: ErrNotFound of package stream if there is none, ErrToken.
	Close(ctx context.Context, id, token string) error
}

// codeError is an error with SRS's number.
type codeError struct {
	code int
	text string
}

func (e *codeError) Error() string { return "signal: " + e.text }

// Code is SRS's number of the error.
func (e *codeError) Code() int { return e.code }

// What a Server and a request are refused for.
var (
	// ErrToken: the token is not the session's.
	ErrToken error = &codeError{5036, "the token is not the session's"}
	// ErrPrecondition: If-Match is for other ICE credentials than the session's.
	ErrPrecondition error = &codeError{5036, "If-Match is for other credentials than the session has"}
	// ErrInUse: the ufrag that was asked for is another session's.
	ErrInUse error = &codeError{5037, "the ufrag is in use"}
	// ErrFull: there are as many sessions as there may be.
	ErrFull error = &codeError{5035, "too many sessions"}
)

var (
	errICE     error = &codeError{5037, "ice-ufrag is of 4 to 32 characters, ice-pwd of 22 to 32"}
	errJSON    error = &codeError{5019, "not the JSON that is expected"}
	errMissing error = &codeError{5019, "sdp or streamurl is missing"}
	errBody    error = &codeError{5012, "the body cannot be read"}
	errTooLong error = &codeError{5012, "the body is too long"}
)

// codecOf reads the parameter codec: what is not known is H.264, as with SRS.
func codecOf(name string) stream.Codec {
	switch strings.ToLower(name) {
	case "":
		return 0
	case "hevc", "h265":
		return stream.HEVC
	case "av1":
		return stream.AV1
	case "vp8":
		return stream.VP8
	case "vp9":
		return stream.VP9
	}
	return stream.H264
}
