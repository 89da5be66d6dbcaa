package dash

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// The media types of what is served.
const (
	typeMPD   = "application/dash+xml"
	typeVideo = "video/mp4"
	typeAudio = "audio/mp4"
)

// channel is DASH of one stream. It outlives publications, until Vhost.Dispose has passed.
type channel struct {
	m     *Module
	key   stream.Key
	cfg   Vhost
	mpd   string // name of the manifest
	dir   string // of the segments, below which they are named
	base  string // dir as a reference from the manifest
	store *store // nil if there are no files

	publication sync.Mutex                   // held by the one that is being made
	text        atomic.Pointer[segment.Text] // nil before there is anything to play

	mu        sync.Mutex
	line      timeline
	published time.Time                // when the manifest has changed
	files     map[string]*segment.File // below dir
	hints     map[string]*segment.File // those of them that are not begun
	inits     []*initFile
	made      map[string]int // initialization segments, by representation
	ids       map[int]string // of representations, by track
	cut       *cut
	dry       drought
	next      int       // number of the next segment
	leaving   []leaving // files that are no longer listed, the oldest first
	stop      context.CancelCauseFunc
	live      bool
	over      bool // disposed
	full      bool // segments have left for lack of memory: that was logged
	ended     bool // the publication is over, and the next one has not begun
	blanks    []blank
	timer     *time.Timer
}

// leaving is a file that goes once segment until begins.
type leaving struct {
	name  string
	until int
	size  int // of a segment
}

func newChannel(m *Module, key stream.Key, cfg Vhost, next int) (*channel, error) {
	mpd, err := storage.Expand(cfg.MPD, storage.Vars{Key: key})
	if err != nil {
		return nil, err
	}
	own, err := storage.Expand("[stream]", storage.Vars{Key: key})
	if err != nil {
		return nil, err
	}
	c := &channel{
		m: m, key: key, cfg: cfg, mpd: mpd, dir: path.Join(path.Dir(mpd), own), base: (&url.URL{Path: own + "/"}).EscapedPath(),
		next: next, files: map[string]*segment.File{}, hints: map[string]*segment.File{}, made: map[string]int{}, ids: map[int]string{},
	}
	if strings.Contains(c.base, ":") {
		c.base = "./" + c.base // else what precedes the colon were a scheme
	}
	c.line.cfg = &c.cfg
	if c.store, err = newStore(c); err != nil {
		return nil, err
	}
	return c, nil
}

// part takes what the packager has made, in the order of each track.
func (c *channel) part(p *cmaf.Part, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.sealBefore(p, now)
	for _, p := range c.sift(p, now) {
		c.sealBefore(p, now)
		c.take(p, now)
	}
}

// take adds a part to its segment.
func (c *channel) take(p *cmaf.Part, now time.Time) {
	if c.cut == nil {
		if p.Index != 0 {
			return // the rest of a segment that was begun before
		}
		if p.Discontinuity || c.ended {
			c.breakOff(now)
		}
		c.cut = &cut{number: c.next, segment: p.Segment, broken: p.Discontinuity}
		c.next++
		c.leave()
	}
	b := c.cut.find(p.Track)
	if b == nil {
		if p.Index != 0 {
			return
		}
		b = c.build(p)
	}
	b.duration = p.Start + p.Duration - b.begun
	b.size += len(p.Data)
	b.samples += p.Samples
	b.file.Append(p.Data)
	if p.Last {
		b.file.Close()
		b.whole = true
	}
}

// build begins the segment of a track with its first part.
func (c *channel) build(p *cmaf.Part) *building {
	id := c.id(p)
	name := fmt.Sprintf("%s-%d.m4s", id, c.cut.number)
	f := c.hints[name]
	if f == nil {
		f = c.file(name, id)
	}
	delete(c.hints, name)
	b := &building{
		seg:   &seg{number: c.cut.number, name: name, start: p.PTS, sap: p.Independent, file: f},
		track: p.Track, id: id, init: c.init(id, p.Init), ntp: p.NTP, begun: p.Start,
	}
	c.cut.tracks = append(c.cut.tracks, b)
	return b
}

// id gives the representation of a part's track: video, audio, video2, ….
func (c *channel) id(p *cmaf.Part) string {
	if id, ok := c.ids[p.Track]; ok {
		return id
	}
	kind, n := p.Init.Tracks[0].Kind().String(), 1
	for _, id := range c.ids {
		if id[:len(kind)] == kind {
			n++
		}
	}
	id := kind
	if n > 1 {
		id += strconv.Itoa(n)
	}
	c.ids[p.Track] = id
	return id
}

// file enters a file that can be fetched from now on.
func (c *channel) file(name, id string) *segment.File {
	f := segment.New(typeOf(id))
	f.CacheControl = c.cacheControl()
	c.files[name] = f
	return f
}

func typeOf(id string) string {
	if id[0] == 'a' {
		return typeAudio
	}
	return typeVideo
}

// cacheControl is that of segments. Numbers begin anew with the process, and so do names: nothing may be
// cached for longer than a segment is listed.
func (c *channel) cacheControl() string {
	d := max(time.Duration(c.cfg.WindowSize)*c.cfg.Fragment, c.cfg.TimeShift)
	return fmt.Sprintf("public, max-age=%d", max(1, int(d/time.Second)))
}

