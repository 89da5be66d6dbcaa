package codec

import "slices"

// ADTS is the header of a track's ADTS frames (ISO 14496-3 1.A.2.2), with no length in it.
type ADTS [7]byte

// MaxADTS is the largest ADTS frame, header included.
const MaxADTS = 1<<13 - 1

// AACRate gives the sample rate in Hz for an index of ISO 14496-3 table 1.18; ok is false for one that
// has none.
func AACRate(index int) (hz int, ok bool) {
	if index < 0 || index >= len(aacRates) {
		return 0, false
	}
	return aacRates[index], true
}

// NewADTS makes the header for a track. ok is false for what it cannot tell: it can the first four
// object types, the usual rates and channel configurations.
func NewADTS(c AAC) (h ADTS, ok bool) {
	rate, channels := slices.Index(aacRates[:], c.SampleRate), c.Channels
	if channels == 8 {
		channels = 7
	} else if channels == 7 {
		return h, false // has a number beyond the field's
	}
	if c.ObjectType < 1 || c.ObjectType > 4 || rate < 0 || channels > 7 {
		return h, false
	}
	// MPEG-4, no CRC; one raw block; buffer fullness: variable rate.
	return ADTS{0xff, 0xf1, byte(c.ObjectType-1)<<6 | byte(rate)<<2 | byte(channels)>>2,
		byte(channels) << 6, 0, 0x1f, 0xfc}, true
}

// Append appends the header for an access unit of n bytes.
func (h ADTS) Append(dst []byte, n int) []byte {
	n += len(h)
	h[3] |= byte(n>>11) & 3
	h[4] = byte(n >> 3)
	h[5] |= byte(n << 5)
	return append(dst, h[:]...)
}
