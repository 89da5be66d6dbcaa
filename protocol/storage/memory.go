package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrFull: there is no room for a file.
var ErrFull = errors.New("storage: full")

// Memory is a Storage in memory. Its zero value is empty and ready.
type Memory struct {
	// Limit bounds the bytes of all files together; what is more is refused with ErrFull. 0: no bound.
	Limit int64

	mu    sync.Mutex
	files map[string]memoryFile
	used  int64
}

type memoryFile struct {
	data     []byte
	modified time.Time
}

// NewMemory makes an empty one without a limit.
func NewMemory() *Memory { return &Memory{} }

// Used gives the bytes of all files.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Put keeps a copy of what r gives.
func (m *Memory) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	var b bytes.Buffer
	if m.Limit > 0 {
		if size > m.Limit {
			return fmt.Errorf("storage: put %s of %d bytes: %w", name, size, ErrFull)
		}
		r = io.LimitReader(r, m.Limit+1)
	}
	if size > 0 {
		b.Grow(int(min(size, 64<<20)))
	}
	if err := fill(ctx, &b, r, size); err != nil {
		return fmt.Errorf("storage: put %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	used := m.used - int64(len(m.files[name].data)) + int64(b.Len())
	if m.Limit > 0 && used > m.Limit {
		return fmt.Errorf("storage: put %s of %d bytes: %w", name, b.Len(), ErrFull)
	}
	if m.files == nil {
		m.files = map[string]memoryFile{}
	}
	m.files[name], m.used = memoryFile{b.Bytes(), time.Now()}, used
	return nil
}

// Open reads a file as it is at the call.
func (m *Memory) Open(_ context.Context, name string) (File, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("storage: open %s: %w", name, fs.ErrNotExist)
	}
	return openMemory{bytes.NewReader(f.data), Info{name, int64(len(f.data)), f.modified}}, nil
}

type openMemory struct {
	*bytes.Reader
	info Info
}

// Info describes the file.
func (f openMemory) Info() Info { return f.info }

// Close does nothing.
func (openMemory) Close() error { return nil }

// Remove deletes a file.
func (m *Memory) Remove(_ context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= int64(len(m.files[name].data))
	delete(m.files, name)
	return nil
}

// List ranges over the files that there are at the call.
func (m *Memory) List(_ context.Context, prefix string) iter.Seq2[Info, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Info
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, Info{name, int64(len(m.files[name].data)), m.files[name].modified})
		}
	}
	return func(yield func(Info, error) bool) {
		for _, info := range all {
			if !yield(info, nil) {
				return
			}
		}
	}
}
