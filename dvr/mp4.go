package dvr

import (
	"fmt"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// partDuration is what a process that is killed loses of an MP4 at most.
const partDuration = time.Second

// mp4File writes MP4 in fragments.
type mp4File struct {
	out  *out
	pack *packager
	init *cmaf.InitSegment // of the file
	next []*cmaf.Part      // they need another file: their tracks are described otherwise
	err  error             // of writing
}

// packager makes parts for one file after the other.
type packager struct {
	*cmaf.Packager
	file *mp4File
}

func newMP4(o *out) *mp4File {
	f := &mp4File{out: o, pack: &packager{}}
	f.pack.file = f
	f.pack.Packager = cmaf.New(cmaf.Config{Muxed: true, SegmentDuration: 10 * time.Second, PartDuration: partDuration},
		func(p *cmaf.Part) { f.pack.file.part(p) })
	return f
}

// WritePacket takes a packet, and writes a part when it is complete.
func (f *mp4File) WritePacket(p *stream.Packet) error {
	if err := f.pack.WritePacket(p); err != nil {
		return err
	}
	return f.err
}

// part writes a part. The first one brings what the file begins with.
func (f *mp4File) part(p *cmaf.Part) {
	if f.init == nil {
		f.init = p.Init
		_, _ = f.out.Write(p.Init.Data) // goes with the part
	}
	if p.Init != f.init {
		f.next = append(f.next, p)
		return
	}
	if _, err := f.out.Write(p.Data); err != nil {
		f.fail(err)
	} else if err := f.out.flush(); err != nil {
		f.fail(err)
	}
}

func (f *mp4File) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// successor goes on in another file with what this one could not take.
func (f *mp4File) successor(o *out) *mp4File {
	s := &mp4File{out: o, pack: f.pack}
	s.pack.file = s
	for _, p := range f.next {
		s.part(p)
	}
	return s
}

// finish writes the last part.
func (f *mp4File) finish() error {
	if f.next == nil {
		_ = f.pack.Close() // it only gives parts
	}
	if f.err != nil {
		return fmt.Errorf("dvr: mp4: %w", f.err)
	}
	return nil
}
