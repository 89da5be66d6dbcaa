package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Draft is a file of a Disk that is being written, under its name with ".tmp" behind it. It belongs to
// one goroutine.
type Draft struct {
	*os.File
	disk *Disk
	name string
}

// Create begins a file. One of that name that is being written, or was when a process ended, is an
// error that wraps fs.ErrExist.
func (d *Disk) Create(name string) (*Draft, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	f, err := d.create(name + tempSuffix)
	if err != nil {
		return nil, d.failed("create", name, err)
	}
	return &Draft{f, d, name}, nil
}

// abandoned is the age at which a file that Put began is taken for one of a process that is gone.
const abandoned = time.Hour

// Drafts gives the files that were begun and not completed, under the names that they are to have. It
// does not tell those of this process from those that an earlier one has left. What Put has left, of a
// process that was killed, it deletes.
func (d *Disk) Drafts(ctx context.Context) ([]Info, error) {
	all, err := d.walk(ctx, "", func(name string) bool { return strings.HasSuffix(name, tempSuffix) })
	drafts := all[:0]
	for _, info := range all {
		if !strings.HasSuffix(info.Name, putSuffix) {
			info.Name = strings.TrimSuffix(info.Name, tempSuffix)
			drafts = append(drafts, info)
		} else if time.Since(info.Modified) > abandoned {
			_ = d.remove(info.Name)
		}
	}
	return drafts, err
}

// OpenDraft goes on with a file that was begun.
func (d *Disk) OpenDraft(name string) (*Draft, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name+tempSuffix, os.O_RDWR, 0)
	if err != nil {
		return nil, d.failed("open draft", name, err)
	}
	return &Draft{f, d, name}, nil
}

// Name gives the name that the file is to have.
func (f *Draft) Name() string { return f.name }

// Commit closes the file and gives it its name. With replace it takes the place of another one; without,
// another one is an error that wraps fs.ErrExist, and the draft stays.
func (f *Draft) Commit(replace bool) error { return f.commit(f.name, replace) }

// CommitAs is Commit, without replace, under another name in the same directory. Both may follow on a
// Commit that failed.
func (f *Draft) CommitAs(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return f.commit(name, false)
}

func (f *Draft) commit(name string, replace bool) error {
	err := f.File.Close()
	if err == nil || errors.Is(err, fs.ErrClosed) {
		err = f.rename(name, replace)
	}
	if err != nil {
		return f.disk.failed("commit", name, err)
	}
	return nil
}

func (f *Draft) rename(name string, replace bool) error {
	temp, root := f.name+tempSuffix, f.disk.root
	if replace {
		return root.Rename(temp, name)
	}
	err := root.Link(temp, name) // fails if the name is taken, in one step
	switch {
	case err == nil:
		return root.Remove(temp)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// A file system without links.
	if _, err := root.Lstat(name); err == nil {
		return fs.ErrExist
	}
	return root.Rename(temp, name)
}

// Discard closes the file and deletes it.
func (f *Draft) Discard() error {
	return errors.Join(f.File.Close(), f.disk.remove(f.name+tempSuffix))
}
