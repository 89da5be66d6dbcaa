package flv

import (
	"errors"
	"fmt"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

// maxMeta bounds metadata, which is kept and sent to each new player.
const maxMeta = 64 << 10

// script takes script data (E.4.4): a name and values in AMF0.
func (d *Decoder) script(dst []*stream.Packet, dts time.Duration, b []byte) ([]*stream.Packet, error) {
	name, rest, err := scriptName(b)
	if err != nil {
		return dst, err
	}
	switch name {
	case "@clearDataFrame":
		d.setMeta(nil)
		return dst, nil
	case "@setDataFrame":
		b = rest
		if name, rest, err = scriptName(b); err != nil {
			return dst, fmt.Errorf("@setDataFrame: %w", err)
		}
	}
	switch name {
	case "onMetaData":
		return dst, d.metadata(rest)
	case "|RtmpSampleAccess":
		return dst, nil // RTMP's own
	}
	return append(dst, &stream.Packet{
		Tracks: d.tracks, Track: stream.Data, Codec: stream.AMF, DTS: dts, PTS: dts, Payload: b,
	}), nil
}

// scriptName reads the string that script data begins with.
func scriptName(b []byte) (name string, rest []byte, err error) {
	if len(b) == 0 || b[0] != 2 {
		return "", nil, errors.New("does not begin with a name")
	}
	v, rest, err := amf.Decode(b)
	if err != nil {
		return "", nil, fmt.Errorf("name: %w", err)
	}
	name, _ = v.(string)
	return name, rest, nil
}

func (d *Decoder) metadata(b []byte) error {
	if len(b) > maxMeta {
		return fmt.Errorf("onMetaData: %d bytes, at most %d are allowed", len(b), maxMeta)
	}
	if len(b) == 0 {
		return nil
	}
	v, _, err := amf.Decode(b)
	if err != nil {
		return fmt.Errorf("onMetaData: %w", err)
	}
	var fields []amf.Field
	switch v := v.(type) {
	case amf.ECMAArray:
		fields = v
	case amf.Object:
		fields = v
	default:
		return nil // nothing to know
	}
	meta := make([]stream.Field, 0, len(fields))
	for _, f := range fields {
		// A live stream has no duration, and players believe one.
		if f.Name != "duration" {
			meta = append(meta, stream.Field{Name: f.Name, Value: f.Value})
		}
	}
	d.setMeta(meta)
	return nil
}

func (d *Decoder) setMeta(meta []stream.Field) {
	next := d.tracks.WithMeta(meta)
	if next.Diff(d.tracks) != 0 {
		d.tracks = next
	}
}
