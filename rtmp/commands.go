package rtmp

import (
	"context"
	"fmt"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

// command dispatches a remote procedure call.
func (c *conn) command(ctx context.Context, cmd *command) error {
	if c.ses == nil && cmd.name != "connect" {
		return fmt.Errorf("rtmp: the first command is %.40q, not connect", cmd.name)
	}
	switch cmd.name {
	case "connect":
		return c.connect(ctx, cmd)
	case "createStream":
		if c.fmle == sawNothing {
			c.fmle = sawCreate
		}
		c.send(appendCommand(nil, csReply, 0, c.chunk, "_result", cmd.tid, nil, 1.0))
	case "releaseStream", "FCPublish":
		switch {
		case c.fmle == sawNothing:
			c.fmle = sawFMLE
		case c.fmle == sawCreate && cmd.name == "FCPublish":
			c.fmle = sawHaivision
		}
		c.result(cmd, 0)
	case "publish":
		return c.publish(ctx, cmd)
	case "play":
		return c.startPlay(ctx, cmd)
	case "pause", "pauseRaw":
		return c.pause(cmd)
	case "FCUnpublish":
		c.unpublish(cmd)
	case "closeStream", "deleteStream":
		return c.closeStream()
	case "FCSubscribe":
		c.send(appendCommand(nil, csStatus, 1, c.chunk, "onFCSubscribe", 0.0, nil, amf.Object{
			{Name: "code", Value: "NetStream.Play.Start"}, {Name: "description", Value: "Started playing stream."},
		}))
	case "getStreamLength":
		c.send(appendCommand(nil, csReply, 0, c.chunk, "_result", cmd.tid, nil, 0.0))
	case "_result", "_error", "onStatus", "seek", "receiveAudio", "receiveVideo", "_checkbw":
		// Answers to what was never asked, and what a live stream has no use for.
	default:
		if cmd.tid != 0 {
			c.result(cmd, 0)
		}
	}
	return nil
}

// result answers a call that has nothing to tell.
func (c *conn) result(cmd *command, stream uint32) {
	c.send(appendCommand(nil, csReply, stream, c.chunk, "_result", cmd.tid, nil, amf.Undefined{}))
}

// unpublish answers FCUnpublish; the connection may publish again.
func (c *conn) unpublish(cmd *command) {
	if c.pub == nil {
		c.result(cmd, 0)
		return
	}
	c.stopPublish(nil)
	c.linger, c.fmle = true, sawNothing
	b := appendCommand(nil, csStatus, 1, c.chunk, "onFCUnpublish", 0.0, nil, amf.Object{
		{Name: "code", Value: "NetStream.Unpublish.Success"}, {Name: "description", Value: "Stop publishing stream."},
	})
	c.send(b)
	c.result(cmd, 1)
	c.send(appendStatus(nil, 1, c.chunk, "status", "NetStream.Unpublish.Success", "Stream is now unpublished",
		amf.Field{Name: "clientid", Value: clientID}))
}

// closeStream ends what the connection does; it may begin something else.
func (c *conn) closeStream() error {
	if c.pub != nil {
		c.stopPublish(nil)
	}
	if c.play != nil {
		c.stopPlay(nil)
		if c.broken {
			return stream.ErrSlow // cut off inside a message: nothing can follow it
		}
		_ = c.net.SetDeadline(time.Time{}) // servePlayer and stopPlay moved it
	}
	c.linger, c.fmle = true, sawNothing
	return nil
}
