package dvr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/srsgo/srs/protocol/storage"
)

// idle is how long a file has not been written to before it is taken for one of a process that is gone.
const idle = 10 * time.Second

// recover completes what an earlier process has left. It tells whether there is more that may be.
func (m *Module) recover(ctx context.Context, p *place) (more bool) {
	drafts, err := p.index.disk.Drafts(ctx)
	if err != nil {
		m.trouble("looking for unfinished recordings in "+p.index.disk.Dir(), err)
	}
	for _, d := range drafts {
		key, ok := p.key(d.Name)
		file := shown(p.index.disk, d.Name)
		if ctx.Err() != nil || !ok || m.isWriting(p.index.disk, d.Name) || m.told[file] {
			continue
		}
		if time.Since(d.Modified) < idle {
			more = true
			continue
		}
		info := Recording{Key: key, Dir: p.index.disk, Name: d.Name, File: file, Bytes: d.Size, Recovered: true}
		if err := m.recoverFile(&info, p.start(d.Name, time.Time{}), d.Modified, p.cfg.Exists == Replace); err != nil && ctx.Err() == nil {
			m.trouble("recovering "+file, err)
			m.told[file] = true
		}
	}
	return more
}

// recoverFile completes a file that was written to last at a time, and begun at start, if that is known.
func (m *Module) recoverFile(info *Recording, start, last time.Time, replace bool) error {
	draft, err := info.Dir.OpenDraft(info.Name)
	if err != nil {
		return err
	}
	info.Duration, info.Bytes, err = repair(info.Name, draft, info.Bytes)
	if errors.Is(err, errNothing) {
		m.host.Logger.Info("an unfinished recording has nothing in it", "file", info.File)
		return draft.Discard()
	}
	if err != nil {
		return errors.Join(err, draft.Close())
	}
	if info.Start = start; start.IsZero() {
		info.Start = last.Add(-info.Duration)
	}
	switch err := m.place(info, draft, replace); {
	case errors.Is(err, errNothing):
		return nil
	case err != nil:
		_ = draft.Close() // unless it is
		return err
	}
	m.host.Logger.Info("recording of an earlier process completed", "stream", info.Key, "file", info.File, "bytes", info.Bytes, "duration", info.Duration)
	m.completed(*info)
	return nil
}

// repair cuts a file of size bytes after what is whole, and fills in what its end would have. An MP4
// is made whole by what makes it a plain one.
func repair(name string, f file, size int64) (time.Duration, int64, error) {
	switch format(name) {
	case ".flv":
		return repairFLV(f, size)
	case ".ts":
		return repairTS(f, size)
	}
	index, err := parseMovie(f, size)
	if err != nil {
		return 0, 0, err
	}
	from, to, ok := index.span()
	if !ok {
		return 0, 0, errNothing
	}
	return to - from, size, nil
}

// adopt describes the files that the index does not know, if their names tell that they are recordings.
func (m *Module) adopt(ctx context.Context, p *place) {
	if !p.dated {
		return
	}
	for info, err := range p.index.disk.List(ctx, "") {
		if err != nil {
			m.trouble("listing "+p.index.disk.Dir(), err)
			return
		}
		key, ok := p.key(info.Name)
		if !ok || p.index.get(info.Name) != nil {
			continue
		}
		file := shown(p.index.disk, info.Name)
		d, err := describe(ctx, p.index.disk, info)
		if err == nil {
			r := Recording{Key: key, Name: info.Name, Start: p.start(info.Name, info.Modified.Add(-d)), Duration: d, Bytes: info.Size}
			err = p.index.put(entryOf(&r))
		}
		if err != nil && !m.told[file] {
			m.trouble("describing "+file, err)
			m.told[file] = true
		}
	}
}

// describe tells how long a complete file is.
func describe(ctx context.Context, disk *storage.Disk, info storage.Info) (time.Duration, error) {
	f, err := disk.Open(ctx, info.Name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return 0, fmt.Errorf("dvr: %s cannot be read at places", info.Name)
	}
	switch format(info.Name) {
	case ".flv":
		totals, _, err := scanFLV(r, info.Size)
		return totals.duration(), err
	case ".ts":
		d, ok := tsDuration(r, info.Size)
		if !ok {
			return 0, errNothing
		}
		return d, nil
	}
	movie, err := openMovie(r, info.Size)
	if err != nil {
		return 0, err
	}
	from, to, ok := movie.span()
	if !ok {
		return 0, errNothing
	}
	return to - from, nil
}
