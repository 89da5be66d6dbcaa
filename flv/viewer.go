package flv

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

var (
	errWait  = errors.New("flv: nobody published in time") // Config.MaxWait
	errPanic = errors.New("flv: a viewer panicked")
)

const (
	// lastWords bounds what is said after the last media.
	lastWords = time.Second
	// clientBytes bounds what an HTTP client may send after its request.
	clientBytes = 64 << 10
	// gatherSize is the longest TLS record: what is sent in one write to what is not TCP.
	gatherSize = 16 << 10
)

// framing is how FLV is cut into pieces.
type framing uint8

const (
	identity framing = iota
	chunked
	webSocket
)

// viewer is one player of a stream.
type viewer struct {
	m       *Module
	player  *stream.Player
	remux   Remux
	format  *Format
	wait    time.Duration
	framing framing
	head    []byte // what precedes the first media, until that is sent

	conn net.Conn // nil if the response belongs to net/http

	opened    bool // the first media is about to be sent, or was
	state     atomic.Uint32
	gone      atomic.Bool   // the client left
	closeCode atomic.Uint32 // WebSocket: what to say at the end
	watched   chan struct{} // WebSocket: closed when the client is no longer read
	early     []byte        // WebSocket: what came with the handshake

	mu sync.Mutex // begin, and a pong before
}

// The states of a viewer.
const (
	waiting = iota
	begun
	late
)

// own serves the viewer on a connection that is the module's from now on. The caller
// is a handler and returns, which frees the memory of net/http.
func (v *viewer) own(conn net.Conn) {
	v.conn = conn
	v.m.owns(v.player.Session(), conn)
	watch := v.watch
	if v.framing == webSocket {
		v.watched = make(chan struct{})
		watch = v.watchWebSocket
	}
	v.m.host.Go(func(context.Context) error { v.run(); return nil })
	v.m.host.Go(func(context.Context) error { watch(); return nil })
}

func (v *viewer) run() {
	reason, cause := v.outcome(errPanic)
	defer func() {
		v.endAs(reason, cause)
		if !v.player.Intact() {
			_ = protocol.DropUnsent(v.conn)
		}
		_ = v.conn.Close() // after that it looks as if the client had left
	}()
	err := v.serve(v.writer())
	reason, cause = v.outcome(err)
	v.finish(err)
}

// serve plays until the end; nil means that of the publication.
func (v *viewer) serve(w stream.Writer) error {
	if v.wait > 0 {
		defer time.AfterFunc(v.wait, v.giveUp).Stop()
	}
	v.player.Accept(v.format.Sound...)
	var tracks *stream.Tracks
	if !v.remux.NoGuess || v.format.NeedsTracks {
		var err error
		if tracks, err = v.player.Tracks(v.player.Context()); err != nil {
			return err
		}
	}
	f, err := v.format.New(&v.remux, tracks)
	if err != nil {
		return err
	}
	if v.conn != nil {
		f.Frame = v.frame
	}
	if v.framing == chunked {
		f.Trailer = "\r\n"
	}
	return v.player.Serve(w, f)
}

// writer gives what Serve writes to: the TCP connection itself where nothing is in
// between, for then all can go in one call.
func (v *viewer) writer() stream.Writer {
	if t := protocol.TCP(v.conn); t != nil && !isTLS(v.conn) {
		return t
	}
	return gatherer{v.conn, v.m}
}

// frame precedes each run of media on a connection: the first one with the head, so
// that nothing is sent before there is media.
func (v *viewer) frame(dst []byte, n int) []byte {
	if !v.opened {
		v.opened = true
		v.begin()
		dst = append(dst, v.head...)
		v.head = nil
	}
	switch v.framing {
	case chunked:
		return appendChunkSize(dst, n)
	case webSocket:
		return appendFrame(dst, ws.OpBinary, n)
	}
	return dst
}

// appendChunkSize appends the line before a chunk (RFC 9112 7.1).
func appendChunkSize(dst []byte, n int) []byte {
	return append(strconv.AppendUint(dst, uint64(n), 16), '\r', '\n')
}

const lastChunk = "0\r\n\r\n"

// begin marks a viewer whose first media is about to be sent.
func (v *viewer) begin() {
	v.mu.Lock() // the connection may be in use for a pong
	v.state.Store(begun)
	v.mu.Unlock()
	if v.conn != nil {
		// Failures only cost performance.
		_ = protocol.SetSendBuffer(v.conn, v.player.SendBuffer())
		if !v.player.NoDelay() {
			_ = protocol.SetNoDelay(v.conn, false)
		}
	}
}

func (v *viewer) began() bool { return v.state.Load() == begun }

