package s3_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/dvr/s3"
)

const (
	accessKey = "test-access-key"
	secretKey = "test-secret-key-that-nobody-may-see"
	bucket    = "recordings"
)

// server is a real S3 server on a port of this machine, with its files in a directory.
type server struct {
	program, addr, dir string
	run                *exec.Cmd
}

// newServer starts one, with a bucket.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{program: program(t), dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = l.Addr().String()
	require.NoError(t, l.Close())
	s.start(t)
	t.Cleanup(s.stop)
	require.NoError(t, s.client(t).MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
	return s
}

// program finds versitygw.
func program(t *testing.T) string {
	t.Helper()
	for _, p := range []string{os.Getenv("SRS_VERSITYGW"), "versitygw", filepath.Join(os.Getenv("HOME"), "go", "bin", "versitygw")} {
		if p == "" {
			continue
		}
		if found, err := exec.LookPath(p); err == nil {
			return found
		}
	}
	t.Skip("versitygw is not installed: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	return ""
}

// start runs the program until it answers.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.run = exec.Command(s.program, "--port", s.addr, "posix", s.dir)
	s.run.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	require.NoError(t, s.run.Start())
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := s.client(t).ListBuckets(ctx)
		return err == nil
	}, 60*time.Second, 50*time.Millisecond, "versitygw does not answer")
}

// stop kills it, in the middle of whatever it does.
func (s *server) stop() {
	if s.run != nil {
		_ = s.run.Process.Kill()
		_ = s.run.Wait()
		s.run = nil
	}
}

// client is one that does not go through what is tested.
func (s *server) client(t *testing.T) *minio.Client {
	t.Helper()
	transport, err := minio.DefaultTransport(false)
	require.NoError(t, err)
	transport.DisableKeepAlives = true
	c, err := minio.New(s.addr, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Transport: transport, MaxRetries: 1})
	require.NoError(t, err)
	return c
}

func (s *server) config() s3.Config {
	return s3.Config{Endpoint: s.addr, Region: "us-east-1", Bucket: bucket, AccessKey: accessKey, SecretKey: secretKey, Prefix: "a/b", Insecure: true}
}

func (s *server) bucket(t *testing.T, cfg s3.Config) *s3.Bucket {
	t.Helper()
	b, err := s3.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}
