package rtmp

import (
	"fmt"
	"strings"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

// await reads commands until done says so. Media ends the wait too if that is asked for,
// and is kept.
func (c *clientConn) await(media bool, done func(*command) (bool, error)) error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		switch m.Type {
		case chunk.Command0, chunk.Command3:
			cmd, err := parseCommand(&m)
			if err != nil {
				return err
			}
			known, err := c.common(&cmd)
			if err != nil {
				return err
			}
			if known {
				continue
			}
			if ok, err := done(&cmd); ok || err != nil {
				return err
			}
		case chunk.Audio, chunk.Video, chunk.Data0, chunk.Data3, chunk.Aggregate:
			if media {
				c.ahead = &m
				return nil
			}
		}
	}
}

// common deals with what a server may say at any time, and tells whether cmd was that.
func (c *clientConn) common(cmd *command) (bool, error) {
	switch cmd.name {
	case "close":
		return true, fmt.Errorf("the server closed the session: %w", stream.ErrClosed)
	case "onStatus":
		s, info := statusOf(cmd)
		switch {
		case s.redirects(), strings.HasPrefix(s.Code, "NetConnection.Connect.") && s.Level == "error",
			s.Code == "NetConnection.Connect.Closed":
			return true, s
		case s.Code == askReconnect:
			c.askedToReconnect(info.String("tcUrl"))
			return true, nil
		}
	}
	return false, nil
}

// askedToReconnect keeps the latest request.
func (c *clientConn) askedToReconnect(tcURL string) {
	to, err := reconnectTarget(c.to, tcURL)
	if err != nil {
		c.cfg.Logger.Warn("rtmp reconnect request ignored", "url", c.to.public(), "err", err)
		return
	}
	select {
	case <-c.reconnect:
	default:
	}
	c.reconnect <- to.String() // the only sender
}

// connect sends the connect command (§7.2.1.1) and waits for the answer.
func (c *clientConn) connect() error {
	b := appendControl(nil, chunk.SetChunkSize, uint32(c.cfg.ChunkSize))
	args := []any{c.connectObject()}
	if len(c.cfg.ConnectArgs) > 0 {
		args = append(args, amf.Object(c.cfg.ConnectArgs))
	}
	b, tid := c.call(b, 0, "connect", args...)
	if err := c.write(b); err != nil {
		return err
	}
	return c.await(false, func(cmd *command) (bool, error) {
		if cmd.tid != tid {
			return false, nil
		}
		switch cmd.name {
		case "_error":
			s, _ := statusOf(cmd)
			return false, s
		case "_result":
			s, info := statusOf(cmd)
			if s.redirects() || s.Level == "error" || s.Code != "" && s.Code != connectSuccess {
				return false, s
			}
			// Servers put what Enhanced RTMP adds in either object.
			c.caps = int(clamp(info.Number("capsEx"))) | int(clamp(cmd.fields().Number("capsEx")))
			c.r.SetMaxMessage(0)
			return true, nil
		}
		return false, nil
	})
}

// clamp makes flags of a peer's number, whatever it is.
func clamp(f float64) uint16 {
	if f >= 0 && f < 1<<16 {
		return uint16(f)
	}
	return 0
}

// flashVer is what servers tell encoders from players by, some of them.
func (c *clientConn) flashVer() string {
	switch {
	case c.cfg.FlashVer != "":
		return c.cfg.FlashVer
	case c.publish:
		return "FMLE/3.0 (compatible; srsgo)"
	}
	return "LNX 9,0,124,2"
}

// connectObject is connect's command object: the fields of Adobe's specification with a
// Flash Player's values, then Enhanced RTMP version 2's ("Enhancing NetConnection connect
// Command"). The client passes frames on as they are, of any codec.
func (c *clientConn) connectObject() amf.Object {
	o := amf.Object{
		{Name: "app", Value: c.to.app},
		{Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: c.flashVer()},
		{Name: "tcUrl", Value: c.to.tcURL()},
		{Name: "fpad", Value: false},
		{Name: "capabilities", Value: 239.0},
		{Name: "audioCodecs", Value: 3575.0},
		{Name: "videoCodecs", Value: 252.0},
		{Name: "videoFunction", Value: 1.0},
		{Name: "objectEncoding", Value: 0.0},
	}
	if c.cfg.SwfURL != "" {
		o = append(o, amf.Field{Name: "swfUrl", Value: c.cfg.SwfURL})
	}
	if c.cfg.PageURL != "" {
		o = append(o, amf.Field{Name: "pageUrl", Value: c.cfg.PageURL})
	}
	const forward = 4.0 // FourCcInfoMask.CanForward
	all := amf.Object{{Name: "*", Value: forward}}
	return append(o,
		amf.Field{Name: "fourCcList", Value: clientFourCCs()},
		amf.Field{Name: "videoFourCcInfoMap", Value: all},
		amf.Field{Name: "audioFourCcInfoMap", Value: all},
		amf.Field{Name: "capsEx", Value: float64(capReconnect | capMultitrack | capModEx | capNano)})
}

// clientFourCCs names the codecs for servers that know the first version of Enhanced
// RTMP, which do not all know the wildcard.
func clientFourCCs() amf.StrictArray {
	var list amf.StrictArray
	for _, cc := range [...]stream.Codec{stream.AV1, stream.VP9, stream.VP8, stream.HEVC, stream.H264,
		stream.AC3, stream.EAC3, stream.Opus, stream.MP3, stream.FLAC, stream.AAC} {
		list = append(list, fourCC(cc))
	}
	return list
}

// createStream makes a message stream (§7.2.1.3). before are commands of the same write.
func (c *clientConn) createStream(before []byte) error {
	b, tid := c.call(before, 0, "createStream", nil)
	if err := c.write(b); err != nil {
		return err
	}
	return c.await(false, func(cmd *command) (bool, error) {
		if cmd.tid != tid {
			return false, nil // servers may refuse releaseStream and FCPublish as they like
		}
		switch cmd.name {
		case "_error":
			s, _ := statusOf(cmd)
			return false, fmt.Errorf("createStream: %w", s)
		case "_result":
			id := cmd.number(0, 0)
			if !(id >= 1 && id <= 1<<32-1) {
				return false, fmt.Errorf("createStream: the server gives %.40v for a stream", id)
			}
			c.stream = uint32(id)
			return true, nil
		}
		return false, nil
	})
}
