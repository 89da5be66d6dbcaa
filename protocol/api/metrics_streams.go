package api

import (
	"cmp"
	"slices"

	"github.com/srsgo/srs/stream"
)

// defaultMetricStreams is how many streams have metrics of their own.
const defaultMetricStreams = 1000

// streamFigures is one line of each of a stream's metrics.
type streamFigures struct {
	labels string
	stream.StreamStats
	live float64 // published now; of a sum, how many are
}

func (f *streamFigures) add(o *streamFigures) {
	f.live += o.live
	f.Viewers += o.Viewers
	f.Frames += o.Frames
	f.Packets += o.Packets
	f.Cached += o.Cached
	f.Traffic = f.Traffic.Add(o.Traffic)
}

// figures reads a stream once.
func figures(s *stream.Stream) streamFigures {
	f := streamFigures{StreamStats: s.Stats()}
	if s.Publisher() != nil {
		f.live = 1
	}
	return f
}

// streamMetrics are the metrics of streams. Those that have no sum are not written for the rest.
var streamMetrics = [...]struct {
	name, help, kind string
	single           bool
	value            func(*streamFigures) float64
}{
	{"srs_stream_live", "Whether the stream is published now.", "gauge", false, func(f *streamFigures) float64 { return f.live }},
	{"srs_stream_viewers", "Viewers of the stream.", "gauge", false, func(f *streamFigures) float64 { return float64(f.Viewers) }},
	{"srs_stream_receive_bytes_total", "Bytes received from publishers.", "counter", false, func(f *streamFigures) float64 { return float64(f.Received) }},
	{"srs_stream_send_bytes_total", "Bytes sent to viewers.", "counter", false, func(f *streamFigures) float64 { return float64(f.Sent) }},
	{"srs_stream_receive_bps", "Bits a second received, over 30 s.", "gauge", false, func(f *streamFigures) float64 { return f.Received30s }},
	{"srs_stream_send_bps", "Bits a second sent, over 30 s.", "gauge", false, func(f *streamFigures) float64 { return f.Sent30s }},
	{"srs_stream_frames_total", "Video frames received.", "counter", false, func(f *streamFigures) float64 { return float64(f.Frames) }},
	{"srs_stream_packets_total", "Packets received, of all tracks.", "counter", false, func(f *streamFigures) float64 { return float64(f.Packets) }},
	{"srs_stream_cached_bytes", "Bytes of media that are retained.", "gauge", false, func(f *streamFigures) float64 { return float64(f.Cached) }},
	{"srs_stream_key_frame_interval_seconds", "Time between the last two key frames.", "gauge", true, func(f *streamFigures) float64 { return f.KeyInterval.Seconds() }},
	{"srs_stream_av_offset_seconds", "By how much audio is ahead of video.", "gauge", true, func(f *streamFigures) float64 { return f.AVOffset.Seconds() }},
}

// exportStreams writes the metrics of each stream: bounded in number whatever is published.
func (m *Module) exportStreams(x *exposition) {
	limit := cmp.Or(m.cfg.Load().Metrics.MaxStreams, defaultMetricStreams)
	if limit < 0 {
		return
	}
	streams := slices.Collect(m.host.Hub.Streams())
	slices.SortFunc(streams, func(a, b *stream.Stream) int {
		p, q := a.Key(), b.Key()
		return cmp.Or(cmp.Compare(p.Vhost, q.Vhost), cmp.Compare(p.App, q.App), cmp.Compare(p.Name, q.Name))
	})
	shown := streams[:min(limit, len(streams))]
	list := make([]streamFigures, len(shown), len(shown)+1)
	for i, s := range shown {
		k := s.Key()
		list[i] = figures(s)
		list[i].labels = labels{{"vhost", k.Vhost}, {"app", k.App}, {"stream", k.Name}}.text()
	}
	if rest := streams[len(shown):]; len(rest) > 0 {
		sum := streamFigures{labels: labels{{"vhost", ""}, {"app", ""}, {"stream", ""}}.text()}
		for _, s := range rest {
			f := figures(s)
			sum.add(&f)
		}
		list = append(list, sum)
	}
	for _, metric := range streamMetrics {
		x.family(metric.name, metric.help, metric.kind)
		for i := range list {
			if i < len(shown) || !metric.single {
				x.sample(list[i].labels, metric.value(&list[i]))
			}
		}
	}
}
