package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// putSuffix is that of files which Put writes. No draft has it: its name would end in ".tmp".
const putSuffix = tempSuffix + tempSuffix

// Disk is a directory as a Storage. Nothing outside of it is reached, also not through symbolic links
// (see os.Root). Directories are made as needed, and removed with their last file. Errors of the system
// can be told apart with errors.Is: syscall.ENOSPC, syscall.EROFS, fs.ErrPermission.
type Disk struct {
	dir  string
	root *os.Root
}

// NewDisk opens a directory, which it makes if there is none.
func NewDisk(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return &Disk{dir: dir, root: root}, nil
}

// Dir gives the directory, as it was given.
func (d *Disk) Dir() string { return d.dir }

// Close lets go of the directory. Open files stay open.
func (d *Disk) Close() error { return d.root.Close() }

// Put writes a temporary file and renames it.
func (d *Disk) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	// Of many goroutines and processes, whatever they put; and no draft's, see Drafts.
	temp := path.Join(path.Dir(name), strconv.FormatUint(rand.Uint64(), 36)+putSuffix)
	f, err := d.create(temp)
	if err != nil {
		return d.failed("put", name, err)
	}
	err = errors.Join(fill(ctx, f, r, size), f.Close())
	if err == nil {
		err = d.root.Rename(temp, name)
	}
	if err != nil {
		_ = d.remove(temp)
		return d.failed("put", name, err)
	}
	return nil
}

// failed says what was done to which file. Of the system's error that does the same the reason is left.
func (d *Disk) failed(op, name string, err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		err = e.Err
	case *os.LinkError:
		err = e.Err
	}
	return fmt.Errorf("storage: %s %s: %w", op, filepath.Join(d.dir, filepath.FromSlash(name)), err)
}

// fill copies all of r, which must be of a size.
func fill(ctx context.Context, w io.Writer, r io.Reader, size int64) error {
	if size >= 0 {
		r = io.LimitReader(r, size+1)
	}
	n, err := io.Copy(w, &contextReader{ctx, r})
	if err == nil && size >= 0 && n != size {
		err = errors.New("more bytes than announced")
		if n < size {
			err = fmt.Errorf("%d bytes of %d: %w", n, size, io.ErrUnexpectedEOF)
		}
	}
	return err
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	io.Reader
}

// Read reads, unless the context has ended.
func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.Reader.Read(b)
}

// createTries bounds how often a directory that was made is gone again before a file is in it: who removes
// the last file of a directory removes that.
const createTries = 100

// create makes a file that must not exist, and the directories that it needs.
func (d *Disk) create(name string) (*os.File, error) {
	for try := 1; ; try++ {
		f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || try == createTries {
			return f, err
		}
		err = d.root.MkdirAll(path.Dir(name), 0o755)
		// A directory that comes or goes meanwhile gives either of these.
		if err != nil && (try == createTries || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist)) {
			return nil, err
		}
	}
}

// Open opens a file.
func (d *Disk) Open(_ context.Context, name string) (File, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, d.failed("open", name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = f.Close()
		return nil, d.failed("open", name, err)
	}
	return diskFile{f, Info{name, info.Size(), info.ModTime()}}, nil
}

type diskFile struct {
	*os.File
	info Info
}

// Info describes the file as it was when it was opened.
func (f diskFile) Info() Info { return f.info }

// Remove deletes a file, and the directories that are empty without it.
func (d *Disk) Remove(_ context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return d.remove(name)
}

func (d *Disk) remove(name string) error {
	if info, err := d.root.Lstat(name); err == nil && info.IsDir() { // no file
		return nil
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.failed("remove", name, err)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := d.root.Lstat(dir); err != nil || !info.IsDir() { // a link to one is somebody's
			break
		}
		if d.root.Remove(dir) != nil { // has other files
			break
		}
	}
	return nil
}

// List ranges over the complete files. It reads all of the directories that prefix names first.
func (d *Disk) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		all, err := d.walk(ctx, prefix, func(name string) bool { return !strings.HasSuffix(name, tempSuffix) })
		for _, info := range all {
			if !yield(info, nil) {
				return
			}
		}
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// walk gives the files whose names begin with prefix and that want takes, in the order of their names.
func (d *Disk) walk(ctx context.Context, prefix string, want func(string) bool) (all []Info, err error) {
	top := path.Dir(prefix + "x") // the directory that all of them are in
	if top != "." && CheckName(top) != nil {
		return nil, CheckName(top)
	}
	err = fs.WalkDir(d.root.FS(), top, func(name string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			if errors.Is(err, fs.ErrNotExist) { // gone in the meantime, or never there
				return nil
			}
			return cmp.Or(err, context.Cause(ctx))
		}
		if e.IsDir() {
			if name != "." && !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/") {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() || !strings.HasPrefix(name, prefix) || !want(name) {
			return nil
		}
		if info, err := e.Info(); err == nil {
			all = append(all, Info{name, info.Size(), info.ModTime()})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	if err != nil {
		err = fmt.Errorf("storage: list %q: %w", prefix, err)
	}
	return all, err
}