// giveUp ends a viewer that still waits for its stream.
func (v *viewer) giveUp() {
	if v.state.CompareAndSwap(waiting, late) {
		_ = v.player.CloseCause(errWait)
	}
}

// left ends a viewer whose client has gone.
func (v *viewer) left() {
	v.gone.Store(true)
	_ = v.player.CloseCause(nil)
}

// watch notices that the client leaves, which writes alone do not tell while a stream
// is silent.
func (v *viewer) watch() {
	b := make([]byte, 16)
	for n := 0; n < clientBytes; {
		k, err := v.conn.Read(b)
		if err != nil {
			break
		}
		n += k
	}
	v.left()
}

// gatherer writes to a connection with TLS.
type gatherer struct {
	net.Conn
	m *Module
}

// WriteBuffers sends pieces in one TLS record.
func (g gatherer) WriteBuffers(b *net.Buffers) (int64, error) { return g.m.writeGathered(g.Conn, b) }

// writeGathered writes the beginning of b, as much as a TLS record holds. Copying that
// costs less than a record and a system call for each piece.
func (m *Module) writeGathered(w io.Writer, b *net.Buffers) (int64, error) {
	piece := (*b)[0]
	if len(piece) < gatherSize && len(*b) > 1 {
		room, _ := m.rooms.Get().(*[gatherSize]byte)
		if room == nil {
			room = new([gatherSize]byte)
		}
		defer m.rooms.Put(room)
		n := 0
		for _, x := range *b {
			n += copy(room[n:], x)
		}
		piece = room[:n]
	}
	n, err := w.Write(piece[:min(len(piece), gatherSize)])
	if err != nil {
		return 0, err // TLS cannot go on
	}
	consume(b, n)
	return int64(n), nil
}

// consume takes n bytes from the front.
func consume(b *net.Buffers, n int) {
	for len(*b) > 0 && n >= len((*b)[0]) {
		n -= len((*b)[0])
		*b = (*b)[1:]
	}
	if n > 0 {
		(*b)[0] = (*b)[0][n:]
	}
}

// whole tells whether a response that ended so is complete: the stream has ended, or the
// server does and all players are to come anew.
func whole(err error) bool { return err == nil || errors.Is(err, stream.ErrShutdown) }

// finish says the last words on a connection of the viewer's own. SRS closes without a
// last chunk; with it players know that this is the end and no failure.
func (v *viewer) finish(err error) {
	if !v.player.Intact() {
		return
	}
	_ = v.conn.SetWriteDeadline(time.Now().Add(lastWords))
	switch {
	case v.framing == webSocket:
		v.finishWebSocket(err)
	case v.gone.Load():
	case !v.began():
		code, text := refusal(cmp.Or(err, stream.ErrNotFound))
		_, _ = io.WriteString(v.conn, refusalHead(string(v.head), v.format.ContentType, code, text)+text)
	case whole(err) && v.framing == chunked:
		_, _ = io.WriteString(v.conn, lastChunk)
	}
}

// refusalHead makes the head of a refusal of that of a response: who has waited for
// hours keeps no second one.
func refusalHead(head, contentType string, code int, text string) string {
	return strings.NewReplacer(
		"200 OK\r\n", strconv.Itoa(code)+" "+http.StatusText(code)+"\r\n",
		"Content-Type: "+contentType+"\r\n", "Content-Type: text/plain; charset=utf-8\r\nContent-Length: "+strconv.Itoa(len(text))+"\r\n",
		"Transfer-Encoding: chunked\r\n", "",
	).Replace(head)
}

// outcome tells why a viewer ended: in a word for the log, and for the hub, where a
// client that leaves is no error.
func (v *viewer) outcome(err error) (reason string, cause error) {
	kicked := v.player.Session().Err()
	switch {
	case v.gone.Load():
		return "client left", nil
	case errors.Is(err, errWait):
		return err.Error(), err
	case kicked != nil:
		return kicked.Error(), err
	case lost(err):
		return "client left", nil
	case err == nil:
		return "stream ended", nil
	}
	return err.Error(), err
}

func (v *viewer) end(err error) { v.endAs(v.outcome(err)) }

// endAs closes the session and tells its totals.
func (v *viewer) endAs(reason string, cause error) {
	s := v.player.Session()
	_ = v.player.CloseCause(cause)
	n := s.Stats()
	v.m.host.Logger.Info("flv play ended", "id", s.ID, "stream", s.Request.Key, "bytes", n.Bytes, "dropped", n.Dropped,
		"lapped", n.Lapped, "time", time.Since(s.Start).Round(time.Millisecond), "reason", reason)
	v.m.leave(s)
}

// lost tells the errors of a connection whose peer has gone.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, os.ErrClosed)
}
