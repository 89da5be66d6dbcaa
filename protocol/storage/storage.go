// Package storage keeps the files that a server makes of streams: recordings, segments,
// playlists. A [Storage] is a place for whole files under slash-separated names: a [Disk], [Memory], a
// bucket of S3 (package dvr/s3), or a [Spool] before one that is far away. [Expand] makes names of
// templates with variables.
package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// Storage is a place for files. Names are slash-separated paths without a leading slash, as
// [CheckName] wants them; others give an error that wraps [fs.ErrInvalid]. Methods are safe for
// use by several goroutines.
type Storage interface {
	// Put stores what r gives under a name, in place of what was there. Readers see the old file
	// or the new one, whole. size is how much r will give, -1 if that is not known; an r that
	// gives another amount is an error.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// Open reads a file. One that does not exist gives an error that wraps fs.ErrNotExist.
	Open(ctx context.Context, name string) (File, error)
	// Remove deletes a file. One that does not exist is no error.
	Remove(ctx context.Context, name string) error
	// List ranges over the files whose names begin with prefix, in the order of their names. An
	// error comes as the last pair.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// File is an open file.
type File interface {
	io.ReadSeekCloser
	Info() Info
}

// Info describes a file.
type Info struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}
