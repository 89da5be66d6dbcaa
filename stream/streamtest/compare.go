package streamtest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/srsgo/srs/stream"
)

// Compare says what [Equal] and [Diff] let pass. Its zero value is for a carrier that
// keeps everything but the time of the start.
type Compare struct {
	// Tolerance is by how much a time may be off, for carriers with coarser clocks.
	Tolerance time.Duration
	// FreeSync lets each track have an offset of its own. Without it one offset holds
	// for all: sound and picture must stay together.
	FreeSync bool
	// PTSOnly ignores DTS, for carriers that have none (RTP).
	PTSOnly bool
	// AnyConfig ignores Track.Config, for carriers that rebuild it.
	AnyConfig bool
	// AnyStart lets got begin later in each track, as a player that joined late.
	AnyStart bool
	// AnyEnd lets got end earlier in each track.
	AnyEnd bool
}

// Equal fails the test now, with the first difference, if got is not the same media
// as want. See [Diff] for what is compared.
func Equal(t testing.TB, want, got []*stream.Packet, c Compare) {
	t.Helper()
	if err := Diff(want, got, c); err != nil {
		t.Fatalf("packets differ: %v\nwant:\n%sgot:\n%s", err, Summary(want), Summary(got))
	}
}

// Diff compares two runs of packets track by track and describes the first
// difference; nil means there is none that c does not let pass. Compared are the
// codec and Config in force, Key, the payload, and DTS and PTS, in which all of got
// may be moved by one offset. Tracks are matched by kind and by their order within
// it, whatever their index; how tracks are interleaved is not compared, nor is
// metadata.
func Diff(want, got []*stream.Packet, c Compare) error {
	w, g := split(want), split(got)
	for _, x := range g {
		if find(w, x.name) == nil {
			return fmt.Errorf("%s: %d packets of a track that should not be there", x.name, len(x.packets))
		}
	}
	var sync *offset
	for _, x := range w {
		y := find(g, x.name)
		if y == nil {
			return fmt.Errorf("%s: no packet of the track came, want %d", x.name, len(x.packets))
		}
		if c.FreeSync {
			sync = nil
		}
		var err error
		if sync, err = c.track(x, y, sync); err != nil {
			return err
		}
	}
	return nil
}

// lane is the packets of one track.
type lane struct {
	name    string
	packets []*stream.Packet
}

func find(lanes []lane, name string) *lane {
	if i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name }); i >= 0 {
		return &lanes[i]
	}
	return nil
}

// split sorts packets into lanes, in the order of their first packets.
func split(packets []*stream.Packet) []lane {
	var lanes []lane
	for _, p := range packets {
		name := laneName(p)
		i := slices.IndexFunc(lanes, func(l lane) bool { return l.name == name })
		if i < 0 {
			i = len(lanes)
			lanes = append(lanes, lane{name: name})
		}
		lanes[i].packets = append(lanes[i].packets, p)
	}
	return lanes
}

// laneName names the packet's track by its kind and its place among the tracks of
// that kind, since carriers order tracks as they like.
func laneName(p *stream.Packet) string {
	if p.Info() == nil {
		return "data"
	}
	kind, n := p.Kind(), 0
	for i := range p.Track {
		if p.Tracks.List[i].Kind() == kind {
			n++
		}
	}
	return fmt.Sprintf("%s %d", kind, n)
}

// offset is by how much times of got are beyond those of want, as the first packet of
// a track showed.
type offset struct {
	by   time.Duration
	lane string
}

func (c Compare) track(want lane, got *lane, sync *offset) (*offset, error) {
	w, skipped := want.packets, 0
	if c.AnyStart {
		skipped = c.align(w, got.packets)
		if skipped < 0 {
			return nil, fmt.Errorf("%s: packet 0: the payload is none of those wanted: %s", want.name, describe(got.packets[0]))
		}
		w = w[skipped:]
	}
	first := w[0].PTS
	by := got.packets[0].PTS - first
	if sync == nil {
		sync = &offset{by, want.name}
	} else if !c.near(by, sync.by) {
		return nil, fmt.Errorf("%s: starts %v late, %s %v late: not in sync", want.name, by, sync.lane, sync.by)
	}
	for i, g := range got.packets {
		if i == len(w) {
			return nil, fmt.Errorf("%s: packet %d: the track should have ended: %s", want.name, i, describe(g))
		}
		if err := c.packet(w[i], g, by); err != nil {
			return nil, fmt.Errorf("%s: packet %d (%d of want): %w\n  want %s\n  got  %s",
				want.name, i, i+skipped, err, describe(w[i]), describe(g))
		}
	}
	if n := len(got.packets); n < len(w) && !c.AnyEnd {
		return nil, fmt.Errorf("%s: ends after %d packets, %d short of\n  want %s", want.name, n, len(w)-n, describe(w[n]))
	}
	return sync, nil
}

