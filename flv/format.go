package flv

import (
	"fmt"

	"github.com/srsgo/srs/stream"
)

// Format is a form in which a Module plays streams.
type Format struct {
	ContentType string
	// New gives the wire format for a viewer, by the settings of the vhost and the stream's tracks. An
	// error that wraps stream.ErrUnsupported is a stream that the form cannot carry.
	New func(x *Remux, t *stream.Tracks) (*stream.Format, error)
	// NeedsTracks has New wait for the tracks, and get them, also where Remux.NoGuess is set; else they
	// are nil then.
	NeedsTracks bool
	// Sound are the codecs of sound that players of the form know, for stream.Player.Accept; nil: all.
	Sound []stream.Codec
}

// Sound are the codecs of sound that all players of FLV know.
func Sound() []stream.Codec {
	return []stream.Codec{stream.AAC, stream.MP3, stream.G711A, stream.G711U}
}

// format gives the form for an extension, nil for none.
func (c *Config) format(ext string) *Format {
	if ext == extension {
		return &Format{ContentType: contentType, Sound: Sound(), New: func(x *Remux, t *stream.Tracks) (*stream.Format, error) {
			return newFormat(x, c.MetaData, t), nil
		}}
	}
	if f, ok := c.Formats[ext]; ok {
		return &f
	}
	return nil
}

// contents tells the wires of a stream apart: which kinds of tracks they have, and what
// is added to the metadata.
type contents struct {
	audio, video bool
	meta         string
}

// newFormat gives the format for a viewer. Viewers with the same contents share a wire,
// whatever their framing.
func newFormat(x *Remux, meta []stream.Field, t *stream.Tracks) *stream.Format {
	audio, video := x.Announces(t)
	announced := Encoder{HasAudio: audio, HasVideo: video, Extra: meta}
	if x.KeepUnannounced {
		all := Encoder{Extra: meta}
		return &stream.Format{
			Name: "flv", Key: contents{true, true, fmt.Sprint(meta)},
			New: func() stream.Encoder { return &keeper{all, announced} },
		}
	}
	return &stream.Format{
		Name: "flv", Key: contents{audio, video, fmt.Sprint(meta)},
		New: func() stream.Encoder { return &announced },
	}
}

// keeper writes all kinds of tracks behind a header that does not announce all.
type keeper struct {
	Encoder
	header Encoder
}

// AppendStart appends the header.
func (k *keeper) AppendStart(dst []byte) []byte { return k.header.AppendStart(dst) }
