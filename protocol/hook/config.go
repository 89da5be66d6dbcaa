package hook

import (
	"net/http"
	"time"
)

// Config configures a Module. Its zero value calls nobody.
type Config struct {
	// Name is the module's name; empty: hook.
	Name string
	// Vhost gives a vhost's callbacks, by the name under which the server knows it. It is asked for
	// each callback and must not block. nil: none for all.
	Vhost func(name string) Vhost
	// UserAgent is the header of that name; empty: srsgo. SRS sends SRS/6.0.157(Hang) and the like.
	UserAgent string
}

// Vhost is the callbacks of a vhost (http_hooks and forward of srs.conf). The URLs are http or https
// ones; user:password@ in them is sent as Basic authentication. Those of one list are called one
// after the other, and the first failure stops the rest.
type Vhost struct {
	OnConnect, OnClose     []string
	OnPublish, OnUnpublish []string
	OnPlay, OnStop         []string
	OnDVR, OnHLS           []string
	// OnHLSNotify are templates of URLs that are fetched for each segment, all of them, with the
	// variables [server_id] [service_id] [app] [stream] [ts_url] [param].
	OnHLSNotify []string
	// NotifyBytes is how much of an OnHLSNotify response's body is read (hls_nb_notify); 0: 64,
	// negative: nothing. At most 64 KB are.
	NotifyBytes int
	// OnForward is asked by Module.Forward (forward.backend); empty: nobody is.
	OnForward string

	// Timeout bounds each of connecting, sending and receiving; 0: 30 s. OnHLSNotify has 10 s if
	// that is less.
	Timeout time.Duration
	// OnError says what happens to a client when a callee does not answer.
	OnError OnError
	// VerifyTLS checks the certificates of https URLs, which SRS does not.
	VerifyTLS bool
}

// OnError is what happens to a client when a callee cannot be reached, is too slow or goes away
// without a whole answer. An answer that is not a consent refuses in any case.
type OnError uint8

// What may happen.
const (
	Deny  OnError = iota // the client is refused, as SRS does
	Allow                // the client is let in
)

const (
	defaultTimeout = 30 * time.Second
	notifyTimeout  = 10 * time.Second
	defaultNotify  = 64
	maxReply       = 64 << 10 // of a response's body, and of its header
)

// named lists what is called for the callbacks that are posted.
func (v *Vhost) named(hook string) []string {
	switch hook {
	case onConnect:
		return v.OnConnect
	case onClose:
		return v.OnClose
	case onPublish:
		return v.OnPublish
	case onUnpublish:
		return v.OnUnpublish
	case onPlay:
		return v.OnPlay
	case onStop:
		return v.OnStop
	case onDVR:
		return v.OnDVR
	case onHLS:
		return v.OnHLS
	}
	return nil
}

// vhost gives the callbacks of a vhost with their defaults.
func (c *Config) vhost(name string) Vhost {
	var v Vhost
	if c.Vhost != nil {
		v = c.Vhost(name)
	}
	if v.Timeout <= 0 {
		v.Timeout = defaultTimeout
	}
	if v.NotifyBytes == 0 {
		v.NotifyBytes = defaultNotify
	}
	v.NotifyBytes = min(max(v.NotifyBytes, 0), maxReply)
	return v
}

// call is a question or a fact for those who are called for it.
func (v *Vhost) call(hook string, body []byte) *call {
	return &call{hook: hook, method: http.MethodPost, urls: v.named(hook), body: body,
		timeout: v.Timeout, verify: v.VerifyTLS, accept: consent}
}
