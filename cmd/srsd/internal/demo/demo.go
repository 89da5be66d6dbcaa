// Package demo is srsd -demo: a built-in clip that is published for ever, a page that plays it, and a
// list of where it plays.
package demo

import (
	"bytes"
	"context"
	_ "embed" // the clip
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// clip is 8 s of H.264 and AAC that repeat without a seam; clip.sh makes it.
//
//go:embed clip.flv
var clip []byte

// length is that of clip: 200 frames at 25/s, 375 AAC frames at 48 kHz.
const length = 8 * time.Second

// The stream's name.
const (
	App  = "live"
	Name = "livestream"
)

// Config configures a Module.
type Config struct {
	Addresses Addresses
	Out       io.Writer // where the list of URLs goes
}

// Module publishes the clip and serves the page.
type Module struct {
	cfg Config
	end context.CancelFunc
	run sync.WaitGroup
}

// New makes a module.
func New(cfg Config) *Module { return &Module{cfg: cfg} }

// Info names the module.
func (m *Module) Info() protocol.Info { return protocol.Info{Name: "demo", Ingest: []string{"demo"}} }

// Start publishes, routes the page and tells where the stream plays.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	packets, err := read()
	if err != nil {
		return err
	}
	mux := h.HTTP("http")
	for path, file := range pages(m.cfg.Addresses) {
		mux.Handle(path, file)
	}
	ctx, end := context.WithCancel(h.Context())
	m.end = end
	m.run.Add(1)
	h.Go(func(context.Context) error {
		defer m.run.Done()
		m.publish(ctx, h, packets)
		return nil
	})
	_, err = io.WriteString(m.cfg.Out, m.cfg.Addresses.Text())
	return err
}

// Shutdown ends the publication.
func (m *Module) Shutdown(context.Context) error {
	m.end()
	m.run.Wait()
	return nil
}

// Reload changes nothing: a clip has no configuration.
func (m *Module) Reload(next protocol.Module) error {
	if _, ok := next.(*Module); !ok {
		return fmt.Errorf("demo: reload with a %T", next)
	}
	return nil
}

// read gives the clip's packets.
func read() (list []*stream.Packet, err error) {
	r := flv.NewReader(bytes.NewReader(clip))
	for {
		p, err := r.ReadPacket()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("demo: reading the clip: %w", err)
		}
		list = append(list, p)
	}
}

// retry is after how long a publication that ended, as another one has the name, is begun anew.
const retry = 3 * time.Second

func (m *Module) publish(ctx context.Context, h *protocol.Host, packets []*stream.Packet) {
	for ctx.Err() == nil {
		p, err := h.Hub.Publish(ctx, stream.Request{
			Key: stream.Key{Vhost: stream.DefaultVhost, App: App, Name: Name}, Protocol: "demo", Type: "demo-publish",
			Remote: "127.0.0.1:0", URL: "demo:" + App + "/" + Name,
		})
		if err == nil {
			err = play(ctx, p, packets)
			_ = p.Close(err)
		}
		if ctx.Err() != nil {
			return
		}
		h.Logger.Warn("the clip is not published for a while", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// play writes the packets in real time, round after round on one timeline, until ctx or the
// publication ends.
func play(ctx context.Context, p *stream.Publisher, packets []*stream.Packet) error {
	start, base := time.Now(), packets[0].DTS
	timer := time.NewTimer(0)
	defer timer.Stop()
	for round := time.Duration(0); ; round++ {
		shift := round*length - base
		for _, one := range packets {
			q := *one
			q.DTS += shift
			q.PTS += shift
			if wait := time.Until(start.Add(q.DTS)); wait > 0 {
				timer.Reset(wait)
				select {
				case <-ctx.Done():
					return nil
				case <-p.Context().Done():
					return p.Err()
				case <-timer.C:
				}
			}
			if err := p.WritePacket(&q); err != nil {
				return err
			}
		}
	}
}

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
	_ http.Handler      = page{}
)
