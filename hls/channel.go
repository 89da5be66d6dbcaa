package hls

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/stream"
)

// channel is HLS of one stream. It outlives publications, until Vhost.Dispose has passed.
type channel struct {
	m         *Module
	key       stream.Key
	main      string     // name of the playlist, or of the master
	group     stream.Key // that it is a variant of; no name for none
	rank      int        // its place among the variants; -1 for none
	groupMain string     // name of its playlist
	store     *store     // nil if there are no files
	keys      *keyring

	running sync.Mutex // by one publication

	mu      sync.Mutex
	cfg     Vhost
	lists   []*list
	changed chan struct{}           // closed when a list changes; nil if nobody waits
	stop    context.CancelCauseFunc // ends the publication's HLS
	stored  *playlist.Master        // the master, as it was stored last
	session *stream.Session
	live    bool
	over    bool // disposed
	clash   bool // a name was taken: that was logged
	full    bool // segments have left for lack of memory: that was logged
	timer   *time.Timer
	next    int   // number of the next segment
	disc    int   // discontinuities before the first segment
	target  int   // target duration of all lists, in seconds; 0 before the first segment
	clock   clock // of EXT-X-PROGRAM-DATE-TIME
	shift   int   // what makes a number of ours of a part's
	begun   bool  // the publication has given a part
}

// clock makes wall-clock time of a stream's: at one rate for as long as the stream goes on.
type clock struct {
	dts  time.Duration
	wall time.Time
}

// maxDrift is how far the clock may be off before it is set anew.
const maxDrift = 2 * time.Second

// at gives the time of a frame that was captured, or came in, at wall.
func (k *clock) at(dts time.Duration, wall time.Time, anew bool) time.Time {
	t := k.wall.Add(dts - k.dts)
	if off := t.Sub(wall); k.wall.IsZero() || anew || max(off, -off) > maxDrift {
		k.dts, k.wall, t = dts, wall, wall
	}
	return t
}

// newChannel makes a channel whose segments count from next, and discontinuities from disc.
func newChannel(m *Module, key stream.Key, cfg Vhost, next, disc int) (*channel, error) {
	main, err := cfg.playlistName(key)
	if err != nil {
		return nil, err
	}
	c := &channel{m: m, key: key, cfg: cfg, main: main, next: next, disc: disc}
	name, rank := cfg.group(key.Name)
	if c.rank = rank; rank >= 0 {
		c.group = stream.Key{Vhost: key.Vhost, App: key.App, Name: name}
		if c.groupMain, err = cfg.playlistName(c.group); err != nil {
			return nil, err
		}
	}
	if c.store, err = newStore(c); err != nil {
		return nil, err
	}
	if cfg.Keys.Enabled && cfg.Format == TS {
		if c.keys, err = newKeyring(c); err != nil {
			return nil, err
		}
	}
	if cfg.Recover {
		c.restore()
	}
	return c, nil
}

// listName gives the path of the playlist of TS segments.
func (c *channel) listName() string {
	if c.rank >= 0 { // the path of a variant may be its group's
		return beside(c.main, "ts", ".m3u8")
	}
	return c.main
}

// publish begins a publication; false if the channel is disposed.
func (c *channel) publish(s *stream.Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.session, c.live, c.begun = s, true, false
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	for _, l := range c.lists {
		l.fresh = true
	}
	c.tell()
	return true
}

// reload has what runs begin anew if the vhost's settings differ.
func (c *channel) reload(next Vhost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.same(next) {
		c.cfg.OnError = next.OnError
	} else if c.stop != nil {
		c.stop(errSettings)
	}
}

// unpublish ends it.
func (c *channel) unpublish() {
	c.mu.Lock()
	c.live = false
	after := c.cfg.Dispose
	if after < 0 {
		after = 2 * time.Minute // memory alone
	}
	if !c.over {
		c.timer = time.AfterFunc(after, func() { c.m.expire(c) })
	}
	var whole []*seg
	for _, l := range c.lists {
		whole = append(whole, l.close()...)
	}
	end, lists := c.cfg.EndList, slices.Clone(c.lists)
	c.tell()
	c.mu.Unlock()
	for _, s := range whole {
		c.storeSegment(s)
	}
	if end {
		c.storePlaylists(lists...)
	}
}

// close ends what is half made: the publication is over.
func (l *list) close() (whole []*seg) {
	l.unhint()
	if l.open != nil {
		whole, _ = l.finish(nil)
	}
	return whole
}

// tell makes waiting requests look again, and playlists be made anew. The caller holds mu.
func (c *channel) tell() {
	for _, l := range c.lists {
		for i := range l.views {
			l.views[i].Store(nil)
		}
	}
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// wait gives what is closed at the next change. The caller holds mu.
func (c *channel) wait() <-chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// run makes HLS of a publication until that, or ctx, ends.
func (c *channel) run(ctx context.Context, s *stream.Stream, pub *stream.Session) error {
	c.running.Lock() // the publication before may have something left to read
	defer c.running.Unlock()
	if !c.publish(pub) {
		return errSettings // try again with a new one
	}
	defer c.unpublish()
	if c.cfg.Format == FMP4 {
		return c.runParts(ctx, s)
	}
	return c.runTS(ctx, s)
}

// runTS reads packets.
func (c *channel) runTS(ctx context.Context, s *stream.Stream) error {
	s, err := s.As(ctx, stream.AAC, stream.MP3, stream.AC3, stream.EAC3)
	if err != nil {
		return err
	}
	src := s.Open(ctx, stream.Begin)
	defer src.Close()
	k := newCutter(c)
	defer k.end()
	for {
		p, err := src.ReadPacket()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		k.write(p)
	}
}

// enter shows a list that has its first segment. The caller holds mu.
func (c *channel) enter(l *list) {
	if l.entered {
		return
	}
	l.entered = true
	if l.name != c.main {
		c.m.reg.add(c.key.Vhost, l.name, l)
	}
	c.m.reg.join(c)
}

// dispose forgets all segments, and deletes their files where Vhost.Dispose wants that. With idle it does
// nothing while there is a publication.
func (c *channel) dispose(idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || idle && c.live {
		return
	}
	c.over, c.live = true, false
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cfg.NoCleanup = c.cfg.Dispose < 0
	for _, l := range c.lists {
		l.close()
		l.drop(len(l.segments))
		l.first = 0
		if l.init != nil {
			c.discard(l.init.name, l.init)
		}
		c.discard(l.name, l)
	}
	c.m.reg.leave(c)
	if c.store != nil && !c.cfg.NoCleanup {
		c.store.remove(c.main)
	}
	c.tell()
}

// discard takes a resource out of what can be fetched and deletes its file.
func (c *channel) discard(name string, what resource) {
	c.m.reg.remove(c.key.Vhost, name, what)
	if c.store != nil && !c.cfg.NoCleanup {
		c.store.remove(name)
	}
}

// Stats are a stream's figures.
type Stats struct {
	Key stream.Key
	// Live tells that it is published.
	Live bool
	// Segments and Parts are those that can be fetched; Memory is the bytes that they hold.
	Segments, Parts, Memory int
	// Waiting are files that are not yet stored; Failed counts those that never were.
	Waiting int
	Failed  uint64
}

func (c *channel) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Key: c.key, Live: c.live}
	for _, l := range c.lists {
		s.Segments += len(l.segments)
		for _, x := range l.segments {
			s.Parts += len(x.parts)
		}
	}
	s.Memory = c.memory()
	if c.store != nil {
		s.Waiting, s.Failed = c.store.stats()
	}
	return s
}
