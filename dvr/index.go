package dvr

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// indexName is the file, in a directory of recordings, that remembers what they are.
const indexName = ".recordings.jsonl"

// entry is a line of an index: a complete file, or one that is gone.
type entry struct {
	Name     string `json:"name"`
	Vhost    string `json:"vhost"`
	App      string `json:"app"`
	Stream   string `json:"stream"`
	Start    int64  `json:"start_ms"` // since 1970
	Duration int64  `json:"duration_ms"`
	Bytes    int64  `json:"bytes"`
	Gaps     int    `json:"gaps,omitempty"`
	Sent     bool   `json:"sent,omitempty"` // Upload has it
	Gone     bool   `json:"gone,omitempty"`
}

func (e *entry) start() time.Time { return time.UnixMilli(e.Start) }

func (e *entry) end() time.Time { return time.UnixMilli(e.Start + e.Duration) }

func (e *entry) key() stream.Key { return stream.Key{Vhost: e.Vhost, App: e.App, Name: e.Stream} }

// entryOf describes a complete file.
func entryOf(r *Recording) *entry {
	return &entry{Name: r.Name, Vhost: r.Key.Vhost, App: r.Key.App, Stream: r.Key.Name, Start: r.Start.UnixMilli(),
		Duration: r.Duration.Milliseconds(), Bytes: r.Bytes, Gaps: r.Gaps}
}

func (e *entry) recording(d *storage.Disk) Recording {
	return Recording{Key: e.key(), Dir: d, Name: e.Name, File: shown(d, e.Name), Start: e.start(), Bytes: e.Bytes,
		Duration: time.Duration(e.Duration) * time.Millisecond, Gaps: e.Gaps}
}

// index knows the complete files of a directory. On disk it is a line for each change. What it does not
// know, because it was deleted or the files are another's, is described from the files themselves.
type index struct {
	disk *storage.Disk

	mu    sync.Mutex
	files map[string]*entry
	lines int // on disk
	bad   int // lines of it that are none
}

// Bounds of what is read of an index.
const (
	maxLine    = 8 << 10
	maxEntries = 1 << 20
)

// openIndex reads what the directory has.
func openIndex(d *storage.Disk) (*index, error) {
	x := &index{disk: d, files: map[string]*entry{}}
	f, err := d.Open(context.Background(), indexName)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return x, x.read(f)
}

// read takes lines. One that is none is passed over: the last one may not be whole.
func (x *index) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		x.lines++
		var e entry
		switch err := json.Unmarshal(lines.Bytes(), &e); {
		case err != nil, storage.CheckName(e.Name) != nil, format(e.Name) == "", e.Bytes < 0, e.Duration < 0:
			x.bad++
		case e.Gone:
			delete(x.files, e.Name)
		case len(x.files) < maxEntries:
			x.files[e.Name] = &e
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		x.bad++
		return nil // what follows is found again among the files
	}
	return lines.Err()
}

// put notes a change, also on disk.
func (x *index) put(list ...*entry) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range list {
		if e.Gone {
			delete(x.files, e.Name)
		} else {
			x.files[e.Name] = e
		}
	}
	if x.lines += len(list); x.lines > 2*len(x.files)+1000 {
		return x.rewrite()
	}
	f, err := os.OpenFile(filepath.Join(x.disk.Dir(), indexName), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(encode(slices.Values(list)))
	return errors.Join(err, f.Close())
}

// rewrite leaves out what is gone.
func (x *index) rewrite() error {
	b := encode(maps.Values(x.files))
	x.lines, x.bad = len(x.files), 0
	return x.disk.Put(context.Background(), indexName, bytes.NewReader(b), int64(len(b)))
}

func encode(list func(func(*entry) bool)) []byte {
	var b bytes.Buffer
	b.WriteByte(0x0a) // ends a line of a process that was killed
	for e := range list {
		line, _ := json.Marshal(e) // strings and numbers
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// list gives entries, the oldest first. They must not be changed.
func (x *index) list(of func(*entry) bool) []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []*entry
	for _, e := range x.files {
		if of(e) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), len(a.Name)-len(b.Name), strings.Compare(a.Name, b.Name)) // numbered ones in their order
	})
	return out
}

// get gives the entry of a name; nil if there is none. It must not be changed.
func (x *index) get(name string) *entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.files[name]
}

// exists tells whether a file is still there. Else the index forgets it.
func (x *index) exists(ctx context.Context, e *entry) bool {
	f, err := x.disk.Open(ctx, e.Name)
	if err == nil {
		_ = f.Close()
		return true
	}
	if errors.Is(err, fs.ErrNotExist) {
		_ = x.put(&entry{Name: e.Name, Gone: true}) // else it is seen again
		return false
	}
	return true
}
