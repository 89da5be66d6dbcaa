package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
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
	f, err := d.create(name + draftExt)
	if err != nil {
		return nil, fmt.Errorf("storage: create: %w", err)
	}
	return &Draft{f, d, name}, nil
}

// Drafts gives the files that were begun and not completed, under the names that they are to have. It
// does not tell those of this process from those that an earlier one has left.
func (d *Disk) Drafts(ctx context.Context) ([]Info, error) {
	all, err := d.walk(ctx, "", func(name string) bool { return strings.HasSuffix(name, draftExt) })
	for i := range all {
		all[i].Name = strings.TrimSuffix(all[i].Name, draftExt)
	}
	return all, err
}

// OpenDraft goes on with a file that was begun.
func (d *Disk) OpenDraft(name string) (*Draft, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name+draftExt, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("storage: open draft: %w", err)
	}
	return &Draft{f, d, name}, nil
}

// Name gives the name that the file is to have.
func (f *Draft) Name() string { return f.name }

// Commit closes the file and gives it its name. With replace it takes the place of another one; without,
// another one is an error that wraps fs.ErrExist, and the draft stays.
func (f *Draft) Commit(replace bool) error {
	err := f.File.Close()
	if err == nil {
		err = f.rename(replace)
	}
	if err != nil {
		return fmt.Errorf("storage: commit %s: %w", f.name, err)
	}
	return nil
}

func (f *Draft) rename(replace bool) error {
	temp, root := f.name+draftExt, f.disk.root
	if replace {
		return root.Rename(temp, f.name)
	}
	err := root.Link(temp, f.name) // fails if the name is taken, in one step
	switch {
	case err == nil:
		return root.Remove(temp)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// A file system without links.
	if _, err := root.Lstat(f.name); err == nil {
		return fs.ErrExist
	}
	return root.Rename(temp, f.name)
}

// Discard closes the file and deletes it.
func (f *Draft) Discard() error {
	return errors.Join(f.File.Close(), f.disk.remove(f.name+draftExt))
}
