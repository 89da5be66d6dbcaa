package flv

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/srsgo/srs/stream"
)

// playWebSocket answers a handshake (RFC 6455 4.2) and then plays in binary messages,
// which are cut anywhere. The handshake is answered at once: a browser would give up
// waiting for a stream that is not published yet.
func (m *Module) playWebSocket(w http.ResponseWriter, r *http.Request, d *demand) {
	if d.cfg.NoWebSocket {
		say(w, http.StatusNotFound, "Not Found")
		return
	}
	if code := checkHandshake(r); code != 0 {
		w.Header().Set("Sec-Websocket-Version", "13")
		say(w, code, http.StatusText(code))
		return
	}
	v := m.admit(w, r, d)
	if v == nil {
		return
	}
	up := ws.HTTPUpgrader{Timeout: handshakeTime, Header: w.Header()}
	conn, rw, _, err := up.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		v.end(err)
		return
	}
	v.framing = webSocket
	if n := rw.Reader.Buffered(); n > 0 {
		b, _ := rw.Reader.Peek(n)
		v.early = append(v.early, b...)
	}
	v.own(conn)
}

const handshakeTime = 10 * time.Second

// checkHandshake gives the status of a refusal, 0 for a proper handshake: before the
// hub is asked, and gates with it.
func checkHandshake(r *http.Request) (code int) {
	h := r.Header
	switch {
	case r.Method != http.MethodGet, !r.ProtoAtLeast(1, 1), r.Host == "", len(h.Get("Sec-Websocket-Key")) != 24:
		return http.StatusBadRequest
	case h.Get("Sec-Websocket-Version") != "13":
		return http.StatusUpgradeRequired
	}
	for _, f := range strings.Split(h.Get("Connection"), ",") {
		if strings.EqualFold(strings.TrimSpace(f), "upgrade") {
			return 0
		}
	}
	return http.StatusBadRequest
}

// appendFrame appends the header of an unfragmented frame of n bytes (RFC 6455 5.2).
func appendFrame(dst []byte, op ws.OpCode, n int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// closeError is why the server closes a WebSocket.
type closeError struct{ code ws.StatusCode }

func (e closeError) Error() string {
	return "flv: WebSocket client: " + map[ws.StatusCode]string{
		ws.StatusProtocolError: "malformed frame", ws.StatusMessageTooBig: "sends too much",
		ws.StatusPolicyViolation: "asks for more than it reads",
	}[e.code]
}

// frames reads what a client sends. It wants nothing from it, so that data is dropped.
type frames struct {
	r    io.Reader
	data int64
	buf  [ws.MaxControlFramePayloadSize]byte
}

// next gives the next control frame, unmasked; it is valid until the next call.
func (f *frames) next() (ws.OpCode, []byte, error) {
	for {
		h, err := ws.ReadHeader(f.r)
		switch {
		case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
			return 0, nil, closeError{ws.StatusProtocolError}
		case err != nil:
			return 0, nil, err
		case !h.Masked || h.Rsv != 0 || h.OpCode.IsReserved(),
			h.OpCode.IsControl() && (!h.Fin || h.Length > ws.MaxControlFramePayloadSize):
			return 0, nil, closeError{ws.StatusProtocolError}
		}
		if h.OpCode.IsControl() {
			b := f.buf[:h.Length]
			if _, err := io.ReadFull(f.r, b); err != nil {
				return 0, nil, err
			}
			ws.Cipher(b, h.Mask, 0)
			return h.OpCode, b, nil
		}
		if h.Length > clientBytes-f.data {
			return 0, nil, closeError{ws.StatusMessageTooBig}
		}
		f.data += h.Length
		if _, err := io.CopyN(io.Discard, f.r, h.Length); err != nil {
			return 0, nil, err
		}
	}
}

// watchWebSocket answers the client's control frames, and ends the viewer when the
// client closes, leaves or does what it must not.
func (v *viewer) watchWebSocket() {
	defer close(v.watched)
	defer v.left()
	f := frames{r: v.conn}
	if v.early != nil {
		f.r = io.MultiReader(strings.NewReader(string(v.early)), v.conn)
		v.early = nil
	}
	for {
		op, b, err := f.next()
		if err == nil {
			err = v.control(op, b)
		}
		var c closeError
		if errors.As(err, &c) {
			v.closeCode.CompareAndSwap(0, uint32(c.code))
			v.m.host.Logger.Debug("flv WebSocket closed", "id", v.player.Session().ID, "err", err)
		}
		if err != nil {
			return
		}
	}
}

// control answers a control frame. An error ends the viewer.
func (v *viewer) control(op ws.OpCode, b []byte) error {
	switch op {
	case ws.OpPing:
		pong := append(appendFrame(make([]byte, 0, 2+len(b)), ws.OpPong, len(b)), b...)
		return v.pong(pong)
	case ws.OpClose:
		code := ws.StatusNormalClosure
		if len(b) >= 2 {
			code = ws.StatusCode(binary.BigEndian.Uint16(b))
		}
		if code < 1000 || code >= 5000 || code.IsProtocolReserved() {
			code = ws.StatusProtocolError
		}
		v.closeCode.CompareAndSwap(0, uint32(code))
		return io.EOF
	}
	return nil
}

// pong sends a pong: by the goroutine that sends media, or at once while none is sent.
func (v *viewer) pong(b []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state.Load() == waiting {
		_ = v.conn.SetWriteDeadline(time.Now().Add(lastWords))
		_, err := v.conn.Write(b)
		_ = v.conn.SetWriteDeadline(time.Time{})
		return err
	}
	if err := v.player.Inject(b); err != nil {
		return closeError{ws.StatusPolicyViolation}
	}
	return nil
}

// finishWebSocket sends the close frame, unless the stream of frames is broken off, and
// gives the client time for its own: closing a connection on which something arrives
// later may cost the client what it has not read yet.
func (v *viewer) finishWebSocket(err error) {
	code := ws.StatusCode(v.closeCode.Load())
	switch {
	case code != 0:
	case v.gone.Load():
		return
	case err == nil:
		code = ws.StatusNormalClosure
	case errors.Is(err, errWait):
		code = statusTryAgain
	case errors.Is(err, stream.ErrUnsupported):
		code = ws.StatusUnsupportedData
	case errors.Is(err, stream.ErrShutdown):
		code = ws.StatusGoingAway
	case v.player.Session().Err() != nil:
		code = ws.StatusPolicyViolation
	default:
		return
	}
	b := appendFrame(nil, ws.OpClose, 2)
	if _, err := v.conn.Write(binary.BigEndian.AppendUint16(b, uint16(code))); err != nil {
		return
	}
	if w, ok := v.conn.(interface{ CloseWrite() error }); ok && !v.gone.Load() {
		_ = w.CloseWrite()
		_ = v.conn.SetReadDeadline(time.Now().Add(lastWords))
		<-v.watched
	}
}

// statusTryAgain is from the registry of RFC 6455 11.7.
const statusTryAgain ws.StatusCode = 1013
