package dvr

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// Why a recording ends before its publication.
var (
	errStopped  = errors.New("dvr: the recording was stopped")
	errSettings = errors.New("dvr: the settings have changed")
)

// retryAfter is how long after trouble with the disk a new file is tried.
const retryAfter = 10 * time.Second

// recorder writes the files of a publication.
type recorder struct {
	m      *Module
	key    stream.Key
	pub    *stream.Session
	cfg    Vhost
	disk   *storage.Disk
	name   string // template of names
	ext    string
	log    *slog.Logger
	cut    atomic.Bool // wanted by an operator
	tracks *stream.Tracks

	now     *recording    // being written; nil for none
	retry   time.Time     // not before
	trouble error         // since when no file could be written; nil: none
	seq     int           // of the next file
	done    chan struct{} // of the file before; closed when it is complete
}

// recording is a file that is being written.
type recording struct {
	mu     sync.Mutex
	info   Recording
	out    *out
	w      writer
	clock  clock
	tracks *stream.Tracks
	start  time.Duration // of the stream
	end    time.Duration
	saved  time.Duration // what came before is on disk
}

// snapshot tells of the file as it is now.
func (f *recording) snapshot() Recording {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.info
	r.Bytes = f.out.size.Load()
	r.Duration = f.end - f.start
	return r
}

func newRecorder(m *Module, key stream.Key, pub *stream.Session, cfg Vhost) (*recorder, error) {
	dir, template := storage.Split(cfg.Path)
	disk, err := m.disk(dir)
	if err != nil {
		return nil, err
	}
	r := &recorder{m: m, key: key, pub: pub, cfg: cfg, disk: disk, name: template, ext: format(cfg.Path),
		log: m.host.Logger.With("stream", key, "session", pub.ID)}
	return r, nil
}