// align gives the place in want where got starts: of all packets with the payload of
// the first, the one from which on most payloads agree, since a still picture or
// silence repeats itself. It gives -1 if there is none.
func (c Compare) align(want, got []*stream.Packet) int {
	at, best := -1, 0
	for i := range want {
		n := 0
		for n < len(got) && i+n < len(want) && bytes.Equal(want[i+n].Payload, got[n].Payload) {
			n++
		}
		if n > best {
			at, best = i, n
		}
	}
	return at
}

func (c Compare) near(a, b time.Duration) bool { return (a - b).Abs() <= c.Tolerance }

func (c Compare) packet(w, g *stream.Packet, by time.Duration) error {
	if err := c.info(w, g); err != nil {
		return err
	}
	switch {
	case !bytes.Equal(w.Payload, g.Payload):
		return fmt.Errorf("payload differs from byte %d", differ(w.Payload, g.Payload))
	case w.Key() != g.Key():
		return errors.New("key flag differs")
	case !c.near(g.PTS-by, w.PTS):
		return fmt.Errorf("PTS is off by %v (beside the offset of %v)", g.PTS-by-w.PTS, by)
	case !c.PTSOnly && !c.near(g.DTS-by, w.DTS):
		return fmt.Errorf("DTS is off by %v (beside the offset of %v)", g.DTS-by-w.DTS, by)
	}
	return nil
}

// info compares what the packets' tracks say.
func (c Compare) info(w, g *stream.Packet) error {
	a, b := w.Info(), g.Info()
	if a == nil || b == nil {
		if w.Codec != g.Codec {
			return fmt.Errorf("codec is %v, want %v", g.Codec, w.Codec)
		}
		return nil
	}
	if a.Codec != b.Codec {
		return fmt.Errorf("codec is %v, want %v", b.Codec, a.Codec)
	}
	if !c.AnyConfig && !bytes.Equal(a.Config, b.Config) {
		return fmt.Errorf("config is %x, want %x", b.Config, a.Config)
	}
	return nil
}

func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func describe(p *stream.Packet) string {
	codec := p.Codec
	if t := p.Info(); t != nil {
		codec = t.Codec
	}
	key := ""
	if p.Key() {
		key = " key"
	}
	sum := sha256.Sum256(p.Payload)
	head := p.Payload[:min(len(p.Payload), 12)]
	return fmt.Sprintf("%v%s dts %v pts %v, %d bytes %x… hash %x", codec, key, p.DTS, p.PTS, len(p.Payload), head, sum[:4])
}

// Summary gives one line for each track: its codec, the counts of packets, key frames
// and bytes, the times it spans, and a hash over all payloads.
func Summary(packets []*stream.Packet) string {
	var out bytes.Buffer
	for _, l := range split(packets) {
		keys, size, sum := 0, 0, sha256.New()
		for _, p := range l.packets {
			if p.Key() {
				keys++
			}
			size += len(p.Payload)
			// The length too, so that the hash tells where packets end.
			fmt.Fprintf(sum, "%d:", len(p.Payload))
			sum.Write(p.Payload)
		}
		first, last := l.packets[0], l.packets[len(l.packets)-1]
		codec := first.Codec
		if t := first.Info(); t != nil {
			codec = t.Codec
		}
		fmt.Fprintf(&out, "%s: %v, %d packets, %d key, %d bytes, dts %v to %v, hash %x\n",
			l.name, codec, len(l.packets), keys, size, first.DTS, last.DTS, sum.Sum(nil)[:6])
	}
	if out.Len() == 0 {
		return "no packets\n"
	}
	return out.String()
}
