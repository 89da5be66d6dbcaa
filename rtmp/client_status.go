package rtmp

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

// StatusError is a server's refusal, or its end of a session: an _error, or an onStatus
// of level error (§7.2.1, §7.2.2).
//
// errors.Is finds stream.ErrBusy for a publisher whose name is taken, stream.ErrNotFound
// for an app or stream that does not exist. Of a player, NetStream.Play.Failed names no
// reason and is stream.ErrNotFound too. errors.As finds a *stream.DeniedError for all
// else that a server says, and a *stream.RedirectError for a redirect that was not
// followed.
type StatusError struct {
	Code        string // NetStream.Publish.BadName, …
	Description string // the server's words
	Level       string // error, mostly

	redirect, redirect2 string // of ex, whose code is 302
}

func (e *StatusError) Error() string {
	if e.Description == "" {
		return "the server says " + clip(e.Code)
	}
	return fmt.Sprintf("the server says %s: %s", clip(e.Code), clip(e.Description))
}

// Is matches what the code stands for.
func (e *StatusError) Is(err error) bool {
	switch err {
	case stream.ErrBusy:
		return e.busy()
	case stream.ErrNotFound:
		return e.notFound()
	}
	return false
}

// As gives the error that a Gate would have given for the same reason.
func (e *StatusError) As(to any) bool {
	switch p := to.(type) {
	case **stream.RedirectError:
		if e.redirects() {
			*p = &stream.RedirectError{URL: e.location()}
			return true
		}
	case **stream.DeniedError:
		if !e.redirects() && !e.busy() && (!e.notFound() || e.Code == playFailed) {
			*p = &stream.DeniedError{Public: clip(e.Description), Err: e}
			return true
		}
	}
	return false
}

const (
	playFailed     = "NetStream.Play.Failed"
	publishStart   = "NetStream.Publish.Start"
	playStart      = "NetStream.Play.Start"
	askReconnect   = "NetConnection.Connect.ReconnectRequest"
	connectSuccess = "NetConnection.Connect.Success"
)

func (e *StatusError) busy() bool { return e.Code == "NetStream.Publish.BadName" }

func (e *StatusError) notFound() bool {
	switch e.Code {
	case "NetStream.Play.StreamNotFound", playFailed, "NetConnection.Connect.InvalidApp":
		return true
	}
	return false
}

// fatal tells an error that ends the session from one that does not: a call that the
// server does not know, a recording that failed.
func (e *StatusError) fatal() bool {
	return e.Level == "error" && !strings.HasPrefix(e.Code, "NetConnection.Call.") &&
		!strings.HasPrefix(e.Code, "NetStream.Record.") || e.busy() || e.notFound()
}

func (e *StatusError) redirects() bool { return e.location() != "" }

// location prefers the whole URL, as SRS's own clients do: the other one lacks the
// stream, which the server may want under a different name.
func (e *StatusError) location() string {
	if e.redirect2 != "" {
		return e.redirect2
	}
	return e.redirect
}

// target gives where a redirect leads.
func (e *StatusError) target(from target) (target, error) {
	if e.redirect2 != "" {
		return parseTarget(e.redirect2)
	}
	return from.withTCURL(e.redirect)
}

// statusOf reads the information object of a command: its last argument that is one.
func statusOf(c *command) (*StatusError, amf.Object) {
	var info amf.Object
	for i := len(c.args) - 1; i >= 0 && info == nil; i-- {
		info = objectOf(c.args[i])
	}
	if info == nil && c.name == "_error" {
		info = c.fields() // some servers leave the null before it out
	}
	s := &StatusError{Code: info.String("code"), Description: info.String("description"), Level: info.String("level")}
	if v, ok := info.Get("ex"); ok {
		if ex := objectOf(v); ex.Number("code") == 302 {
			s.redirect, s.redirect2 = ex.String("redirect"), ex.String("redirect2")
		}
	}
	return s, info
}

// reconnectTarget gives where a ReconnectRequest leads: its tcUrl, which may be relative
// to the present one or missing ("Reconnect Request" of Enhanced RTMP).
func reconnectTarget(from target, tcURL string) (target, error) {
	if tcURL == "" {
		return from, nil
	}
	if strings.Contains(tcURL, "://") {
		return from.withTCURL(tcURL)
	}
	base, err := url.Parse(from.tcURL())
	if err != nil {
		return target{}, fmt.Errorf("rtmp: %w", err)
	}
	ref, err := url.Parse(tcURL)
	if err != nil {
		return target{}, fmt.Errorf("rtmp: %w", err)
	}
	return from.withTCURL(base.ResolveReference(ref).String())
}

// clip bounds a peer's words, which end in logs.
func clip(s string) string {
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
