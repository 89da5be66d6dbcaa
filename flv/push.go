package flv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

const (
	// continueWait is how long the body waits for "100 Continue": with it a refusal is
	// known before anything is sent, but not all servers say it.
	continueWait = time.Second
	// closeWait bounds the wait for the answer to a body that has ended.
	closeWait = 5 * time.Second
)

// Push posts a stream as FLV, in chunks, to an http or https URL. ctx bounds the time
// until the server takes the body, or seems to. The result's Close ends the stream and
// gives what the server had against it. cfg may be nil.
func Push(ctx context.Context, to string, cfg *ClientConfig) (protocol.SinkCloser, error) {
	s, err := push(ctx, to, cfg)
	if err != nil {
		return nil, fmt.Errorf("flv: pushing: %w", plain(err))
	}
	return s, nil
}

func push(ctx context.Context, to string, cfg *ClientConfig) (*sink, error) {
	if ctx.Err() != nil { // or it would race with the answer
		return nil, context.Cause(ctx)
	}
	c := newClient(cfg, true)
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	pr, pw := io.Pipe()
	taken := make(chan struct{})
	r, cancel, err := c.request(http.MethodPost, to, &startReader{PipeReader: pr, started: taken})
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Expect", "100-continue")
	s := &sink{w: NewWriter(pw, nil), pipe: pw, cancel: cancel, done: make(chan struct{})}
	go s.exchange(c, r, pr)
	ctx, stop := context.WithTimeoutCause(ctx, c.cfg.HeaderTimeout, errHeader)
	defer stop()
	select {
	case <-taken:
		return s, nil
	case <-s.done:
		if err = s.err; err == nil {
			err = errors.New("the server answered before the stream")
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
		cancel(err)
		<-s.done
	}
	return nil, err
}

// startReader tells when it is first read.
type startReader struct {
	*io.PipeReader
	once    sync.Once
	started chan struct{}
}

func (r *startReader) Read(b []byte) (int, error) {
	r.once.Do(func() { close(r.started) })
	return r.PipeReader.Read(b)
}

// sink is a stream that is pushed.
type sink struct {
	w      *Writer
	pipe   *io.PipeWriter
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error // of the exchange; read after done
}

// exchange sends the request, body and all, and takes the answer.
func (s *sink) exchange(c *client, r *http.Request, body *io.PipeReader) {
	defer close(s.done)
	resp, err := c.http.Do(r)
	if err == nil {
		_ = resp.Body.Close()
		err = checkStatus(resp)
	}
	s.err = plain(err)
	_ = body.CloseWithError(cmp.Or(s.err, stream.ErrClosed)) // who writes learns of it
	s.cancel(nil)
}

// WritePacket sends a packet.
func (s *sink) WritePacket(p *stream.Packet) error { return s.w.WritePacket(p) }

// Close ends the body and waits for the answer.
func (s *sink) Close() error {
	_ = s.pipe.Close()
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
		s.cancel(stream.ErrClosed)
		<-s.done
		return nil // the stream is over; that nobody confirms it is no loss
	}
	if s.err != nil {
		return fmt.Errorf("flv: pushing: %w", s.err)
	}
	return nil
}
