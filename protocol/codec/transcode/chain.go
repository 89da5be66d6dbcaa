package transcode

import (
	"fmt"
	"slices"
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	maxFill  = time.Second            // longer holes begin anew
	maxSkew  = 100 * time.Millisecond // more is a hole, or time going back, and not jitter
	minHole  = 2 * time.Millisecond   // less is how the publisher rounds
	smooth   = 64                     // packets over which skew is averaged
	maxWait  = 256                    // packets that an encoder may owe
	maxDrain = 8                      // packets of silence that bring the last sound out
)

// chain turns the payloads of a track into those of another coding.
type chain struct {
	dec      Decoder
	enc      Encoder
	channels int
	give     func(payload []byte, pts time.Duration, flags stream.Flags) error

	rate   int        // of what is decoded; 0 before the first sample
	re     *resampler // nil where rate is Rate
	mixed  []float32  // what was decoded, in the number of channels wanted
	pcm    []float32  // at Rate, what is not yet encoded
	quiet  []float32
	broken bool // what came last could not be decoded

	// Time is counted from start, which is that of the first sample: in of rate, out of Rate.
	start   time.Duration
	in, out int64
	trim    int64   // samples of Rate to leave out, so that no packet begins before time does
	skew    float64 // of the publisher's time against the count, averaged, in seconds

	due     []owed // packets that the encoder owes
	jumped  bool   // the next of them does not continue what was before
	last    time.Duration
	any     bool // a packet was given, the newest for last
	giveErr error
	take    func([]byte) // is taken, once
}

type owed struct {
	pts   time.Duration
	flags stream.Flags
}

func newChain(dec Decoder, enc Encoder, channels int, give func([]byte, time.Duration, stream.Flags) error) *chain {
	c := &chain{dec: dec, enc: enc, channels: channels, give: give}
	c.take = c.taken
	return c
}

func (c *chain) close() {
	c.dec.Close()
	c.enc.Close()
}

// write converts a packet. Damage is told by bad, and gives a hole; err is fatal.
func (c *chain) write(payload []byte, pts time.Duration, hole bool) (bad, err error) {
	p, bad := c.dec.Decode(payload, pts)
	if bad != nil {
		c.broken = true
		return bad, nil
	}
	if len(p.Samples) == 0 {
		return nil, nil
	}
	if p.Channels != 1 && p.Channels != 2 {
		return fmt.Errorf("transcode: %d channels decoded", p.Channels), nil
	}
	if p.Rate != c.rate {
		if err := c.drain(); err != nil {
			return nil, err
		}
		if bad := c.setRate(p.Rate); bad != nil {
			return bad, nil
		}
		c.start = p.PTS
		c.trim = max(0, stream.Ticks(-p.PTS, Rate)+int64(c.enc.Delay()))
		c.out = c.trim
	}
	if err := c.keepTime(p.PTS, hole || c.broken); err != nil {
		return nil, err
	}
	c.broken = false
	c.in += int64(len(p.Samples) / p.Channels)
	return nil, c.push(c.mix(p))
}

func (c *chain) setRate(rate int) error {
	c.rate, c.re = 0, nil
	if rate != Rate {
		re, err := newResampler(rate, Rate, c.channels)
		if err != nil {
			return err
		}
		c.re = re
	}
	c.rate = rate
	return nil
}

// keepTime holds the count of samples against the time that a packet has.
func (c *chain) keepTime(pts time.Duration, hole bool) error {
	off := pts - (c.start + stream.FromTicks(c.in, c.rate))
	if hole {
		hole = off > minHole || off < -minHole
	}
	switch {
	case off >= maxFill || off < -maxSkew || hole && off < 0:
		if err := c.drain(); err != nil {
			return err
		}
		c.start, c.jumped = pts, true
	case off > maxSkew || hole:
		n := stream.Ticks(off, c.rate)
		c.in += n
		return c.push(c.silence(int(n)))
	default:
		c.skew += (off.Seconds() - c.skew) / smooth
		if limit := float64(c.enc.FrameSize()) / Rate / 2; c.skew > limit || c.skew < -limit {
			c.start += time.Duration(c.skew * float64(time.Second))
			c.skew = 0
		}
	}
	return nil
}

