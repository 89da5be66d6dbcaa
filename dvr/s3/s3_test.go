package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/dvr/s3"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/protocol/storage/storagetest"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

var _ storage.Storage = (*s3.Bucket)(nil)

// TestStorage: a bucket is what every storage is, with a prefix and without.
func TestStorage(t *testing.T) {
	s := newServer(t)
	for _, prefix := range []string{"", "/streams/1/"} {
		cfg := s.config()
		cfg.Prefix = prefix
		require.NoError(t, storagetest.Check(t.Context(), s.bucket(t, cfg)), "prefix %q", prefix)
	}
}

// TestHeaders: players and caches are told what a file is.
func TestHeaders(t *testing.T) {
	s := newServer(t)
	b := s.bucket(t, s.config())
	for name, want := range map[string][2]string{
		"live/av.m3u8": {"application/vnd.apple.mpegurl", "no-cache"},
		"live/av.mpd":  {"application/dash+xml", "no-cache"},
		"live/av.ts":   {"video/MP2T", ""},
		"live/av.m4s":  {"video/iso.segment", ""},
		"live/av.mp4":  {"video/mp4", ""},
		"live/av.flv":  {"video/x-flv", ""},
		"live/av.key":  {"application/octet-stream", ""},
	} {
		require.NoError(t, b.Put(t.Context(), name, strings.NewReader("x"), 1))
		o, err := s.client(t).StatObject(t.Context(), bucket, "a/b/"+name, minio.StatObjectOptions{})
		require.NoError(t, err)
		require.Equal(t, want, [2]string{o.ContentType, o.Metadata.Get("Cache-Control")}, name)
	}
}

// TestLarge: a recording goes in parts, whether its size is known or not, and is read from any byte on.
func TestLarge(t *testing.T) {
	s := newServer(t)
	b := s.bucket(t, s.config())
	movie := make([]byte, 40<<20+123)
	_, err := rand.Read(movie)
	require.NoError(t, err)
	for _, size := range []int64{int64(len(movie)), -1} {
		require.NoError(t, b.Put(t.Context(), "rec/a.mp4", io.MultiReader(bytes.NewReader(movie)), size))
		f, err := b.Open(t.Context(), "rec/a.mp4")
		require.NoError(t, err)
		require.EqualValues(t, len(movie), f.Info().Size)
		h := sha256.New()
		_, err = io.Copy(h, f)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(movie), [32]byte(h.Sum(nil)))
		_, err = f.Seek(30<<20, io.SeekStart)
		require.NoError(t, err)
		piece := make([]byte, 100)
		_, err = io.ReadFull(f, piece)
		require.NoError(t, err)
		require.Equal(t, movie[30<<20:][:100], piece)
		_, err = f.Seek(1, io.SeekStart)
		require.NoError(t, err)
		require.NoError(t, b.Put(t.Context(), "rec/a.mp4", strings.NewReader("other"), 5))
		_, err = f.Read(piece)
		require.Error(t, err, "a file of pieces of two")
		require.NoError(t, f.Close())
	}
	require.Error(t, b.Put(t.Context(), "rec/a.mp4", bytes.NewReader(movie), int64(len(movie))-1), "longer than announced")
	require.Error(t, b.Put(t.Context(), "rec/a.mp4", bytes.NewReader(movie), int64(len(movie))+1), "shorter than announced")
	require.NoError(t, b.Remove(t.Context(), "rec/a.mp4"))
}