// run records until the publication ends, or src.
func (r *recorder) run(src *source) error {
	defer r.wait()
	defer r.close()
	packets, err := r.begin(src)
	for _, p := range packets {
		if err := r.write(settled(p, r.tracks)); err != nil {
			return err
		}
	}
	for err == nil {
		var p *stream.Packet
		if p, err = src.ReadPacket(); err == nil {
			err = r.write(settled(p, r.tracks))
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// begin waits for the tracks that were announced, which a file's header tells, and gives what it has read
// by then: of a publication that has ended meanwhile, all there is.
func (r *recorder) begin(src *source) ([]*stream.Packet, error) {
	p, err := src.ReadPacket()
	if err != nil {
		return nil, err
	}
	list := []*stream.Packet{p}
	ctx, cancel := context.WithCancel(src.ctx)
	defer cancel()
	defer context.AfterFunc(r.pub.Context(), cancel)()
	if r.tracks, err = src.Tracks(ctx); err == nil && r.pub.Err() == nil {
		return list, nil
	}
	for err = nil; err == nil; {
		r.tracks = p.Tracks
		if p, err = src.ReadPacket(); err == nil {
			list = append(list, p)
		}
	}
	return list, err
}

// settled gives packets from before the tracks were known those that are known now.
func settled(p *stream.Packet, now *stream.Tracks) *stream.Packet {
	n := len(p.Tracks.List)
	if p.Tracks == now || n >= len(now.List) {
		return p
	}
	first := stream.Tracks{List: now.List[:n]}
	if first.Diff(p.Tracks)&^stream.ChangeMeta != 0 {
		return p
	}
	q := *p
	q.Tracks = now
	return &q
}

// write takes a packet. Its error ends the recording; trouble with the disk does not.
func (r *recorder) write(p *stream.Packet) error {
	if r.now != nil && r.ends(p) {
		r.close()
	}
	if r.now == nil {
		if time.Now().Before(r.retry) {
			return nil
		}
		if err := r.open(p); err != nil {
			return r.failed(err)
		}
	}
	f := r.now
	err := f.write(p)
	if err == nil {
		err = r.follow()
	}
	if err != nil {
		return r.failed(err)
	}
	if r.trouble != nil {
		r.log.Info("recording goes on", "file", f.info.File)
		r.trouble = nil
	}
	return nil
}

// ends tells whether p belongs into the next file.
func (r *recorder) ends(p *stream.Packet) bool {
	f := r.now
	if r.ext == ".mp4" && p.Tracks != f.tracks && p.Tracks.Diff(f.tracks)&^stream.ChangeMeta != 0 {
		return true
	}
	video := p.Tracks.Has(stream.KindVideo)
	if video && !p.Key() && !r.cfg.NoWaitKeyFrame {
		return false
	}
	return r.cut.Load() || r.cfg.Plan == Segment && p.DTS-f.start >= r.cfg.Duration
}

// failed ends the file after an error. It gives those errors that end the recording.
func (r *recorder) failed(err error) error {
	r.close()
	if errors.Is(err, stream.ErrUnsupported) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if r.trouble == nil {
		r.log.Error("recording stops: the file cannot be written; the stream goes on, a new file is tried every 10 s", "err", err)
	}
	r.trouble, r.retry = err, time.Now().Add(retryAfter)
	return nil
}

// open begins a file with p.
func (r *recorder) open(p *stream.Packet) error {
	r.cut.Store(false)
	now := time.Now()
	if r.cfg.UTC {
		now = now.UTC()
	}
	draft, err := r.create(now)
	if err != nil {
		return err
	}
	f := &recording{out: &out{draft: draft}, clock: clock{jitter: r.cfg.Jitter}, tracks: p.Tracks, start: p.DTS, end: p.DTS, saved: p.DTS}
	f.info = Recording{Key: r.key, Session: r.pub, Dir: r.disk, Name: draft.Name(), File: shown(r.disk, draft.Name()), Start: now}
	f.w = newWriter(r.ext, f.out)
	r.now = f
	r.m.begin(f)
	r.log.Info("recording", "file", f.info.File)
	return nil
}

func newWriter(ext string, o *out) writer {
	switch ext {
	case ".mp4":
		return newMP4(o)
	case ".ts":
		return newTS(o, o.flush)
	}
	return newFLV(o)
}

// shown is a file's path as it is configured.
func shown(d *storage.Disk, name string) string { return strings.TrimSuffix(d.Dir(), "/") + "/" + name }

// create makes the draft of a file.
func (r *recorder) create(now time.Time) (*storage.Draft, error) {
	name, err := storage.Expand(r.name, storage.Vars{Key: r.key, Seq: r.seq, Time: now})
	if err != nil {
		return nil, err
	}
	draft, err := reserve(r.disk, name, r.cfg.Exists == Replace)
	if errors.Is(err, fs.ErrExist) {
		// Refused is a name that another publication's recording has: neither that of a file which a
		// process that was killed has left, nor one that is this publication's own.
		left := errors.Is(err, errDraft) && !r.m.isWriting(r.disk, name)
		if r.cfg.Exists == Refuse && r.seq == 0 && !left {
			return nil, &takenError{shown(r.disk, name)}
		}
		draft, err = number(r.disk, name)
	}
	if err != nil {
		return nil, err
	}
	r.seq++
	return draft, nil
}

// write takes a packet.
func (f *recording) write(p *stream.Packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Flags&stream.Discontinuity != 0 && f.end > f.start {
		f.info.Gaps++
	}
	f.tracks, f.end = p.Tracks, max(f.end, p.DTS)
	if err := f.w.WritePacket(f.clock.packet(p)); err != nil {
		return err
	}
	if p.DTS-f.saved < partDuration {
		return nil
	}
	f.saved = p.DTS
	return f.out.flush()
}

// follow goes on in another file if the one of now could not take all that came.
func (r *recorder) follow() error {
	f := r.now
	was, ok := f.w.(*mp4File)
	if !ok || was.next == nil {
		return nil
	}
	r.close()
	p := &stream.Packet{Tracks: f.tracks, DTS: f.end}
	if err := r.open(p); err != nil {
		return err
	}
	r.now.clock = f.clock
	r.now.w = was.successor(r.now.out)
	return was.err
}

// close completes the file, on a goroutine of its own: that of a long MP4 takes time. One is completed
// at a time.
func (r *recorder) close() {
	f := r.now
	if f == nil {
		return
	}
	r.wait()
	r.now = nil
	done := make(chan struct{})
	r.done = done
	err := f.w.finish()
	go func() {
		defer close(done)
		r.m.complete(r, f, err)
	}()
}

// wait waits until the file before is complete.
func (r *recorder) wait() {
	if r.done != nil {
		<-r.done
	}
}
