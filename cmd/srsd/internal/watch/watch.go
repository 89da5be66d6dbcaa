// Package watch tells when the files of a configuration have changed, as inotify_auto_reload and
// auto_reload_for_docker want it.
//
// It follows the directories that they are in, as SRS does, for a file is often replaced rather than
// written: by an editor, or by Kubernetes, which replaces the link "..data" beside it. Where the system
// cannot tell of changes, it looks at the files again and again.
package watch

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// DefaultDelay is SRS's time from the first sign of a change to the reload.
const DefaultDelay = 3 * time.Second

// Config says what to do on a change.
type Config struct {
	// Changed is called once for all that changes within Delay, on a goroutine of the Watcher. It has to
	// return soon and must not call the Watcher's methods. Required.
	Changed func()
	// Delay is the time from the first sign of a change to the call, and from one look at the files to
	// the next where the system cannot tell; 0 is DefaultDelay.
	Delay time.Duration
	// Dir is where relative names begin; empty is the working directory.
	Dir    string
	Logger *slog.Logger // nil logs nothing

	open func() (*fsnotify.Watcher, error) // nil: fsnotify.NewWatcher
}

// Watcher follows files until it is closed.
type Watcher struct {
	cfg    Config
	follow chan request
	stop   chan struct{}
	once   sync.Once
	done   chan struct{}

	// The rest is the goroutine's own.
	files []string
	names map[string]map[string]bool // by directory, those in it that count
	fs    *fsnotify.Watcher          // nil where the system cannot tell
	seen  map[string]os.FileInfo     // how the files were; nil unless fs is
}

// request is for other files to be followed; done is closed once they are.
type request struct {
	files []string
	done  chan struct{}
}

// New begins to follow files.
func New(c Config, files []string) *Watcher {
	if c.Delay == 0 {
		c.Delay = DefaultDelay
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.open == nil {
		c.open = fsnotify.NewWatcher
	}
	w := &Watcher{cfg: c, follow: make(chan request), stop: make(chan struct{}), done: make(chan struct{}), files: files}
	w.attach()
	go w.run()
	return w
}

// Follow replaces the files that are followed: after a reload, a configuration may include others.
func (w *Watcher) Follow(files []string) {
	r := request{files, make(chan struct{})}
	select {
	case w.follow <- r:
		<-r.done
	case <-w.done:
	}
}

// Close ends it, and waits until no call of Changed is going on.
func (w *Watcher) Close() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}

func (w *Watcher) run() {
	defer close(w.done)
	defer w.detach()
	look := time.NewTicker(w.cfg.Delay)
	defer look.Stop()
	var due <-chan time.Time // set once there is a change to tell of
	for {
		var events chan fsnotify.Event
		var errs chan error
		if w.fs != nil {
			events, errs = w.fs.Events, w.fs.Errors
		}
		select {
		case <-w.stop:
			return
		case r := <-w.follow:
			w.files = r.files
			w.attach()
			close(r.done)
		case e := <-events:
			if w.counts(e) && due == nil {
				due = time.After(w.cfg.Delay)
			}
		case err := <-errs: // events may be lost
			w.fallBack(err)
			if due == nil {
				due = time.After(w.cfg.Delay)
			}
		case <-look.C:
			if w.fs == nil && w.differs() {
				w.cfg.Changed()
			}
		case <-due:
			due = nil
			w.attach() // a link may lead elsewhere now
			w.cfg.Changed()
		}
	}
}

// path is where a file is.
func (w *Watcher) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.cfg.Dir, name)
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// targets are the names to look for, by directory: those of the files, and of what they link to.
func (w *Watcher) targets() map[string]map[string]bool {
	names := map[string]map[string]bool{}
	add := func(path string) {
		dir := filepath.Dir(path)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real // the system has one name for a directory
		}
		if names[dir] == nil {
			names[dir] = map[string]bool{"..data": true}
		}
		names[dir][filepath.Base(path)] = true
	}
	for _, name := range w.files {
		path := w.path(name)
		add(path)
		if real, err := filepath.EvalSymlinks(path); err == nil {
			add(real)
		}
	}
	return names
}

// attach asks the system to tell of changes in the directories of the files.
func (w *Watcher) attach() {
	w.names = w.targets()
	if w.fs == nil {
		fs, err := w.cfg.open()
		if err != nil {
			w.fallBack(err)
			return
		}
		w.fs, w.seen = fs, nil
	}
	for _, dir := range w.fs.WatchList() {
		if w.names[dir] == nil {
			_ = w.fs.Remove(dir) // it may have gone by itself
		}
	}
	for dir := range w.names {
		if err := w.fs.Add(dir); err != nil {
			w.fallBack(err)
			return
		}
	}
}

func (w *Watcher) detach() {
	if w.fs != nil {
		_ = w.fs.Close()
		w.fs = nil
	}
}

// fallBack has the files looked at again and again.
func (w *Watcher) fallBack(err error) {
	w.cfg.Logger.Warn("cannot be told of changes of the configuration, its files are looked at again and again",
		"every", w.cfg.Delay, "err", err)
	w.detach()
	w.seen = w.look()
}

// counts says whether an event is about one of the files.
func (w *Watcher) counts(e fsnotify.Event) bool {
	if w.names[e.Name] != nil && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
		return true // the directory itself is gone: what comes in its place is looked for
	}
	dir, name := filepath.Split(e.Name)
	return w.names[filepath.Clean(dir)][name] && (e.Has(fsnotify.Write) || e.Has(fsnotify.Create))
}

func (w *Watcher) look() map[string]os.FileInfo {
	seen := map[string]os.FileInfo{}
	for _, name := range w.files {
		if info, err := os.Stat(w.path(name)); err == nil {
			seen[name] = info
		}
	}
	return seen
}

// differs looks at the files. One that is gone is no change: it is about to be replaced, or the old
// configuration stays.
func (w *Watcher) differs() bool {
	changed := false
	for name, now := range w.look() {
		old := w.seen[name]
		if old == nil || !os.SameFile(old, now) || old.Size() != now.Size() || !old.ModTime().Equal(now.ModTime()) {
			changed = true
		}
		w.seen[name] = now
	}
	return changed
}
