package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/dvr/s3"
	"github.com/srsgo/srs/protocol/storage"
)

// errNoUpload: a reload has taken the bucket out of the configuration.
var errNoUpload = errors.New("uploads have ended")

// upload is a vhost's way to its bucket. It outlives reloads, which change where it leads to.
type upload struct {
	logger *slog.Logger

	mu   sync.RWMutex
	set  uploadSet
	open *opened // nil for none
}

// uploadSet is what is configured.
type uploadSet struct {
	s3.Config
	dir   string
	bytes int64
}

// opened is what an upload has while it works.
type opened struct {
	bucket *s3.Bucket
	dir    *storage.Disk
	spool  *storage.Spool
}

// uploadKey names an upload: recordings have one of their own, so that a large file does not hold
// playlists back.
type uploadKey struct {
	vhost string
	dvr   bool
}

// readUpload reads the s3 of a vhost; ok is false without.
func readUpload(v *conf.Scope, k uploadKey) (x uploadSet, ok bool) {
	if !v.Bool("s3.enabled") {
		return x, false
	}
	kind := "segments"
	if k.dvr {
		kind = "recordings"
	}
	return uploadSet{
		Config: s3.Config{
			Endpoint: v.String("s3.endpoint"), Region: v.String("s3.region"), Bucket: v.String("s3.bucket"),
			AccessKey: v.String("s3.access_key"), SecretKey: v.String("s3.secret_key"), Prefix: v.String("s3.prefix"),
			Insecure: !v.Bool("s3.tls"), PathStyle: v.Bool("s3.path_style"),
		},
		dir: filepath.Join(v.String("s3.spool"), k.vhost, kind), bytes: int64(v.Int("s3.spool_size")) << 20,
	}, true
}

// readUploads finds the uploads of all vhosts. Those of a configuration before are taken over; what they
// do changes with Commit.
func (c *Config) readUploads(f *conf.File, logger *slog.Logger, old *Config) error {
	c.uploads = map[uploadKey]*upload{}
	for _, v := range f.Vhosts() {
		for _, dvr := range []bool{false, true} {
			k := uploadKey{v.Name, dvr}
			set, ok := readUpload(v.Scope, k)
			if !ok || !v.Enabled {
				continue
			}
			bucket, err := s3.New(set.Config)
			if err != nil {
				return fault(v.Scope, "s3.enabled", err.Error())
			}
			_ = bucket.Close()
			u := &upload{logger: logger.With("vhost", v.Name, "dir", set.dir)}
			if old != nil && old.uploads[k] != nil {
				u = old.uploads[k]
			}
			c.uploads[k] = u
		}
	}
	return nil
}

// commitUploads has the uploads do what c says, and ends those that only before did.
func (c *Config) commitUploads(before *Config) {
	for _, v := range c.file.Vhosts() {
		for _, dvr := range []bool{false, true} {
			if u := c.uploads[uploadKey{v.Name, dvr}]; u != nil {
				set, _ := readUpload(v.Scope, uploadKey{v.Name, dvr})
				if err := u.change(&set); err != nil {
					u.logger.Error("uploads cannot begin", "err", err)
				}
			}
		}
	}
	if before == nil {
		return
	}
	for k, u := range before.uploads {
		if c.uploads[k] == nil {
			_ = u.change(nil) // only a start fails
		}
	}
}

// CloseUploads waits for what is to be sent until ctx ends; the rest is sent by the next process.
func (c *Config) CloseUploads(ctx context.Context) {
	for _, u := range c.uploads {
		u.mu.RLock()
		o := u.open
		u.mu.RUnlock()
		if o != nil {
			if err := o.spool.Wait(ctx); err != nil {
				u.logger.Warn("files wait to be sent, the next start goes on with them", "err", err)
			}
		}
		_ = u.change(nil)
	}
}

// change ends what the upload does and begins what set says, unless that is the same.
func (u *upload) change(set *uploadSet) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if set != nil && u.open != nil && *set == u.set {
		return nil
	}
	if o := u.open; o != nil {
		u.open = nil
		o.close()
	}
	if set == nil {
		return nil
	}
	u.set = *set
	o := &opened{}
	var err error
	if o.bucket, err = s3.New(set.Config); err != nil {
		return err
	}
	if o.dir, err = storage.NewDisk(set.dir); err == nil {
		o.spool, err = storage.NewSpool(storage.SpoolConfig{Remote: o.bucket, Dir: o.dir, MaxBytes: set.bytes, Logger: u.logger})
	}
	if err != nil {
		o.close()
		return err
	}
	u.open = o
	return nil
}

func (o *opened) close() {
	if o.spool != nil {
		_ = o.spool.Close()
	}
	if o.dir != nil {
		_ = o.dir.Close()
	}
	_ = o.bucket.Close()
}

// use calls f with the spool.
func (u *upload) use(f func(*storage.Spool) error) error {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if u.open == nil {
		return errNoUpload
	}
	return f(u.open.spool)
}

// Put keeps a file to be sent.
func (u *upload) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	return u.use(func(s *storage.Spool) error { return s.Put(ctx, name, r, size) })
}

// Remove has a file removed.
func (u *upload) Remove(ctx context.Context, name string) error {
	return u.use(func(s *storage.Spool) error { return s.Remove(ctx, name) })
}

// Open reads a file of the bucket.
func (u *upload) Open(ctx context.Context, name string) (f storage.File, err error) {
	err = u.use(func(s *storage.Spool) error { f, err = s.Open(ctx, name); return err })
	return f, err
}

// List ranges over the files of the bucket.
func (u *upload) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		err := u.use(func(s *storage.Spool) error {
			for info, err := range s.List(ctx, prefix) {
				if !yield(info, err) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(storage.Info{}, fmt.Errorf("list: %w", err))
		}
	}
}

// uploadFor gives where a module's files go as well; nil for nowhere.
func (c *Config) uploadFor(v *conf.Vhost, module string) storage.Storage {
	if u := c.uploads[uploadKey{v.Name, module == "dvr"}]; u != nil && v.Bool("s3."+module) {
		return u
	}
	return nil
}
