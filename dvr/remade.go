package dvr

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// Bounds of a page: one ends at the next key frame, without pictures after pageSound, and in any case when it
// has maxPage bytes.
const (
	pageSound = 2 * time.Second
	maxPage   = 8 << 20
)

// remade is what the samples of an FLV or TS are made of: pages, each the payloads of packets that follow one
// another in the file, ordered by track. A movie whose media these are is played as an MP4 is.
type remade struct {
	open    opener
	file    int64 // bytes of the file
	strands []*strand
	pages   []page
	size    int64 // of all pages
}

// opener reads the packets of a file of size bytes from a time on.
type opener func(f io.ReaderAt, size int64, from time.Duration) (*packetReader, error)

// page is a run of packets.
type page struct {
	at   int64         // in the media
	key  time.Duration // decoding time of the first packet of the page that can be sought
	skip int           // packets from that one to the page's first
}

// strand is a track of the file.
type strand struct {
	track   stream.Track // described, unless not carried
	config  []byte       // as the file has it
	carried bool
	index   *movieTrack
	next    int64    // where the frame behind the last one begins; 0: not known
	sizes   []uint32 // of the page's samples
}

// openRemade reads the index of an FLV or TS. It reads all of the file once. The movie ends before a change of
// a track's configuration, and with what is whole of a damaged file.
func openRemade(open opener, f io.ReaderAt, size int64) (*movie, error) {
	src, err := open(f, size, 0)
	if err != nil {
		return nil, err
	}
	x := &remade{open: open, file: size}
	if err := x.scan(src); err != nil {
		return nil, err
	}
	return x.movie(f)
}

// scan takes the packets of the file.
func (x *remade) scan(src stream.Source) error {
	var key, begins time.Duration // of what can be sought, and of the page
	n, skip, bytes := 0, 0, 0
	for samples := 0; ; {
		p, err := src.ReadPacket()
		if err != nil {
			x.endPage()
			if samples == 0 || errors.Is(err, errChanged) {
				return cmp.Or(ended(err), errNothing)
			}
			return nil
		}
		if p.Kind() == stream.KindData {
			continue
		}
		s, same := x.strand(p)
		if !same {
			x.endPage()
			return nil
		}
		sound := p.Kind() == stream.KindAudio && !p.Tracks.Has(stream.KindVideo)
		seek := samples == 0 || p.Kind() == stream.KindVideo && p.Key() || sound && p.DTS-begins >= pageSound
		if seek {
			key, n = p.DTS, 0
		}
		if seek || bytes >= maxPage {
			x.endPage()
			begins, skip, bytes = p.DTS, n, 0
			x.pages = append(x.pages, page{at: x.size, key: key, skip: skip})
		}
		n++
		if samples++; samples > maxSamples {
			return errLong
		}
		if s.carried {
			s.add(p)
			bytes += len(p.Payload)
		}
	}
}

// ended gives an error unless it says no more than that the file ends.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// strand gives that of a packet. same is false if its track is configured otherwise than before.
func (x *remade) strand(p *stream.Packet) (s *strand, same bool) {
	t := p.Tracks.List[p.Track]
	if s = x.find(&t); s == nil {
		s = &strand{track: t, config: t.Config, index: &movieTrack{scale: 90000, video: t.Kind() == stream.KindVideo}}
		x.strands = append(x.strands, s)
	}
	if s.track.Codec != t.Codec || !slices.Equal(s.config, t.Config) {
		return nil, false
	}
	if s.index.samples() == 0 || len(s.track.Config) == 0 && s.carried {
		d, err := cmaf.Describe(t, p.Payload)
		if err == nil {
			s.track = d
			s.index.scale = uint32(cmaf.Timescale(&d))
		}
		s.carried = err == nil || errors.Is(err, cmaf.ErrFrame)
	}
	return s, true
}

// find gives the strand of a track.
func (x *remade) find(t *stream.Track) *strand {
	i := slices.IndexFunc(x.strands, func(s *strand) bool { return s.track.ID == t.ID && s.track.Kind() == t.Kind() })
	if i < 0 {
		return nil
	}
	return x.strands[i]
}

// soundSnap is how far the times of sound may be off from where the frame before ends, and mean that.
const soundSnap = 2 * time.Millisecond

// add takes a sample.
func (s *strand) add(p *stream.Packet) {
	t := s.index
	dts := stream.Ticks(p.DTS, int(t.scale))
	v := sample{size: uint32(len(p.Payload)), offset: uint32(int32(stream.Ticks(p.PTS, int(t.scale)) - dts)), duration: t.tail}
	if t.video {
		if !p.Key() {
			v.flags = notSync
		}
		if len(t.sizes) > 0 && dts > t.last {
			v.duration = uint32(dts - t.last)
		}
	} else {
		v.offset = 0
		if off := t.time(dts - s.next); len(t.sizes) > 0 && s.next != 0 && off.Abs() <= soundSnap {
			dts = s.next
		}
		s.next = 0
		if n := cmaf.FrameSamples(&s.track, p.Payload); n > 0 {
			v.duration, s.next = uint32(n), dts+int64(n)
		}
	}
	if v.duration == 0 {
		v.duration = t.scale / 25
	}
	t.sample(v, dts)
	s.sizes = append(s.sizes, v.size)
}

