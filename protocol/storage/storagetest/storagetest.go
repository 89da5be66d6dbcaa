// Package storagetest holds a storage.Storage against what the interface promises.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/srsgo/srs/protocol/storage"
)

// Read gives a file as a text.
func Read(ctx context.Context, s storage.Storage, name string) (string, error) {
	f, err := s.Open(ctx, name)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	return string(b), errors.Join(err, f.Close())
}

// Check puts, reads, lists and removes files in a storage that is empty, and gives the first thing that
// is not as it should be. It leaves the storage empty.
func Check(ctx context.Context, s storage.Storage) error {
	for _, step := range []func(context.Context, storage.Storage) error{checkFiles, checkSeek, checkList, checkNames, checkSizes} {
		if err := step(ctx, s); err != nil {
			return err
		}
		left, err := names(ctx, s, "")
		if err != nil || len(left) > 0 {
			return fmt.Errorf("left behind: %v, %w", left, err)
		}
	}
	return nil
}

func put(ctx context.Context, s storage.Storage, name, text string) error {
	return s.Put(ctx, name, strings.NewReader(text), int64(len(text)))
}

func names(ctx context.Context, s storage.Storage, prefix string) (all []string, err error) {
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		all = append(all, info.Name)
	}
	return all, nil
}

func checkFiles(ctx context.Context, s storage.Storage) error {
	for _, text := range []string{"one", "another, longer", ""} { // each in place of the one before
		if err := put(ctx, s, "live/a.ts", text); err != nil {
			return err
		}
		if got, err := Read(ctx, s, "live/a.ts"); err != nil || got != text {
			return fmt.Errorf("read %q where %q was put: %w", got, text, err)
		}
	}
	if _, err := s.Open(ctx, "live/none"); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open of a file that is not there: %w", err)
	}
	if _, err := s.Open(ctx, "live"); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open of a directory: %w", err)
	}
	return errors.Join(s.Remove(ctx, "live/none"), s.Remove(ctx, "live/a.ts"), s.Remove(ctx, "live/a.ts"))
}

func checkSeek(ctx context.Context, s storage.Storage) error {
	if err := put(ctx, s, "a b+ü&%25.mp4", "0123456789"); err != nil {
		return err
	}
	f, err := s.Open(ctx, "a b+ü&%25.mp4")
	if err != nil {
		return err
	}
	defer f.Close()
	if i := f.Info(); i.Name != "a b+ü&%25.mp4" || i.Size != 10 || i.Modified.IsZero() {
		return fmt.Errorf("info: %+v", i)
	}
	for _, x := range []struct {
		offset int64
		whence int
		want   string
	}{{4, io.SeekStart, "45"}, {1, io.SeekCurrent, "78"}, {-2, io.SeekEnd, "89"}, {0, io.SeekStart, "01"}} {
		b := make([]byte, 2)
		_, err := f.Seek(x.offset, x.whence)
		if err == nil {
			_, err = io.ReadFull(f, b)
		}
		if err != nil || string(b) != x.want {
			return fmt.Errorf("seek %d, %d: read %q: %w", x.offset, x.whence, b, err)
		}
	}
	return s.Remove(ctx, "a b+ü&%25.mp4")
}

func checkList(ctx context.Context, s storage.Storage) error {
	all := []string{"a", "b-c", "b/c/d", "b/c/e", "b/cf", "c"}
	for _, name := range all {
		if err := put(ctx, s, name, name); err != nil {
			return err
		}
	}
	for prefix, want := range map[string][]string{"": all, "b": all[1:5], "b/": all[2:5], "b/c/": all[2:4], "b/c": all[2:5], "x": nil, "c/": nil} {
		got, err := names(ctx, s, prefix)
		if err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("list %q: %q where %q is there: %w", prefix, got, want, err)
		}
	}
	for info, err := range s.List(ctx, "") { // a loop may end early
		if err != nil || info.Size != 1 || info.Modified.IsZero() {
			return fmt.Errorf("list: %+v, %w", info, err)
		}
		break
	}
	for _, name := range all {
		if err := s.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func checkNames(ctx context.Context, s storage.Storage) error {
	for _, name := range []string{"", ".", "..", "/a", "a/", "a/../b", "../a", "a//b", "a\x00", "a\\b", strings.Repeat("x", 2000)} {
		_, open := s.Open(ctx, name)
		for what, err := range map[string]error{"put": put(ctx, s, name, "x"), "open": open, "remove": s.Remove(ctx, name)} {
			if !errors.Is(err, fs.ErrInvalid) {
				return fmt.Errorf("%s of %.20q: %w", what, name, err)
			}
		}
	}
	return nil
}

func checkSizes(ctx context.Context, s storage.Storage) error {
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	if err := s.Put(ctx, "big", strings.NewReader(big), -1); err != nil {
		return fmt.Errorf("a file of unknown size: %w", err)
	}
	if got, err := Read(ctx, s, "big"); err != nil || got != big {
		return fmt.Errorf("%d bytes of %d come back: %w", len(got), len(big), err)
	}
	for _, size := range []int64{2, 4} {
		if err := s.Put(ctx, "big", strings.NewReader("abc"), size); err == nil {
			return fmt.Errorf("3 bytes for %d announced ones are no error", size)
		}
	}
	if got, err := Read(ctx, s, "big"); err != nil || got != big {
		return fmt.Errorf("a failed put changes the file: %w", err)
	}
	return s.Remove(ctx, "big")
}
