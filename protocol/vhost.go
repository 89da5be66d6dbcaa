package protocol

import (
	"fmt"

	"github.com/srsgo/srs/stream"
)

// VhostSet is the virtual hosts of a server: by name, whether it is enabled. A nil set
// has the default vhost alone; a set that is not nil has what it lists, and without
// stream.DefaultVhost in it nothing else is served.
type VhostSet map[string]bool

// Lookup finds the vhost that serves a host name: the one of that name, else the
// default one. So all addresses of a server lead to one vhost, and one stream. A vhost
// that is disabled is not found, and does not lead to the default one.
func (v VhostSet) Lookup(host string) (name string, ok bool) {
	if v == nil {
		return stream.DefaultVhost, true
	}
	if enabled, ok := v[host]; ok {
		return host, enabled
	}
	return stream.DefaultVhost, v[stream.DefaultVhost]
}

// apply looks up the vhost of what a resolver gave.
func (v VhostSet) apply(r Resolved, err error) (Resolved, error) {
	if err != nil {
		return Resolved{}, err
	}
	name, ok := v.Lookup(r.Vhost)
	if !ok {
		return Resolved{}, fmt.Errorf("%w: %.100q", ErrVhost, r.Vhost)
	}
	r.Key.Vhost = name
	return r, nil
}

// PerVhost is a setting with a value for each vhost.
type PerVhost[T any] struct {
	// Default is for every vhost that has no value of its own.
	Default T
	// Vhosts are whole values: nothing in them is taken from Default.
	Vhosts map[string]T
}

// For gives the value for a vhost, by the name that VhostSet.Lookup gave; own tells
// whether it is the vhost's own.
func (p PerVhost[T]) For(vhost string) (value T, own bool) {
	if v, ok := p.Vhosts[vhost]; ok {
		return v, true
	}
	return p.Default, false
}