// endPage gives the samples of the page their places.
func (x *remade) endPage() {
	for _, s := range x.strands {
		if len(s.sizes) == 0 {
			continue
		}
		s.index.chunks = append(s.index.chunks, chunk{x.size, uint32(len(s.sizes))})
		for _, n := range s.sizes {
			x.size += int64(n)
		}
		s.sizes = s.sizes[:0]
	}
}

// movie gives the index with a header, its media in the file.
func (x *remade) movie(f io.ReaderAt) (*movie, error) {
	list := slices.DeleteFunc(slices.Clone(x.strands), func(s *strand) bool {
		_, err := cmaf.Describe(s.track, nil)
		return !s.carried || err != nil || s.index.samples() == 0
	})
	if len(list) == 0 {
		return nil, fmt.Errorf("dvr: %w: no MP4 carries %v", stream.ErrUnsupported, x.codecs())
	}
	slices.SortStableFunc(list, func(a, b *strand) int { // pictures first, whichever came first
		return cmp.Or(cmp.Compare(a.track.Kind(), b.track.Kind()), cmp.Compare(a.track.ID, b.track.ID))
	})
	var tracks []stream.Track
	for _, s := range list {
		tracks = append(tracks, s.track)
	}
	init, err := cmaf.Init(tracks)
	if err != nil {
		return nil, err
	}
	m := &movie{header: child(init, "moov"), remade: x, size: x.size}
	if err := m.parseTracks(); err != nil {
		return nil, err
	}
	for i, s := range list {
		s.index.id = m.tracks[i].id
		m.tracks[i] = s.index
	}
	m.runs = []run{{n: x.size}}
	return m.over(f), nil
}

// codecs names those of the file.
func (x *remade) codecs() (list []stream.Codec) {
	for _, s := range x.strands {
		list = append(list, s.track.Codec)
	}
	return list
}

// remaker reads the media of a movie that is remade: a page at a time, of which it keeps the last two.
// It is an io.ReaderAt, for one goroutine.
type remaker struct {
	*remade
	in   io.ReaderAt
	src  *packetReader
	peek *stream.Packet // read, but not yet of a page
	next int            // page of src
	kept [2]struct {
		page int
		b    []byte
	}
}

// ReadAt reads the media.
func (r *remaker) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		i := sort.Search(len(r.pages), func(i int) bool { return r.pages[i].at > at+int64(n) }) - 1
		if i < 0 || at+int64(n) >= r.size {
			return n, io.EOF
		}
		p, err := r.page(i)
		if err != nil {
			return n, err
		}
		n += copy(b[n:], p[at+int64(n)-r.pages[i].at:])
	}
	return n, nil
}

// page gives the bytes of a page.
func (r *remaker) page(i int) ([]byte, error) {
	for k := range r.kept {
		if r.kept[k].b != nil && r.kept[k].page == i {
			return r.kept[k].b, nil
		}
	}
	if r.src == nil || r.next != i {
		if err := r.seek(i); err != nil {
			return nil, err
		}
	}
	end := r.size
	if i+1 < len(r.pages) {
		end = r.pages[i+1].at
	}
	b, err := r.load(end - r.pages[i].at)
	if err != nil {
		r.src = nil
		return nil, err
	}
	r.next = i + 1
	r.kept[0] = r.kept[1]
	r.kept[1].page, r.kept[1].b = i, b
	return b, nil
}

// read gives the next packet of a track.
func (r *remaker) read() (*stream.Packet, error) {
	if p := r.peek; p != nil {
		r.peek = nil
		return p, nil
	}
	for {
		p, err := r.src.ReadPacket()
		if err != nil {
			return nil, unexpected(err)
		}
		if p.Kind() != stream.KindData {
			return p, nil
		}
	}
}

// seek goes to a page.
func (r *remaker) seek(i int) (err error) {
	to := r.pages[i]
	r.peek = nil
	if r.src, err = r.open(r.in, r.file, max(0, to.key)); err != nil {
		return err
	}
	for first := i == 0; ; first = false {
		p, err := r.read()
		if err != nil {
			return err
		}
		if key := p.Key() && p.Kind() == stream.KindVideo || !p.Tracks.Has(stream.KindVideo); i == 0 && first || p.DTS == to.key && key {
			r.peek = p
			break
		}
	}
	for range to.skip {
		if _, err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

// load reads n bytes of payloads, ordered by track.
func (r *remaker) load(n int64) ([]byte, error) {
	parts := make([][][]byte, len(r.strands))
	left := n
	for left > 0 {
		p, err := r.read()
		if err != nil {
			return nil, err
		}
		t := &p.Tracks.List[p.Track]
		i := slices.IndexFunc(r.strands, func(s *strand) bool { return s.track.ID == t.ID && s.track.Codec == t.Codec })
		if i >= 0 && r.strands[i].carried {
			parts[i] = append(parts[i], p.Payload)
			left -= int64(len(p.Payload))
		}
	}
	if left < 0 {
		return nil, fmt.Errorf("%w: its packets are no longer those of the index", errChanged)
	}
	return slices.Concat(slices.Concat(parts...)...), nil
}
