package dvr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// entryCodecs are the sample entries that are read, each with the box that configures its codec.
var entryCodecs = map[string]struct {
	codec  stream.Codec
	config string
}{
	"avc1": {stream.H264, "avcC"}, "avc3": {stream.H264, "avcC"}, "hvc1": {stream.HEVC, "hvcC"}, "hev1": {stream.HEVC, "hvcC"},
	"av01": {stream.AV1, "av1C"}, "vp09": {stream.VP9, "vpcC"}, "mp4a": {stream.AAC, "esds"}, "Opus": {stream.Opus, "dOps"},
	"fLaC": {stream.FLAC, "dfLa"}, "ac-3": {stream.AC3, ""}, "ec-3": {stream.EAC3, ""}, ".mp3": {stream.MP3, ""},
}

// Where the boxes of a sample entry begin, of pictures and of sound (ISO 14496-12 12.1.3, 12.2.3).
const videoEntry, soundEntry = 78, 28

var errEntry = errors.New("dvr: mp4: a sample entry is not whole")

// parseEntry reads what a sample description (stsd, 8.5.2) says of the track with an id. The config of AC-3
// and E-AC-3, which streams have none of, is left out.
func parseEntry(stsd []byte, id int, video bool) (t stream.Track, err error) {
	t.ID = id
	if len(stsd) < 16 {
		return t, errEntry
	}
	n, name := binary.BigEndian.Uint32(stsd[8:]), string(stsd[12:16])
	known, ok := entryCodecs[name]
	if !ok {
		return t, fmt.Errorf("dvr: mp4: %w: sample entry %q", stream.ErrUnsupported, name)
	}
	t.Codec = known.codec
	head := soundEntry
	if video {
		head = videoEntry
	}
	if n < 8 || uint64(n) > uint64(len(stsd)-8) || int(n)-8 < head {
		return t, errEntry
	}
	entry := stsd[16 : 8+n]
	if video {
		t.Width, t.Height = int(binary.BigEndian.Uint16(entry[24:])), int(binary.BigEndian.Uint16(entry[26:]))
	} else {
		t.Channels, t.SampleRate = int(binary.BigEndian.Uint16(entry[16:])), int(binary.BigEndian.Uint16(entry[24:]))
	}
	if (t.Kind() == stream.KindVideo) != video {
		return t, fmt.Errorf("dvr: mp4: %v in a track of another kind", t.Codec)
	}
	if known.config != "" {
		if err := readConfig(&t, child(entry[head:], known.config)); err != nil {
			return t, err
		}
	}
	if err := codec.FillTrack(&t); err != nil {
		return t, fmt.Errorf("dvr: mp4: %v: %w", t.Codec, err)
	}
	return t, nil
}

// readConfig takes the content of a codec's box as a stream has it.
func readConfig(t *stream.Track, b []byte) error {
	switch t.Codec {
	case stream.AAC:
		kind, config := decoderConfig(b)
		if kind == 0x69 || kind == 0x6b { // MPEG-2 and MPEG-1 audio (ISO 14496-1 7.2.6.6)
			t.Codec = stream.MP3
			return nil
		}
		b = config
	case stream.Opus:
		if len(b) < 11 || b[10] != 0 && len(b) < 13+int(b[1]) {
			return errEntry
		}
		b = opusHead(b)
	case stream.FLAC: // behind version and the header of the first block, STREAMINFO
		if len(b) < 8+34 {
			return errEntry
		}
		b = b[8 : 8+34]
	}
	if len(b) == 0 {
		return fmt.Errorf("%w: %v has no configuration", errEntry, t.Codec)
	}
	t.Config = bytes.Clone(b)
	return nil
}

// opusHead makes of a dOps box (Opus in ISOBMFF 4.3.2) the OpusHead of RFC 7845 5.1.
func opusHead(b []byte) []byte {
	h := append([]byte("OpusHead\x01"), b[1])
	h = binary.LittleEndian.AppendUint16(h, binary.BigEndian.Uint16(b[2:]))
	h = binary.LittleEndian.AppendUint32(h, binary.BigEndian.Uint32(b[4:]))
	h = append(h, b[9], b[8], b[10])
	if b[10] != 0 {
		h = append(h, b[11:13+int(b[1])]...)
	}
	return h
}

// decoderConfig gives the object type and the specific info of an esds box (ISO 14496-1 7.2.6).
func decoderConfig(b []byte) (kind byte, info []byte) {
	if len(b) < 4 {
		return 0, nil
	}
	es := descriptor(b[4:], 3)
	if len(es) < 3 || es[2] != 0 { // no flag announces more fields
		return 0, nil
	}
	d := descriptor(es[3:], 4)
	if len(d) < 13 {
		return 0, nil
	}
	return d[0], descriptor(d[13:], 5)
}

// descriptor gives the content of the first descriptor (7.2.2.2), if that has a tag.
func descriptor(b []byte, tag byte) []byte {
	if len(b) < 2 || b[0] != tag {
		return nil
	}
	n := 0
	for i := 1; i < min(len(b), 5); i++ {
		if n = n<<7 | int(b[i]&0x7f); b[i] < 0x80 {
			return b[i+1:][:min(n, len(b)-i-1)]
		}
	}
	return nil
}