// silence gives n samples for push.
func (c *chain) silence(n int) []float32 {
	n *= c.channels
	if cap(c.quiet) < n {
		c.quiet = make([]float32, n)
	}
	return c.quiet[:n]
}

// mix gives samples in the number of channels wanted, none of them out of range or not a number.
func (c *chain) mix(p PCM) []float32 {
	c.mixed = c.mixed[:0]
	switch {
	case p.Channels == c.channels:
		for _, v := range p.Samples {
			c.mixed = append(c.mixed, clip(v))
		}
	case c.channels == 1:
		for i := 0; i+1 < len(p.Samples); i += 2 {
			c.mixed = append(c.mixed, clip((p.Samples[i]+p.Samples[i+1])/2))
		}
	default:
		for _, v := range p.Samples {
			v = clip(v)
			c.mixed = append(c.mixed, v, v)
		}
	}
	return c.mixed
}

func clip(v float32) float32 {
	switch {
	case v > 1:
		return 1
	case v < -1:
		return -1
	case v != v:
		return 0
	}
	return v
}

// push takes samples of rate, and encodes the packets that are full.
func (c *chain) push(samples []float32) error {
	old := len(c.pcm)
	if c.re != nil {
		c.pcm = c.re.push(c.pcm, samples)
	} else {
		c.pcm = append(c.pcm, samples...)
	}
	if c.trim > 0 {
		n := min(c.trim, int64(len(c.pcm)-old)/int64(c.channels))
		c.pcm = slices.Delete(c.pcm, old, old+int(n)*c.channels)
		c.trim -= n
	}
	size := c.enc.FrameSize() * c.channels
	done := 0
	for ; len(c.pcm)-done >= size; done += size {
		if err := c.encode(c.pcm[done : done+size]); err != nil {
			return err
		}
	}
	c.pcm = c.pcm[:copy(c.pcm, c.pcm[done:])]
	return nil
}

func (c *chain) encode(samples []float32) error {
	if len(c.due) == maxWait {
		return fmt.Errorf("transcode: the encoder is %d packets late", len(c.due))
	}
	o := owed{pts: c.start + stream.FromTicks(c.out-int64(c.enc.Delay()), Rate)}
	if c.jumped {
		o.flags, c.jumped = stream.Discontinuity, false
	}
	c.due = append(c.due, o)
	c.out += int64(c.enc.FrameSize())
	if err := c.enc.Encode(samples, c.take); err != nil {
		return fmt.Errorf("transcode: encoding: %w", err)
	}
	return c.giveErr
}

// taken gives a packet on, unless its time has been: before time began, or after time went back.
func (c *chain) taken(payload []byte) {
	if len(c.due) == 0 || c.giveErr != nil {
		return
	}
	o := c.due[0]
	c.due = c.due[:copy(c.due, c.due[1:])]
	if o.pts < 0 || c.any && o.pts <= c.last {
		c.jumped = c.jumped || o.flags != 0
		return
	}
	c.any, c.last = true, o.pts
	c.giveErr = c.give(payload, o.pts, o.flags)
}

// next is the time of the packet that the encoder gives next.
func (c *chain) next() time.Duration {
	if len(c.due) > 0 {
		return c.due[0].pts
	}
	return c.start + stream.FromTicks(c.out-int64(c.enc.Delay()), Rate)
}

// drain encodes all that has come, with silence behind it, and begins anew.
func (c *chain) drain() error {
	if c.rate != 0 && c.in > 0 {
		if c.re != nil {
			if err := c.push(c.silence(c.re.reach())); err != nil {
				return err
			}
			c.re.reset()
		}
		end := c.start + stream.FromTicks(c.out+int64(len(c.pcm)/c.channels), Rate)
		for n := 0; n < maxDrain && c.next() < end; n++ {
			c.pcm = append(c.pcm, c.silence(c.enc.FrameSize()-len(c.pcm)/c.channels)...)
			if err := c.encode(c.pcm); err != nil {
				return err
			}
			c.pcm = c.pcm[:0]
		}
	}
	c.in, c.out, c.trim, c.skew, c.broken = 0, 0, 0, 0, false
	return nil
}
