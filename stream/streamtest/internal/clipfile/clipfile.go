// Package clipfile reads and writes the sample clips of package streamtest.
//
// A clip is the magic "SRSCLIP1", a 4-byte length and that many bytes of JSON (a list
// of track sets, in the order they come into force), then records until the end of
// the file. Numbers are big-endian. A record is
//
//	set     uint8   index of the track set
//	track   int8    index of the track in the set, -1 for timed metadata
//	flags   uint8   as stream.Flags
//	dts     int64   nanoseconds
//	pts     int64   nanoseconds
//	length  uint32  of the payload, which follows
//
// It is no interchange format: what one version of the generator writes, only the
// package of the same version reads.
package clipfile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	magic     = "SRSCLIP1"
	recordLen = 1 + 1 + 1 + 8 + 8 + 4
)

var errShort = errors.New("clipfile: the file ends inside a record")

// The JSON has a shape of its own, so that renaming a field of package stream does
// not make the clips unreadable.
type fileTracks struct {
	List []fileTrack `json:"list"`
	Meta []fileField `json:"meta"`
}

type fileTrack struct {
	ID       int          `json:"id"`
	Codec    stream.Codec `json:"codec"`
	Config   []byte       `json:"config,omitempty"`
	Width    int          `json:"width,omitempty"`
	Height   int          `json:"height,omitempty"`
	Rate     int          `json:"rate,omitempty"`
	Channels int          `json:"channels,omitempty"`
}

type fileField struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Encode gives the file of a clip. The packets refer to as many track sets as the
// stream has; equal pointers are one set.
func Encode(packets []*stream.Packet) ([]byte, error) {
	index := map[*stream.Tracks]int{}
	var sets []fileTracks
	var body []byte
	for _, p := range packets {
		n, ok := index[p.Tracks]
		if !ok {
			n = len(sets)
			index[p.Tracks] = n
			sets = append(sets, toFile(p.Tracks))
		}
		if n > 255 || p.Track < -1 || p.Track > 127 {
			return nil, fmt.Errorf("clipfile: encoding: track set %d, track %d: out of range", n, p.Track)
		}
		body = append(body, byte(n), byte(int8(p.Track)), byte(p.Flags))
		body = binary.BigEndian.AppendUint64(body, uint64(p.DTS))
		body = binary.BigEndian.AppendUint64(body, uint64(p.PTS))
		body = binary.BigEndian.AppendUint32(body, uint32(len(p.Payload)))
		body = append(body, p.Payload...)
	}
	head, err := json.Marshal(sets)
	if err != nil {
		return nil, fmt.Errorf("clipfile: encoding: %w", err)
	}
	b := append([]byte(magic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(magic):], uint32(len(head)))
	return append(append(b, head...), body...), nil
}

// Parse gives the packets of a file. Their payloads are parts of b.
func Parse(b []byte) ([]*stream.Packet, error) {
	if len(b) < len(magic)+4 || string(b[:len(magic)]) != magic {
		return nil, errors.New("clipfile: not a clip")
	}
	n := binary.BigEndian.Uint32(b[len(magic):])
	b = b[len(magic)+4:]
	if uint64(n) > uint64(len(b)) {
		return nil, errors.New("clipfile: the file ends inside its header")
	}
	var head []fileTracks
	if err := json.Unmarshal(b[:n], &head); err != nil {
		return nil, fmt.Errorf("clipfile: header: %w", err)
	}
	sets := make([]*stream.Tracks, len(head))
	for i := range head {
		sets[i] = fromFile(&head[i])
	}
	var packets []*stream.Packet
	for b = b[n:]; len(b) > 0; {
		p, rest, err := parseRecord(b, sets)
		if err != nil {
			return nil, err
		}
		packets, b = append(packets, p), rest
	}
	return packets, nil
}

func parseRecord(b []byte, sets []*stream.Tracks) (*stream.Packet, []byte, error) {
	if len(b) < recordLen {
		return nil, nil, errShort
	}
	set, track := int(b[0]), int(int8(b[1]))
	if set >= len(sets) || track < stream.Data || track >= len(sets[set].List) {
		return nil, nil, fmt.Errorf("clipfile: no track %d in set %d", track, set)
	}
	p := &stream.Packet{
		Tracks: sets[set],
		Track:  track,
		Flags:  stream.Flags(b[2]),
		DTS:    time.Duration(binary.BigEndian.Uint64(b[3:])),
		PTS:    time.Duration(binary.BigEndian.Uint64(b[11:])),
	}
	if track == stream.Data {
		p.Codec = stream.AMF
	}
	n := binary.BigEndian.Uint32(b[19:])
	b = b[recordLen:]
	if uint64(n) > uint64(len(b)) {
		return nil, nil, errShort
	}
	// The capacity ends with the payload: whoever appends to it must not reach the
	// next record.
	p.Payload = b[:n:n]
	return p, b[n:], nil
}

func toFile(t *stream.Tracks) fileTracks {
	var f fileTracks
	for _, x := range t.List {
		f.List = append(f.List, fileTrack{
			ID: x.ID, Codec: x.Codec, Config: x.Config,
			Width: x.Width, Height: x.Height, Rate: x.SampleRate, Channels: x.Channels,
		})
	}
	for _, x := range t.Meta {
		f.Meta = append(f.Meta, fileField(x))
	}
	return f
}

func fromFile(f *fileTracks) *stream.Tracks {
	t := &stream.Tracks{}
	for _, x := range f.List {
		t.List = append(t.List, stream.Track{
			ID: x.ID, Codec: x.Codec, Config: x.Config,
			Width: x.Width, Height: x.Height, SampleRate: x.Rate, Channels: x.Channels,
		})
	}
	for _, x := range f.Meta {
		t.Meta = append(t.Meta, stream.Field(x))
	}
	return t
}
