package cmaf

import "github.com/srsgo/srs/stream"

// Sound are the codecs of sound that players of CMAF know, for stream.Stream.As.
func Sound() []stream.Codec {
	return []stream.Codec{stream.AAC, stream.Opus, stream.MP3, stream.FLAC, stream.AC3, stream.EAC3}
}

// Parts is a stream as parts, packaged once for all who read it with equal settings. A reader begins at
// a segment. Numbers go on over publications.
func Parts() *stream.Derived[Part, Config] {
	return &stream.Derived[Part, Config]{
		Name: "cmaf",
		New: func(cfg Config, give func(*Part, bool)) stream.Sink {
			next := cfg.FirstSegment
			return New(cfg, func(p *Part) {
				give(p, p.Segment >= next)
				next = max(next, p.Segment+1)
			})
		},
		Size: func(p *Part) int { return len(p.Data) },
	}
}
