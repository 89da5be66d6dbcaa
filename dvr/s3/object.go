package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/srsgo/srs/protocol/storage"
)

// object is an open file: the answer to a request, and after a Seek to another place that to another
// one. So who reads from the start to the end has one version, whole, whatever is put meanwhile.
type object struct {
	b    *Bucket
	ctx  context.Context
	info storage.Info
	etag string
	body io.ReadCloser // nil: a request is to be made
	at   int64
}

func (b *Bucket) open(ctx context.Context, name string) (*object, error) {
	body, info, _, err := b.core().GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.explain("open", name, err)
	}
	return &object{b: b, ctx: ctx, etag: info.ETag, body: body,
		info: storage.Info{Name: name, Size: info.Size, Modified: info.LastModified}}, nil
}

func (b *Bucket) core() minio.Core { return minio.Core{Client: b.client} }

// Info describes the file as it was when it was opened.
func (o *object) Info() storage.Info { return o.info }

// Read reads. After a Seek it is an error if the file was replaced since Open.
func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.info.Size {
		return 0, io.EOF
	}
	if o.body == nil {
		var from minio.GetObjectOptions
		from.Set("Range", fmt.Sprintf("bytes=%d-", o.at))
		if err := from.SetMatchETag(o.etag); err != nil {
			return 0, o.b.explain("read", o.info.Name, err)
		}
		body, _, _, err := o.b.core().GetObject(o.ctx, o.b.name, o.b.prefix+o.info.Name, from)
		if err != nil {
			return 0, o.b.explain("read", o.info.Name, err)
		}
		o.body = body
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	switch {
	case errors.Is(err, io.EOF) && o.at < o.info.Size:
		err = o.b.explain("read", o.info.Name, io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		err = o.b.explain("read", o.info.Name, err)
	}
	return n, err
}

// Seek says from where to read on.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.info.Size
	}
	if offset < 0 {
		return o.at, fmt.Errorf("s3: seek in %s: before its start", o.info.Name)
	}
	if offset != o.at {
		_ = o.Close()
		o.at, o.body = offset, nil
	}
	return o.at, nil
}

// Close ends the request.
func (o *object) Close() error {
	if o.body == nil {
		return nil
	}
	return o.body.Close()
}
