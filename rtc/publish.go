package rtc

import (
	"context"
	"time"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/ingest"
)

// publishing is what one who publishes has besides.
type publishing struct{ receiver *ingest.Receiver }

// open takes what was agreed upon.
func (p *publishing) open(s *session, list []desc.Media) {
	p.receiver = ingest.New(ingest.Config{
		Media: list, Sink: s.pub, WriteRTCP: s.WriteRTCP, Logger: s.m.host.Logger.With("id", s.session().ID, "stream", s.key),
		PLI: s.vhost.KeyFrames, NACK: !s.vhost.NoNACK, TWCC: !s.vhost.NoTWCC,
	})
	s.pub.OnKeyFrameRequest(p.receiver.RequestKeyFrame)
}

// close ends receiving, if it has begun.
func (p *publishing) close() {
	if p.receiver != nil {
		p.receiver.Close()
	}
}

// tickEvery is how often publishers are told what they have to be told.
const tickEvery = 25 * time.Millisecond

// tick looks after the timers of all who publish.
func (m *Module) tick(ctx context.Context) error {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	var list []*session
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			list = m.publishers(list[:0])
			for _, s := range list {
				s.take.receiver.Tick(now)
			}
			clear(list)
		}
	}
}

// publishers appends the sessions that publish.
func (m *Module) publishers(list []*session) []*session {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.publish {
			list = append(list, s)
		}
	}
	return list
}
