package raw

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// onDisk gives the texts of a configuration's files as they are on the disk: those it was read from,
// unless it is one that an update made.
func (b *Backend) onDisk(f *conf.File) map[string][]byte {
	if f == b.last {
		return maps.Clone(b.disk)
	}
	return f.Texts()
}

// written are the new texts of files, each in a file of its own beside the one that it will replace.
type written []pending

type pending struct {
	name     string // of the configuration
	text     []byte
	tmp, dst string
}

// prepare writes what is not on the disk yet. A file that somebody else has changed since it was read is
// left alone: the change would be lost, or taken up unseen.
func (b *Backend) prepare(disk, texts map[string][]byte) (list written, err error) {
	defer func() {
		if err != nil {
			list.discard()
			list = nil
		}
	}()
	for name, text := range texts {
		if bytes.Equal(text, disk[name]) {
			continue
		}
		dst := name
		if !filepath.IsAbs(dst) {
			dst = filepath.Join(b.cfg.Dir, dst)
		}
		if dst, err = filepath.EvalSymlinks(dst); err != nil {
			return list, err
		}
		have, err := os.ReadFile(dst)
		if err != nil {
			return list, err
		}
		if !bytes.Equal(have, disk[name]) {
			return list, fmt.Errorf("%s was changed since it was read: reload first", name)
		}
		tmp, err := writeBeside(dst, text)
		if err != nil {
			return list, err
		}
		list = append(list, pending{name, text, tmp, dst})
	}
	return list, nil
}

// writeBeside writes a text to a new file in the directory of dst, with the rights that dst has.
func writeBeside(dst string, text []byte) (name string, err error) {
	info, err := os.Stat(dst)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, bytes.NewReader(text))
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		keepOwner(f, info)
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// commit puts the files in place, and notes in disk what is there now.
func (w written) commit(disk map[string][]byte) error {
	for _, p := range w {
		if err := os.Rename(p.tmp, p.dst); err != nil {
			return err
		}
		disk[p.name] = p.text
		if err := syncDir(filepath.Dir(p.dst)); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what was not put in place.
func (w written) discard() {
	for _, p := range w {
		_ = os.Remove(p.tmp) // it is gone once it was put in place
	}
}

// syncDir makes a rename last.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
