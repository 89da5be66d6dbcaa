package hls

import (
	"slices"
	"sync"
)

// resource is what is served at a path.
type resource interface {
	// serve answers a GET, HEAD or POST.
	serve(x *exchange)
}

// registry is what there is, by path. Requests for what there is not leave nothing in it.
type registry struct {
	mu     sync.RWMutex
	byPath map[string][]located
}

type located struct {
	vhost string
	what  resource
}

func (g *registry) init() { g.byPath = map[string][]located{} }

// add enters a resource under a path without its first slash; false if the path is taken.
func (g *registry) add(vhost, path string, what resource) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.ContainsFunc(g.byPath[path], func(l located) bool { return l.vhost == vhost }) {
		return false
	}
	g.byPath[path] = append(g.byPath[path], located{vhost, what})
	return true
}

// remove takes a resource out, if it is what the path has.
func (g *registry) remove(vhost, path string, what resource) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removeLocked(vhost, path, what)
}

func (g *registry) removeLocked(vhost, path string, what resource) {
	list := slices.DeleteFunc(slices.Clone(g.byPath[path]), func(l located) bool { return l.vhost == vhost && l.what == what })
	if len(list) == 0 {
		delete(g.byPath, path)
	} else {
		g.byPath[path] = list
	}
}

// known tells whether any vhost has the path.
func (g *registry) known(path string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byPath[path] != nil
}

// find gives what a vhost has at a path, nil for nothing.
func (g *registry) find(vhost, path string) resource {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, l := range g.byPath[path] {
		if l.vhost == vhost {
			return l.what
		}
	}
	return nil
}

func (g *registry) len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.byPath)
}
