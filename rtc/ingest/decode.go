package ingest

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// decodeTime tells when to decode pictures that are not shown in the order they come: RTP has the time of
// showing alone.
type decodeTime struct {
	config []byte
	sets   [][]byte // what extract is given before the slice
	avc    *h264.DTSExtractor
	hevc   *h265.DTSExtractor
}

// configure takes the track's parameter sets.
func (d *decodeTime) configure(t *stream.Track) {
	if t.Codec != stream.H264 && t.Codec != stream.HEVC || len(t.Config) == 0 || string(d.config) == string(t.Config) {
		return
	}
	*d = decodeTime{config: t.Config}
	if t.Codec == stream.H264 {
		c, err := codec.ParseAVC(t.Config)
		var sps h264.SPS
		if err != nil || len(c.SPS) == 0 || sps.Unmarshal(c.SPS[0]) != nil {
			return
		}
		r := sps.VUI != nil && sps.VUI.BitstreamRestriction != nil && sps.VUI.BitstreamRestriction.MaxNumReorderFrames == 0
		const baseline = 66
		if sps.ProfileIdc == baseline || sps.PicOrderCntType != 0 || r {
			return
		}
		d.sets, d.avc = c.SPS[:1:1], new(h264.DTSExtractor)
		d.avc.Initialize()
		return
	}
	c, err := codec.ParseHEVC(t.Config)
	var sps h265.SPS
	if err != nil || len(c.SPS) == 0 || len(c.PPS) == 0 || sps.Unmarshal(c.SPS[0]) != nil {
		return
	}
	for _, n := range sps.MaxNumReorderPics {
		if n > 0 {
			d.sets, d.hevc = [][]byte{c.SPS[0], c.PPS[0]}, new(h265.DTSExtractor)
			d.hevc.Initialize()
			return
		}
	}
}

// of gives when to decode an access unit that is shown at pts: the same time where nothing else is known.
func (d *decodeTime) of(payload []byte, pts time.Duration) time.Duration {
	if d.avc == nil && d.hevc == nil {
		return pts
	}
	units := append(make([][]byte, 0, 8), d.sets...)
	for len(payload) > 4 {
		n := int(binary.BigEndian.Uint32(payload))
		if payload = payload[4:]; n > len(payload) {
			break
		}
		if n > 2 {
			units = append(units, payload[:n:n])
		}
		payload = payload[n:]
	}
	const hz = 90000
	var dts int64
	var err error
	if d.avc != nil {
		dts, err = d.avc.Extract(units, stream.Ticks(pts, hz))
	} else {
		dts, err = d.hevc.Extract(units, stream.Ticks(pts, hz))
	}
	if err != nil {
		return pts
	}
	return min(stream.FromTicks(dts, hz), pts)
}

// spropConfig makes a configuration of the parameter sets that the description has (RFC 6184 8.1, RFC 7798
// 7.1); nil where it has none.
func spropConfig(c *desc.Codec) (config []byte) {
	sets := map[string][][]byte{}
	for p := range strings.SplitSeq(c.Params, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		for s := range strings.SplitSeq(v, ",") {
			if b, err := base64.StdEncoding.DecodeString(s); err == nil && len(b) > 3 {
				sets[strings.ToLower(k)] = append(sets[strings.ToLower(k)], b)
			}
		}
	}
	if c.Codec == stream.HEVC {
		config, _ = codec.BuildHEVC(sets["sprop-vps"], sets["sprop-sps"], sets["sprop-pps"])
		return config
	}
	var sps, pps [][]byte
	for _, b := range sets["sprop-parameter-sets"] {
		switch b[0] & 31 {
		case avcSPS:
			sps = append(sps, b)
		case avcSPS + 1:
			pps = append(pps, b)
		}
	}
	config, _ = codec.BuildAVC(sps, pps)
	return config
}
