package rtmp

import (
	"errors"
	"syscall"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// refusal is what a peer is told.
type refusal struct{ code, text string }

// publishRefusal gives what a publisher is told of an error. Internal text stays inside.
func publishRefusal(err error) refusal {
	switch {
	case errors.Is(err, stream.ErrBusy):
		return refusal{"NetStream.Publish.BadName", "Stream is already published."}
	case errors.Is(err, stream.ErrTakenOver):
		return refusal{"NetStream.Publish.BadName", "Another publisher took the stream over."}
	case errors.Is(err, stream.ErrKicked):
		return refusal{"NetStream.Publish.Denied", "Disconnected by the operator."}
	case errors.Is(err, stream.ErrIdle):
		return refusal{"NetStream.Publish.Idle", "Idle for too long."}
	case errors.Is(err, stream.ErrShutdown):
		return refusal{"NetStream.Publish.Failed", "The server is shutting down."}
	case errors.Is(err, protocol.ErrStreamName):
		return refusal{"NetStream.Publish.BadName", "The stream has no name."}
	case errors.Is(err, protocol.ErrURL):
		return refusal{"NetStream.Publish.BadName", "The stream's name cannot be used."}
	}
	return refusal{"NetStream.Publish.Denied", publicText(err)}
}

// playRefusal gives what a player is told of an error.
func playRefusal(err error) refusal {
	switch {
	case errors.Is(err, stream.ErrNotFound):
		return refusal{"NetStream.Play.StreamNotFound", "No such stream."}
	case errors.Is(err, stream.ErrKicked):
		return refusal{"NetStream.Play.Stop", "Disconnected by the operator."}
	case errors.Is(err, stream.ErrShutdown):
		return refusal{"NetStream.Play.Stop", "The server is shutting down."}
	case errors.Is(err, errPlayed):
		return refusal{"NetStream.Play.Stop", "Stopped playing stream."}
	case errors.Is(err, protocol.ErrStreamName):
		return refusal{"NetStream.Play.StreamNotFound", "The stream has no name."}
	case errors.Is(err, protocol.ErrURL):
		return refusal{"NetStream.Play.StreamNotFound", "The stream's name cannot be used."}
	}
	return refusal{"NetStream.Play.Failed", publicText(err)}
}

// publicText gives what may be told of an error in words.
func publicText(err error) string {
	var denied *stream.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Public != "":
		return denied.Public
	case errors.Is(err, stream.ErrNotFound):
		return "No such vhost or stream."
	case errors.Is(err, stream.ErrShutdown):
		return "The server is shutting down."
	}
	return "Refused."
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// reason is what to log of a session's end: nothing for one that ended by itself.
func reason(err error) error {
	if errors.Is(err, stream.ErrClosed) {
		return nil
	}
	return err
}