// TestSecrets: neither an error nor a log nor a printed configuration shows a key, whatever goes wrong.
func TestSecrets(t *testing.T) {
	s := newServer(t)
	var log bytes.Buffer
	say := slog.New(slog.NewTextHandler(&log, nil))
	note := func(err error) {
		t.Helper()
		require.Error(t, err)
		say.Error("failed", "err", err)
	}
	cfg := s.config()
	say.Info("a bucket", "config", cfg, "pointer", &cfg)
	fmt.Fprintf(&log, "%v %+v %#v %s", cfg, cfg, cfg, cfg)

	wrong := cfg
	wrong.SecretKey += "x"
	err := s.bucket(t, wrong).Put(t.Context(), "a", strings.NewReader("x"), 1)
	require.ErrorIs(t, err, fs.ErrPermission)
	note(err)
	wrong = cfg
	wrong.Bucket = "other"
	err = s.bucket(t, wrong).Put(t.Context(), "a", strings.NewReader("x"), 1)
	require.ErrorContains(t, err, "other")
	note(err)
	for _, err := range s.bucket(t, wrong).List(t.Context(), "") {
		note(err)
	}
	for _, change := range []func(c *s3.Config){
		func(c *s3.Config) { c.Endpoint = "http://" + accessKey + ":" + secretKey + "@host" },
		func(c *s3.Config) { c.Endpoint = accessKey + ":" + secretKey + "@host" },
		func(c *s3.Config) { c.Endpoint = "host/path?" + secretKey },
		func(c *s3.Config) { c.Bucket = "" },
		func(c *s3.Config) { c.Bucket = "a/b" },
		func(c *s3.Config) { c.AccessKey = "" },
		func(c *s3.Config) { c.Prefix = "a/../b" },
		func(c *s3.Config) { c.Insecure, c.CACert = false, filepath.Join(s.dir, "none") },
		func(c *s3.Config) { c.Insecure, c.CACert = false, s.program },
	} {
		c := cfg
		change(&c)
		_, err := s3.New(c)
		note(err)
	}
	s.stop()
	note(s.bucket(t, cfg).Put(t.Context(), "a", strings.NewReader("x"), 1))
	require.NotContains(t, log.String(), secretKey)
	require.NotContains(t, log.String(), accessKey)
}

// TestCertificate: a server with a certificate of its own is reached with that alone.
func TestCertificate(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	cfg := s3.Config{Endpoint: strings.TrimPrefix(web.URL, "https://"), Region: "us-east-1", Bucket: bucket, AccessKey: "a", SecretKey: "b"}
	open := func() error {
		b, err := s3.New(cfg)
		require.NoError(t, err)
		defer b.Close()
		_, err = b.Open(t.Context(), "x")
		return err
	}
	require.ErrorContains(t, open(), "certificate")
	cfg.CACert = ca
	require.ErrorIs(t, open(), fs.ErrNotExist)
}

// TestOutage: the server is killed in the middle and comes back. Nothing is lost, and no playlist is
// there before its segments.
func TestOutage(t *testing.T) {
	s := newServer(t)
	disk, err := storage.NewDisk(filepath.Join(t.TempDir(), "spool"))
	require.NoError(t, err)
	defer disk.Close()
	b := s.bucket(t, s.config())
	spool, err := storage.NewSpool(storage.SpoolConfig{Dir: disk, Remote: b})
	require.NoError(t, err)
	put := func(name, text string) {
		t.Helper()
		require.NoError(t, spool.Put(t.Context(), name, strings.NewReader(text), int64(len(text))))
	}
	const n = 60
	for i := range n {
		switch i {
		case 20:
			s.stop()
		case 40: // the process ends, and another one goes on
			require.Eventually(t, func() bool { return spool.Stats().Down }, time.Minute, 10*time.Millisecond)
			require.NoError(t, spool.Close())
			spool, err = storage.NewSpool(storage.SpoolConfig{Dir: disk, Remote: b})
			require.NoError(t, err)
		}
		put(fmt.Sprintf("live/av-%d.ts", i), fmt.Sprint("segment ", i))
		put("live/av.m3u8", fmt.Sprint("list ", i))
	}
	defer func() { require.NoError(t, spool.Close()) }()
	s.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for drained := false; !drained; {
		list, err := storagetest.Read(ctx, b, "live/av.m3u8")
		if err == nil { // what the playlist says is there
			_, err = storagetest.Read(ctx, b, "live/av-"+strings.TrimPrefix(list, "list ")+".ts")
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil // not yet
		}
		require.NoError(t, err)
		drained = spool.Stats().Waiting == 0
	}
	for i := range n {
		text, err := storagetest.Read(ctx, b, fmt.Sprintf("live/av-%d.ts", i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("segment ", i), text)
	}
	list, err := storagetest.Read(ctx, b, "live/av.m3u8")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("list ", n-1), list)
}
