package hls

import (
	"slices"

	"github.com/srsgo/srs/stream"
)

// front is what is served at the path of a stream's playlist: that, or a master of its tracks, or of the
// variants of a group.
type front struct {
	key     stream.Key // of the stream or group
	path    string
	own     *channel   // of that name; nil for a group without such a stream
	members []*channel // of the group
}

// join enters a channel at its path, and at that of its group.
func (g *registry) join(c *channel) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.front(c.key, c.main); f != nil {
		f.own = c
	}
	if c.rank >= 0 {
		if f := g.front(c.group, c.groupMain); f != nil && !slices.Contains(f.members, c) {
			f.members = append(slices.Clone(f.members), c)
			slices.SortFunc(f.members, func(a, b *channel) int { return a.rank - b.rank })
		}
	}
}

// front gives the front at a path, nil if the path is another resource's. The caller holds mu.
func (g *registry) front(key stream.Key, path string) *front {
	for _, l := range g.byPath[path] {
		if l.vhost == key.Vhost {
			f, _ := l.what.(*front)
			return f
		}
	}
	f := &front{key: key, path: path}
	g.byPath[path] = append(g.byPath[path], located{key.Vhost, f})
	return f
}

// leave takes a channel out of its fronts.
func (g *registry) leave(c *channel) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, path := range [...]string{c.main, c.groupMain} {
		for _, l := range g.byPath[path] {
			f, ok := l.what.(*front)
			if !ok || l.vhost != c.key.Vhost {
				continue
			}
			if f.own == c {
				f.own = nil
			}
			f.members = slices.DeleteFunc(slices.Clone(f.members), func(x *channel) bool { return x == c })
			if f.own == nil && len(f.members) == 0 {
				g.removeLocked(l.vhost, path, f)
				break
			}
		}
	}
}

// channels gives the channels of a front.
func (g *registry) channels(f *front) (own *channel, members []*channel) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return f.own, f.members
}
