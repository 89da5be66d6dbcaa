// Package gate decides who may connect, publish and play: allow and deny lists, refer, signed URLs,
// JSON Web Tokens, permissions and limits.
//
// [New] makes the module of a server, which asks all of it for each vhost:
//
//	gates := gate.New(gate.Config{Vhost: func(string) gate.Vhost {
//		return gate.Vhost{SignedURL: gate.SignedURL{Keys: []string{key}, Actions: gate.Play}}
//	}})
//	server := protocol.NewServer(protocol.Config{}, gates, rtmp.New(rtmp.Config{}))
//
// It stands first in the server's list, so that it is asked before what stands after it. A Vhost and
// its parts are gates of a [stream.Hub] by themselves too. Anything else that decides is one more
// gate, added with Hub.AddGate: what SRS calls token traverse is one that asks an upstream server at
// [stream.ActionOpen].
//
// # Order
//
// As SRS: refer for all when the stream is named; then, before publish or play, security, refer for
// that, credentials, permissions, and limits at last, so that only who is let in counts. Limits of
// connections apply when a peer connects.
//
// # Errors
//
// A refusal is a [*stream.DeniedError]. Its cause has SRS's number of the error, for logs, from a
// method Code() int: 1052, 1053 and 1054 from security, 1074 from limits, 2015 from all others.
// Neither it nor what the peer is told has anything of a secret.
package gate

import (
	"context"
	"fmt"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// Actions is what a rule is for, added up. The zero value is for both.
type Actions uint8

// The actions. Play is to view as well.
const (
	Publish Actions = 1 << iota
	Play
)

// cover tells whether a rule is for what a session asks for.
func (a Actions) cover(s stream.Action) bool { return a == 0 || a&actionOf(s) != 0 }

// actionOf gives 0 for stages before it is known.
func actionOf(s stream.Action) Actions {
	switch s {
	case stream.ActionPublish:
		return Publish
	case stream.ActionPlay, stream.ActionView:
		return Play
	}
	return 0
}

func (a Actions) String() string {
	return [...]string{"any", token.Publish, token.Play, "publish or play"}[a&3]
}

// SRS's numbers of errors.
const (
	codeSecurity      = 1052 // no rules
	codeSecurityDeny  = 1053 // a rule denies
	codeSecurityAllow = 1054 // no rule allows
	codeLimit         = 1074 // ConnectionsExceed
	codeRefer         = 2015
	codeDenied        = 2015 // SecurityDenied, the nearest for what SRS has not
)

// reason is why a gate refuses.
type reason struct {
	code int
	err  error
}

func (r *reason) Error() string { return r.err.Error() }
func (r *reason) Unwrap() error { return r.err }

// Code gives SRS's number of the error.
func (r *reason) Code() int { return r.code }

// deny makes a refusal: what the peer is told, and what the log is.
func deny(code int, public, format string, args ...any) error {
	return &stream.DeniedError{Public: public, Err: &reason{code, fmt.Errorf("gate: "+format, args...)}}
}

// Vhost is what decides in a vhost, without the limits a gate by itself. The zero value lets in all.
type Vhost struct {
	// Security and Refer are SRS's lists; both have to let in.
	Security Security
	Refer    Refer
	// SignedURL and JWT are credentials. Where both are asked for, either will do.
	SignedURL SignedURL
	JWT       JWT
	// Throttle refuses addresses that guess credentials, nil none. Vhosts share one.
	Throttle *token.Throttle
	// Rules are permissions; they see the claims of a JWT.
	Rules Rules
	// Limits are those of the vhost; the module asks them.
	Limits Limits
}

// Admit asks all but the limits.
func (v Vhost) Admit(ctx context.Context, s *stream.Session) error {
	if s.Action == stream.ActionConnect {
		return nil
	}
	if err := v.Security.Admit(ctx, s); err != nil {
		return err
	}
	if err := v.Refer.Admit(ctx, s); err != nil {
		return err
	}
	if s.Action == stream.ActionOpen {
		return nil
	}
	claims, err := v.credentials(ctx, s)
	if err != nil {
		return err
	}
	return v.Rules.check(s, claims)
}