// init gives the file of an initialization segment: the one there is with these bytes, or a new one.
func (c *channel) init(id string, s *cmaf.InitSegment) *initFile {
	for _, i := range c.inits {
		if i.id == id && (i.InitSegment == s || bytes.Equal(i.Data, s.Data)) {
			return i
		}
	}
	c.made[id]++
	name := id + "-init"
	if n := c.made[id]; n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	i := &initFile{InitSegment: s, id: id, name: name + ".mp4"}
	f := c.file(i.name, id)
	f.Append(s.Data)
	f.Close()
	c.inits = append(c.inits, i)
	c.put(i.name, f)
	return i
}

// sealBefore ends the segment that is being made if a part is of another one.
func (c *channel) sealBefore(p *cmaf.Part, now time.Time) {
	if c.cut != nil && c.cut.segment != p.Segment {
		c.seal(now)
	}
}

// seal ends the segment that is being made.
func (c *channel) seal(now time.Time) {
	x := c.cut
	c.cut = nil
	for _, b := range x.tracks {
		b.file.Close()
		c.put(b.name, b.file)
	}
	c.line.add(x, now)
	c.keep(c.line.trim())
	c.shed()
	for i := 0; i < len(c.inits); i++ {
		if c.inits[i].uses == 0 {
			c.leaving = append(c.leaving, leaving{c.inits[i].name, c.next + kept, 0})
			c.inits = append(c.inits[:i:i], c.inits[i+1:]...)
			i--
		}
	}
	c.hint()
	c.render(now)
}

// hint has the segments that come next be asked for before they begin, which players do where they count
// and some where they read a list, and those that did not come no longer.
func (c *channel) hint() {
	want := map[string]bool{}
	if p := c.line.current(); p != nil {
		for _, r := range p.reps {
			for n := c.next; n < c.next+ahead; n++ {
				name := fmt.Sprintf("%s-%d.m4s", r.id, n)
				want[name] = true
				if c.files[name] == nil {
					c.hints[name] = c.file(name, r.id)
				}
			}
		}
	}
	for name, f := range c.hints {
		if !want[name] {
			f.Abort()
			delete(c.hints, name)
			delete(c.files, name)
		}
	}
}

// drained tells that no part waits: segments are complete in all tracks if they are in one, since the
// packager ends them together.
func (c *channel) drained(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == nil {
		return
	}
	for _, b := range c.cut.tracks {
		if b.whole {
			c.seal(now)
			return
		}
	}
}

// render makes the manifest anew if it changes.
func (c *channel) render(now time.Time) {
	if !c.line.listed() {
		return
	}
	old := c.text.Load()
	body := c.manifest()
	if old != nil && bytes.Equal(body, old.Body()) {
		return
	}
	c.published = now
	body = c.manifest()
	c.text.Store(segment.NewText(typeMPD, body))
	if c.store != nil {
		c.store.put(c.mpd, body)
	}
}

// publish begins a publication.
func (c *channel) publish(stop context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live, c.stop = true, stop
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// unpublish ends it. What there is can be played until Dispose has passed.
func (c *channel) unpublish(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live, c.stop = false, nil
	if c.over {
		return
	}
	if c.cut != nil {
		c.seal(now)
	}
	c.interrupt(now)
	c.dry = drought{}
	clear(c.ids)
	c.render(now)
	c.timer = time.AfterFunc(c.keepFor(), func() { c.m.expire(c) })
}

// keepFor is for how long what nobody publishes can be played.
func (c *channel) keepFor() time.Duration {
	if c.cfg.Dispose < 0 {
		return keepFor
	}
	return c.cfg.Dispose
}

// reload has what runs begin anew if the vhost's settings differ.
func (c *channel) reload(next Vhost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cfg.same(next) && c.stop != nil {
		c.stop(errSettings)
	}
}

// dispose forgets all segments, and deletes their files where Vhost.Dispose wants that.
func (c *channel) dispose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.timer != nil {
		c.timer.Stop()
	}
	for _, f := range c.hints {
		f.Abort()
	}
	if c.cfg.Dispose >= 0 {
		c.remove(c.mpd)
		for name := range c.files {
			c.remove(c.dir + "/" + name)
		}
	}
	c.files, c.hints, c.cut = nil, nil, nil
	c.text.Store(nil)
}

// put stores a file that is whole.
func (c *channel) put(name string, f *segment.File) {
	if c.store != nil {
		c.store.putFile(c.dir+"/"+name, f)
	}
}

func (c *channel) remove(name string) {
	if c.store != nil {
		c.store.remove(name)
	}
}

// Stats are a stream's figures.
type Stats struct {
	Key stream.Key
	// Live tells that it is published.
	Live bool
	// Periods and Segments are those that the manifest has; Memory is the bytes that all files hold.
	Periods, Segments, Memory int
	// Waiting are files that are not yet stored; Failed counts those that never were.
	Waiting int
	Failed  uint64
}

func (c *channel) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Key: c.key, Live: c.live, Periods: len(c.line.periods), Memory: c.memory()}
	for _, p := range c.line.periods {
		for _, r := range p.reps {
			s.Segments += len(r.segments)
		}
	}
	if c.store != nil {
		s.Waiting, s.Failed = c.store.stats()
	}
	return s
}
