package dvr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/srsgo/srs/protocol/storage"
)

// takenError: the file exists already.
type takenError struct{ name string }

func (e *takenError) Error() string { return "dvr: " + e.name + " exists already" }

// Code is SRS's ERROR_DVR_CANNOT_APPEND.
func (e *takenError) Code() int { return 3082 }

// Is makes errors.Is find fs.ErrExist.
func (e *takenError) Is(target error) bool { return target == fs.ErrExist }

// errDraft: a file of that name is being written, or was.
var errDraft = errors.New("dvr: there is an unfinished file of that name")

// reserve makes a draft, unless the name is taken: then the error wraps fs.ErrExist. The draft comes
// first: who holds it is the only one to give a file that name, so that the file before is there by now
// if it is to be there at all.
func reserve(d *storage.Disk, name string, replace bool) (*storage.Draft, error) {
	draft, err := d.Create(name)
	if errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(errDraft, err)
	}
	if err != nil || replace {
		return draft, err
	}
	f, err := d.Open(context.Background(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return draft, nil
	}
	if err == nil {
		_ = f.Close()
		err = fs.ErrExist
	}
	return nil, errors.Join(err, draft.Discard())
}

// maxNumber is how many names are tried in place of one that is taken.
const maxNumber = 10000

// number reserves the first of the names with a number that is free.
func number(d *storage.Disk, name string) (*storage.Draft, error) {
	ext := path.Ext(name)
	for n := 1; n <= maxNumber; n++ {
		draft, err := reserve(d, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext), false)
		if !errors.Is(err, fs.ErrExist) {
			return draft, err
		}
	}
	return nil, &takenError{shown(d, name)}
}
