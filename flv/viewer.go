package flv

import (
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

// viewer is one player of a stream. It is what Player.Serve writes to.
type viewer struct {
	m       *Module
	player  *stream.Player
	remux   Remux
	wait    time.Duration
	framing framing
	head    []byte // still to send before the first media

	out  stream.Writer
	conn net.Conn     // nil if the response belongs to net/http
	tcp  *net.TCPConn // conn, where nothing is in between

	state     atomic.Uint32
	gone      atomic.Bool   // the client left
	closeCode atomic.Uint32 // WebSocket: what to say at the end
	watched   chan struct{} // WebSocket: closed when the client is no longer read
	early     []byte        // WebSocket: what came with the handshake

	mu       sync.Mutex
	deadline time.Time // as Serve wants it
	settled  bool      // interrupt has no say any more
}

// The states of a viewer. Only one of begun and late comes after waiting.
const (
	waiting = iota
	begun
	late
)

// own serves the viewer on a connection that is the module's from now on. The caller
// is a handler and returns, which frees the memory of net/http.
func (v *viewer) own(conn net.Conn) {
	v.conn, v.out = conn, conn
	if !isTLS(conn) {
		v.tcp = protocol.TCP(conn)
	}
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
	err := errPanic
	defer func() {
		_ = v.conn.Close()
		v.end(err)
	}()
	err = v.serve(connWriter{v})
	v.settle()
	v.finish(err)
}

// serve plays until the end; nil means that of the publication.
func (v *viewer) serve(w stream.Writer) error {
	defer context.AfterFunc(v.player.Context(), v.interrupt)()
	if v.wait > 0 {
		defer time.AfterFunc(v.wait, v.giveUp).Stop()
	}
	var tracks *stream.Tracks
	if !v.remux.NoGuess {
		var err error
		if tracks, err = v.player.Tracks(v.player.Context()); err != nil {
			return err
		}
	}
	return v.player.Serve(w, newFormat(&v.remux, tracks, v.framing))
}

// contents is which kinds of tracks a wire has.
type contents struct{ audio, video bool }

// newFormat gives the format for a viewer. Viewers with the same contents share a wire,
// whatever their framing.
func newFormat(x *Remux, t *stream.Tracks, how framing) *stream.Format {
	var has contents
	has.audio, has.video = x.announces(t)
	f := &stream.Format{Name: "flv", Key: has, New: func() stream.Encoder {
		return &Encoder{HasAudio: has.audio, HasVideo: has.video}
	}}
	if x.KeepUnannounced {
		f.Key = contents{true, true}
		f.New = func() stream.Encoder { return &keeper{Encoder{}, Encoder{HasAudio: has.audio, HasVideo: has.video}} }
	}
	switch how {
	case chunked:
		f.Frame, f.Trailer = appendChunkSize, "\r\n"
	case webSocket:
		f.Frame = appendMessage
	}
	return f
}

// keeper writes all kinds of tracks behind a header that does not announce all.
type keeper struct {
	Encoder
	header Encoder
}

// AppendStart appends the header.
func (k *keeper) AppendStart(dst []byte) []byte { return k.header.AppendStart(dst) }

// appendChunkSize appends the line before a chunk (RFC 9112 7.1).
func appendChunkSize(dst []byte, n int) []byte {
	return append(strconv.AppendUint(dst, uint64(n), 16), '\r', '\n')
}

const lastChunk = "0\r\n\r\n"

// begin is called before each write; the first one makes the viewer a begun one.
func (v *viewer) begin() error {
	if v.state.Load() == begun {
		return nil
	}
	v.mu.Lock() // the connection may be in use for a pong
	ok := v.state.CompareAndSwap(waiting, begun)
	v.mu.Unlock()
	if !ok {
		return errWait
	}
	if v.conn != nil {
		// Failures only cost performance.
		_ = protocol.SetSendBuffer(v.conn, v.player.SendBuffer())
		if !v.player.NoDelay() {
			_ = protocol.SetNoDelay(v.conn, false)
		}
	}
	return nil
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

// interrupt ends a write that is under way when the session ends. A response of HTTP/2
// cannot be written to after that, so it is left alone before its first write.
func (v *viewer) interrupt() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.settled && (v.conn != nil || v.began()) {
		_ = v.out.SetWriteDeadline(time.Unix(1, 0))
	}
}

// settle is called when serving is over: deadlines are the caller's again.
func (v *viewer) settle() {
	v.mu.Lock()
	v.settled = true
	v.mu.Unlock()
}

// Write is for writers that take one piece at a time.
func (v *viewer) Write(b []byte) (int, error) {
	if err := v.begin(); err != nil {
		return 0, err
	}
	return v.out.Write(b)
}

// SetWriteDeadline sets a deadline unless the session is over: it must not undo what
// interrupt has done.
func (v *viewer) SetWriteDeadline(t time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.deadline = t
	if err := v.out.SetWriteDeadline(t); err != nil {
		return err
	}
	return v.player.Context().Err()
}

// connWriter is a viewer with a connection of its own.
type connWriter struct{ *viewer }

// WriteBuffers sends pieces in one call: with writev over TCP, else in one TLS record.
func (c connWriter) WriteBuffers(b *net.Buffers) (int64, error) {
	v := c.viewer
	if err := v.begin(); err != nil {
		return 0, err
	}
	if v.head != nil {
		*b = append(net.Buffers{v.head}, *b...)
		v.head = nil
	}
	if v.tcp == nil {
		return v.m.writeGathered(v.conn, b)
	}
	if len(*b) == 1 {
		n, err := v.tcp.Write((*b)[0])
		consume(b, n)
		return int64(n), err
	}
	return b.WriteTo(v.tcp)
}

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

// finish says the last words on a connection of the viewer's own. SRS closes without a
// last chunk; with it players know that this is the end and no failure.
func (v *viewer) finish(err error) {
	_ = v.conn.SetWriteDeadline(time.Now().Add(lastWords))
	switch {
	case v.framing == webSocket:
		v.finishWebSocket(err)
	case v.gone.Load():
	case !v.began():
		code, text := refusal(cmpErr(err, stream.ErrNotFound))
		_, _ = io.WriteString(v.conn, refusalHead(string(v.head), code, text)+text)
	case err == nil && v.framing == chunked:
		_, _ = io.WriteString(v.conn, lastChunk)
	}
}

// refusalHead makes the head of a refusal of that of a response: who has waited for
// hours keeps no second one.
func refusalHead(head string, code int, text string) string {
	return strings.NewReplacer(
		"200 OK\r\n", strconv.Itoa(code)+" "+http.StatusText(code)+"\r\n",
		"Content-Type: "+contentType+"\r\n", "Content-Type: text/plain; charset=utf-8\r\nContent-Length: "+strconv.Itoa(len(text))+"\r\n",
		"Transfer-Encoding: chunked\r\n", "",
	).Replace(head)
}

// end closes the session and tells its totals.
func (v *viewer) end(err error) {
	s := v.player.Session()
	reason, cause := "", err
	switch {
	case s.Err() != nil && !v.gone.Load() && !errors.Is(err, errWait):
		reason = s.Err().Error() // who kicked it knows best
	case v.gone.Load(), lost(err):
		reason, cause = "client left", nil
	case err == nil:
		reason = "stream ended"
	default:
		reason = err.Error()
	}
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
