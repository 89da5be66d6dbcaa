package transcode

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
)

// Rate is the sample rate of all that is encoded, in Hz.
const Rate = 48000

// PCM is decoded sound.
type PCM struct {
	// Samples are interleaved, from -1 to 1.
	Samples []float32
	// Rate is in Hz; Channels is 1 or 2.
	Rate, Channels int
	// PTS is the time of the first sample.
	PTS time.Duration
}

// Decoder decodes one track. It is for one goroutine.
type Decoder interface {
	// Decode takes the payload of a packet, whose first sample is heard at pts, and gives what is
	// decoded by now: of that packet, or of earlier ones. The samples are the caller's until the
	// next call. An error concerns this packet: the next may be given.
	Decode(payload []byte, pts time.Duration) (PCM, error)
	// Close lets go of what the decoder has besides memory.
	Close()
}

// Encoder encodes one track at [Rate]. It is for one goroutine.
type Encoder interface {
	// Config gives the decoder configuration of what is encoded, as [stream.Track] has it.
	Config() []byte
	// FrameSize gives the number of samples per channel in a packet.
	FrameSize() int
	// Delay gives by how many samples the first sample of the first packet, as decoders give it,
	// precedes the first that was encoded.
	Delay() int
	// Encode takes FrameSize samples per channel, interleaved, and gives the payloads of the packets
	// that are ready, which are valid during give: in the end one for each call.
	Encode(samples []float32, give func(payload []byte)) error
	// Close lets go of what the encoder has besides memory.
	Close()
}

// Codec is a way to decode or encode. Functions that are nil do nothing.
type Codec struct {
	Name string
	// Decodes tells why it cannot decode a track, nil if it can: [stream.ErrUnsupported] itself for
	// codings that are none of its own, an error that wraps it for what it might be asked for.
	Decodes    func(stream.Track) error
	NewDecoder func(stream.Track) (Decoder, error)
	// Encodes tells likewise why it cannot encode.
	Encodes func(stream.Codec) error
	// NewEncoder makes an encoder for 1 or 2 channels; bitRate is in bits a second, of all channels.
	NewEncoder func(to stream.Codec, channels, bitRate int) (Encoder, error)
}

// Config sets up a Converter.
type Config struct {
	// Codecs are asked in order, after the ones that the package has: those in process belong first.
	Codecs []Codec
	// OpusBitRate and AACBitRate are in bits a second, of both channels (SRS opus_bitrate and
	// aac_bitrate); mono gets half. 0: 64000 each.
	OpusBitRate, AACBitRate int
	// Logger is told of sound that cannot be converted; nil is slog.Default.
	Logger *slog.Logger
}

// Converter converts sound with a set of codecs. It is a [stream.Converter].
type Converter struct {
	cfg    Config
	codecs []Codec

	mu  sync.Mutex
	why string // what was logged last
	at  time.Time
}

// New makes a Converter.
func New(cfg Config) *Converter {
	cfg.OpusBitRate = cmp.Or(cfg.OpusBitRate, 64000)
	cfg.AACBitRate = cmp.Or(cfg.AACBitRate, 64000)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Converter{cfg: cfg, codecs: append([]Codec{g711Codec()}, cfg.Codecs...)}
}

// Check tells why a track cannot be converted, nil if it can: errors wrap [stream.ErrUnsupported].
func (c *Converter) Check(from stream.Track, to stream.Codec) error {
	if err := c.can(func(x Codec) error { return x.decodes(from) }); err != nil {
		return fmt.Errorf("transcode: decoding %v: %w", from.Codec, err)
	}
	if err := c.can(func(x Codec) error { return x.encodes(to) }); err != nil {
		return fmt.Errorf("transcode: encoding %v: %w", to, err)
	}
	return nil
}

func (x Codec) decodes(t stream.Track) error {
	if x.Decodes == nil {
		return stream.ErrUnsupported
	}
	return x.Decodes(t)
}

func (x Codec) encodes(to stream.Codec) error {
	if x.Encodes == nil {
		return stream.ErrUnsupported
	}
	return x.Encodes(to)
}

// can gives nil if a codec can, else what those said that know the coding.
func (c *Converter) can(ask func(Codec) error) error {
	var all []error
	for _, x := range c.codecs {
		err := ask(x)
		if err == nil {
			return nil
		}
		if err != stream.ErrUnsupported {
			all = append(all, fmt.Errorf("%s: %w", x.Name, err))
		}
	}
	if all == nil {
		return stream.ErrUnsupported
	}
	return errors.Join(all...)
}

// To implements [stream.Converter]: it gives the first codec in accept that the track can become.
func (c *Converter) To(from stream.Track, accept []stream.Codec) (stream.Codec, bool) {
	var why error
	for _, to := range accept {
		err := c.Check(from, to)
		if err == nil {
			return to, true
		}
		why = cmp.Or(why, err)
	}
	c.complain(why)
	return 0, false
}

const (
	sameTrouble = 30 * time.Second // between two lines of one text
	anyTrouble  = time.Second
)

// complain logs why there is no sound, now and then.
func (c *Converter) complain(why error) {
	if why == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	since, text := time.Since(c.at), why.Error()
	if !c.at.IsZero() && (since < anyTrouble || text == c.why && since < sameTrouble) {
		return
	}
	c.at, c.why = time.Now(), text
	c.cfg.Logger.Warn("sound cannot be converted", "err", why)
}

// newDecoder makes a decoder with the first codec that can.
func (c *Converter) newDecoder(t stream.Track) (Decoder, error) {
	why := stream.ErrUnsupported
	for _, x := range c.codecs {
		if x.decodes(t) != nil {
			continue
		}
		d, err := x.NewDecoder(t)
		if err == nil {
			return d, nil
		}
		why = fmt.Errorf("%s: %w", x.Name, err)
	}
	return nil, fmt.Errorf("transcode: decoding %v: %w", t.Codec, why)
}

// newEncoder makes an encoder with the first codec that can.
func (c *Converter) newEncoder(to stream.Codec, channels int) (Encoder, error) {
	why, rate := stream.ErrUnsupported, c.cfg.AACBitRate
	if to == stream.Opus {
		rate = c.cfg.OpusBitRate
	}
	if channels == 1 {
		rate /= 2
	}
	for _, x := range c.codecs {
		if x.encodes(to) != nil {
			continue
		}
		e, err := x.NewEncoder(to, channels, rate)
		if err == nil {
			return e, nil
		}
		why = fmt.Errorf("%s: %w", x.Name, err)
	}
	return nil, fmt.Errorf("transcode: encoding %v: %w", to, why)
}
