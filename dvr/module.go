package dvr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/audience"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// drain is how long what was published last may take to be read.
const drain = 5 * time.Second

// Module records streams.
type Module struct {
	cfg  atomic.Pointer[Config]
	host *protocol.Host

	mu      sync.Mutex
	disks   map[string]*storage.Disk // by directory
	taps    map[*stream.Session]*tap // publications
	writing map[fileID]*recording    // files that are not complete
	closing bool
	unwatch func()          // ends watch
	ctx     context.Context // of all recordings
	cancel  context.CancelCauseFunc
	finish  context.Context // of the completing of files
	giveUp  context.CancelFunc
	work    sync.WaitGroup // taps, and keep
	indexes map[*storage.Disk]*index
	wake    chan struct{}   // there is a new file; holds one
	told    map[string]bool // files whose trouble was told, for keep alone
	movies  movies          // that are played
	viewers *audience.Table // of HLS
}

type fileID struct {
	disk *storage.Disk
	name string
}

// New makes a module.
func New(cfg Config) *Module {
	cfg.Name = cmp.Or(cfg.Name, "dvr")
	m := &Module{disks: map[string]*storage.Disk{}, taps: map[*stream.Session]*tap{}, writing: map[fileID]*recording{},
		indexes: map[*storage.Disk]*index{}, wake: make(chan struct{}, 1), told: map[string]bool{}}
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	m.finish, m.giveUp = context.WithCancel(context.Background())
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info { return protocol.Info{Name: m.cfg.Load().Name} }

// Start begins to look after the files that there are. Recordings begin with publications.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.host = h
	m.unwatch = h.Hub.Observe(m.watch)
	m.viewers = audience.New(h.Hub)
	m.work.Add(1)
	h.Go(func(context.Context) error { return m.keep(m.ctx) })
	if name := m.cfg.Load().HTTP; name != "" {
		h.HTTP(name).HandleMatch(m.match)
	}
	return nil
}

// Shutdown completes the files that are written. When ctx ends, an MP4 that is still made plain stays
// as it is, in fragments.
func (m *Module) Shutdown(ctx context.Context) error {
	m.unwatch()
	m.viewers.Close()
	m.mu.Lock()
	m.closing = true
	for _, t := range m.taps { // nobody comes for what is not taken
		if !t.taken && t.src != nil {
			t.src.close()
		}
	}
	m.mu.Unlock()
	m.cancel(stream.ErrShutdown)
	stop := context.AfterFunc(ctx, m.giveUp)
	m.work.Wait()
	stop()
	m.giveUp()
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for _, d := range m.disks {
		err = errors.Join(err, d.Close())
	}
	return err
}

// Reload takes over what next has. Recordings whose settings change begin or end, or go on in a new
// file; those that an operator has begun or ended stay so. Another HTTP listener needs a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("dvr: reload with a %T", next)
	}
	if m.cfg.Load().HTTP != n.cfg.Load().HTTP {
		return errors.New("dvr: reload: the listeners differ")
	}
	m.cfg.Store(n.cfg.Load())
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.taps {
		t.look()
	}
	m.lookAgain()
	return nil
}

// disk opens a directory, once for all streams.
func (m *Module) disk(dir string) (*storage.Disk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.disks[dir]; d != nil {
		return d, nil
	}
	d, err := storage.NewDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("dvr: %w", err)
	}
	m.disks[dir] = d
	return d, nil
}

// begin notes a file that is written from now on.
func (m *Module) begin(f *recording) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing[fileID{f.info.Dir, f.info.Name}] = f
}

func (m *Module) end(f *recording) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.writing, fileID{f.info.Dir, f.info.Name})
}

// isWriting tells whether a file is written, or completed, now.
func (m *Module) isWriting(d *storage.Disk, name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writing[fileID{d, name}] != nil
}

// complete gives a file its place and tells of it. err is what its end gave.
func (m *Module) complete(r *recorder, f *recording, err error) {
	defer m.end(f)
	info, draft := f.snapshot(), f.out.draft
	if errors.Is(err, errNothing) || info.Bytes == 0 {
		if err := draft.Discard(); err != nil {
			r.log.Warn("empty recording", "file", info.File, "err", err)
		}
		return
	}
	if err != nil {
		r.log.Warn("recording is not whole", "file", info.File, "err", err)
	}
	if err := m.place(&info, draft, r.cfg.Exists == Replace); err != nil {
		r.log.Error("recording cannot be completed", "file", info.File, "err", err)
		return
	}
	r.log.Info("recorded", "file", info.File, "bytes", info.Bytes, "duration", info.Duration, "gaps", info.Gaps, "fragmented", info.Fragmented)
	m.completed(info)
}

// lookAgain has keep look at the files.
func (m *Module) lookAgain() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// completed tells of a file that has its place.
func (m *Module) completed(info Recording) {
	x, err := m.indexOf(info.Dir.Dir())
	if err == nil {
		err = x.put(entryOf(&info))
	}
	if err != nil {
		m.trouble("noting "+info.File, err)
	}
	m.lookAgain()
	if f := m.cfg.Load().OnFile; f != nil {
		f(info)
	}
}

// place gives a complete draft its name: an MP4 as a plain file, if that can be made. Where another file
// has come to have that name, without replace, it becomes a numbered one: no recording is lost to it.
func (m *Module) place(info *Recording, draft *storage.Draft, replace bool) error {
	err := m.placeAs(info, draft, replace)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	free, err := number(info.Dir, info.Name)
	if err != nil {
		return err
	}
	info.Name, info.File = free.Name(), shown(info.Dir, free.Name())
	return errors.Join(m.placeAs(info, draft, false), free.Discard())
}

// placeAs gives a draft the name that info has.
func (m *Module) placeAs(info *Recording, draft *storage.Draft, replace bool) error {
	commit := func() error {
		if replace {
			return draft.Commit(true)
		}
		return draft.CommitAs(info.Name)
	}
	if format(info.Name) != ".mp4" {
		return commit()
	}
	size, duration, err := m.flatten(info, draft, replace)
	switch {
	case err == nil:
		info.Bytes, info.Duration = size, duration
		return draft.Discard()
	case errors.Is(err, errNothing):
		return errors.Join(err, draft.Discard())
	case errors.Is(err, fs.ErrExist):
		return err
	}
	m.host.Logger.Warn("an MP4 stays in fragments", "file", info.File, "err", err)
	info.Fragmented = true
	return commit()
}

// flatten makes the plain MP4 of fragments, which stay.
func (m *Module) flatten(info *Recording, draft *storage.Draft, replace bool) (size int64, duration time.Duration, err error) {
	index, err := parseMovie(draft, info.Bytes)
	if err != nil {
		return 0, 0, err
	}
	if index.whole < info.Bytes {
		if err := draft.Truncate(index.whole); err != nil {
			return 0, 0, err
		}
		info.Bytes = index.whole
	}
	r, size, duration, err := index.plain(info.Start)
	if err != nil {
		return 0, 0, err
	}
	if !replace {
		if f, err := info.Dir.Open(m.finish, info.Name); err == nil {
			_ = f.Close()
			if f.Info().Size == size { // a process was killed before it deleted the fragments
				return size, duration, nil
			}
			return 0, 0, &takenError{info.File}
		}
	}
	if err := info.Dir.Put(m.finish, info.Name, r, size); err != nil {
		return 0, 0, err
	}
	return size, duration, nil
}

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
	_ protocol.Tapper   = (*Module)(nil)
)
