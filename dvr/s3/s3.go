// Package s3 keeps the files of a server in a bucket of Amazon S3, or of a server that speaks its
// protocol: a [storage.Storage] for recordings, segments and playlists. It sends once and gives an
// error; put a [storage.Spool] before it that keeps and repeats.
package s3

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/srsgo/srs/protocol/storage"
)

// Config says where a bucket is, and who writes to it.
type Config struct {
	// Endpoint is the server, as host or host:port; empty: s3.amazonaws.com.
	Endpoint string
	// Region is that of the bucket; empty: the server is asked.
	Region string
	// Bucket must exist.
	Bucket string
	// AccessKey and SecretKey are who writes; both empty: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
	// of the environment.
	AccessKey, SecretKey string
	// Prefix is put before each name, with a slash between.
	Prefix string
	// Insecure talks plain HTTP.
	Insecure bool
	// PathStyle names the bucket in the path, not in the host. Without it that is for the endpoint: in
	// the host at Amazon, else in the path.
	PathStyle bool
	// CACert is a file of PEM certificates that are trusted instead of the system's.
	CACert string
}

// String describes the bucket, without the keys.
func (c Config) String() string {
	return fmt.Sprintf("s3://%s/%s at %s", c.Bucket, c.Prefix, cmp.Or(c.Endpoint, amazon))
}

// GoString is String: %#v shows no keys either.
func (c Config) GoString() string { return c.String() }

// LogValue is String: a log shows no keys either.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

const (
	amazon = "s3.amazonaws.com"
	// partSize is the memory that a file takes on its way. 10,000 parts are the most: 156 GiB where
	// the size is not known.
	partSize = 16 << 20
	maxParts = 10_000
)

// Bucket is a Storage. It is safe for use by several goroutines.
type Bucket struct {
	client       *minio.Client
	transport    *http.Transport
	name, prefix string
}

// New makes a Bucket. It connects to nothing yet.
func New(cfg Config) (*Bucket, error) {
	endpoint := cmp.Or(cfg.Endpoint, amazon)
	if u, err := url.Parse("//" + endpoint); err != nil || u.Host != endpoint { // not shown: people write keys into URLs
		return nil, errors.New("s3: the endpoint is not host or host:port")
	}
	if (cfg.AccessKey == "") != (cfg.SecretKey == "") {
		return nil, errors.New("s3: one of access key and secret key is missing")
	}
	if err := s3utils.CheckValidBucketName(cfg.Bucket); err != nil {
		return nil, fmt.Errorf("s3: bucket %q: %w", cfg.Bucket, err)
	}
	prefix := strings.Trim(cfg.Prefix, "/")
	if prefix != "" {
		if err := storage.CheckName(prefix); err != nil {
			return nil, fmt.Errorf("s3: prefix: %w", err)
		}
		prefix += "/"
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	who := credentials.NewEnvAWS()
	if cfg.AccessKey != "" {
		who = credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, "")
	}
	lookup := minio.BucketLookupAuto
	if cfg.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(endpoint, &minio.Options{
		Creds: who, Secure: !cfg.Insecure, Transport: transport, Region: cfg.Region, BucketLookup: lookup,
		MaxRetries: 1, // that is the spool's
	})
	if err != nil {
		return nil, fmt.Errorf("s3: %s: %w", cfg, err)
	}
	return &Bucket{client: client, transport: transport, name: cfg.Bucket, prefix: prefix}, nil
}

func newTransport(cfg Config) (*http.Transport, error) {
	t, err := minio.DefaultTransport(!cfg.Insecure)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	if cfg.CACert == "" || cfg.Insecure {
		return t, nil
	}
	pem, err := os.ReadFile(cfg.CACert)
	if err != nil {
		return nil, fmt.Errorf("s3: certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("s3: certificates: %s has none", cfg.CACert)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}

// Close lets go of idle connections.
func (b *Bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// Put sends a file: a small one in one piece, others in parts of 16 MiB, each of which is in memory
// while it is sent.
func (b *Bucket) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := storage.CheckName(name); err != nil {
		return fmt.Errorf("s3: put: %w", err)
	}
	if size >= 0 {
		x := &exact{r: r, left: size}
		if size == 0 { // of nothing nobody reads
			if _, err := x.Read(nil); err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("s3: put %s: %w", name, err)
			}
		}
		r = x
	}
	o := minio.PutObjectOptions{ContentType: contentType(name), CacheControl: cacheControl(name), NumThreads: 1}
	if size <= partSize*maxParts {
		o.PartSize = partSize
	}
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, r, size, o)
	return b.explain("put", name, err)
}

// Open reads a file: in one request from its start to its end, in others after Seek. The end of ctx ends
// them too.
func (b *Bucket) Open(ctx context.Context, name string) (storage.File, error) {
	if err := storage.CheckName(name); err != nil {
		return nil, fmt.Errorf("s3: open: %w", err)
	}
	o, err := b.open(ctx, name)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Remove deletes a file.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	if err := storage.CheckName(name); err != nil {
		return fmt.Errorf("s3: remove: %w", err)
	}
	err := b.explain("remove", name, b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List ranges over the files whose names begin with prefix. Objects of other programs whose keys are no
// names are passed over.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // what fetches ends with it, not with the loop
		defer cancel()
		for o := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
			if o.Err != nil {
				yield(storage.Info{}, b.explain("list", prefix, o.Err))
				return
			}
			name := strings.TrimPrefix(o.Key, b.prefix)
			if storage.CheckName(name) != nil {
				continue
			}
			if !yield(storage.Info{Name: name, Size: o.Size, Modified: o.LastModified}, nil) {
				return
			}
		}
	}
}

// explain gives what was done to which file, and the server's reasons as those of package fs where
// there is one.
func (b *Bucket) explain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var kind error
	switch minio.ToErrorResponse(err).Code {
	case "NoSuchKey":
		kind = fs.ErrNotExist
	case "AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId":
		kind = fs.ErrPermission
	case "KeyTooLongError", "EntityTooLarge", "XMinioInvalidObjectName":
		kind = fs.ErrInvalid
	default:
		return fmt.Errorf("s3: %s %s in bucket %s: %w", op, name, b.name, err)
	}
	return fmt.Errorf("s3: %s %s in bucket %s: %w: %w", op, name, b.name, kind, err)
}
