package peer

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v2/pkg/protocol"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
	"github.com/pion/srtp/v2"
	"github.com/pion/stun"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
)

const (
	hostilePwd = "0123456789012345678901"
	hostile    = "127.0.0.1:10"
)

// checkOf is a check of a peer whose ufrag is abcd.
func checkOf(t testing.TB, more ...stun.Setter) []byte {
	t.Helper()
	list := append([]stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername("abcd:efgh")}, more...)
	m, err := stun.Build(append(list, stun.NewShortTermIntegrity(hostilePwd), stun.Fingerprint)...)
	require.NoError(t, err)
	return m.Raw
}

// record is a DTLS record.
func record(kind uint8, epoch uint16, body ...byte) []byte {
	b := []byte{kind, 254, 253, byte(epoch >> 8), byte(epoch), 0, 0, 0, 0, 0, 9}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

func TestWanted(t *testing.T) {
	join := func(list ...[]byte) (b []byte) {
		for _, x := range list {
			b = append(b, x...)
		}
		return b
	}
	last := join(record(22, 0, 1, 2, 3), record(20, 0, 1), record(22, 1, 4, 5, 6))
	for name, x := range map[string]struct {
		b                   []byte
		before, keys, spent bool
	}{
		"last flight":           {last, true, true, false},
		"alert":                 {record(21, 0, 2, 0), true, false, false},
		"alert after a record":  {join(record(22, 1, 1), record(21, 0, 1, 0)), true, false, false},
		"protected alert":       {record(21, 1, 1, 2, 3, 4), true, true, true},
		"data":                  {record(23, 0, 1), true, false, false},
		"protected data":        {record(23, 1, 1), true, true, false},
		"cipher that is none":   {record(20, 0, 2), true, false, false},
		"of no type":            {record(40, 0, 2), true, false, false},
		"cut":                   {last[:len(last)-1], false, false, false},
		"less than a header":    {last[:12], false, false, false},
		"alert that goes on":    {append(record(21, 1, 1), 1), false, false, false},
		"protected handshake":   {record(22, 1, 1), true, true, false},
		"handshake, then alert": {join(record(22, 0, 1), record(21, 1, 1)), true, true, false},
	} {
		require.Equal(t, x.keys, wanted(x.b, true, false), name)
		require.Equal(t, x.spent, wanted(x.b, true, true), name)
		require.False(t, wanted(x.b, false, true) != x.spent, name)
		require.Equal(t, x.before, wanted(x.b, false, false), name)
	}
}

// TestWay: a client is followed to where it checks from when nothing comes from where it was, though it does
// not nominate again; and not before.
func TestWay(t *testing.T) {
	m, p, s := keyed(t, srtp.ProtectionProfileAeadAes128Gcm, func([]byte) {})
	other := path{socket: s, route: wire.Route{Remote: netip.MustParseAddrPort(hostile)}}
	now := time.Now()
	m.receive(checkOf(t), path{socket: s, route: home}, now)
	for range 3 { // more often than the way is given up
		now = now.Add(elsewhere / 2)
		m.receive(checkOf(t), other, now)
		m.receive(checkOf(t), path{socket: s, route: home}, now)
	}
	require.Equal(t, home.Remote.String(), p.Remote())
	for range 3 {
		now = now.Add(elsewhere / 2)
		m.receive(checkOf(t), other, now)
	}
	require.Equal(t, hostile, p.Remote())
	m.receive(checkOf(t, attribute{stun.AttrUseCandidate, nil}), path{socket: s, route: home}, now)
	require.Equal(t, home.Remote.String(), p.Remote(), "nominated")
}

// tcpPipe is a pipe that has an address.
type tcpPipe struct{ net.Conn }

func (tcpPipe) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10} }

// dialTCP gives the client's end of a TCP connection that a Mux serves.
func dialTCP(t testing.TB, m *Mux) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = theirs.Close() })
	go m.HandleTCP(tcpPipe{ours})
	return theirs
}

func writeFrame(t testing.TB, c net.Conn, b []byte) {
	t.Helper()
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	require.NoError(t, err)
}

func readFrame(t testing.TB, c net.Conn) []byte {
	t.Helper()
	var head [2]byte
	_, err := io.ReadFull(c, head[:])
	require.NoError(t, err)
	b := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err = io.ReadFull(c, b)
	require.NoError(t, err)
	return b
}

// TestHalfOpen: connections that are nobody's are bounded in time and number, one peer's are in number, and all
// end with it.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMux(MuxConfig{})
		require.NoError(t, err)
		defer m.Close(nil)
		ended := func(c net.Conn) bool {
			_ = c.SetReadDeadline(time.Now().Add(time.Nanosecond))
			_, err := c.Read(make([]byte, 1))
			return err == io.EOF
		}
		begun := time.Now()
		first, slow := dialTCP(t, m), dialTCP(t, m)
		_, err = slow.Write([]byte{0, 100, 0, 1})
		require.NoError(t, err)
		long := dialTCP(t, m)
		_, err = long.Write(binary.BigEndian.AppendUint16(nil, maxBinding+1))
		require.NoError(t, err)
		synctest.Wait()
		require.True(t, ended(long), "a frame that is no check")
		_, err = slow.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, firstCheck, time.Since(begun))
		require.True(t, ended(first))

		oldest := dialTCP(t, m)
		synctest.Wait()
		for range maxOpened - 1 {
			dialTCP(t, m)
		}
		synctest.Wait()
		require.False(t, ended(oldest))
		p, err := m.New(Config{Ufrag: "abcd", Pwd: hostilePwd, Plain: true})
		require.NoError(t, err)
		var list []net.Conn
		for range maxAddrs + 1 {
			c := dialTCP(t, m)
			writeFrame(t, c, checkOf(t))
			readFrame(t, c)
			list = append(list, c)
		}
		require.True(t, ended(oldest))
		require.Equal(t, maxOpened-1, m.opened.Len())
		require.False(t, ended(list[0]), "it is used")
		require.True(t, ended(list[1]))
		time.Sleep(2 * firstCheck)
		require.False(t, ended(list[2]), "it is a peer's")
		require.Zero(t, m.opened.Len())
		p.Close(nil)
		synctest.Wait()
		require.True(t, ended(list[0]))
		require.True(t, ended(list[maxAddrs]))
	})
}

// TestFarewell: what was sent last over TCP arrives, though the peer is closed right after it.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMux(MuxConfig{})
		require.NoError(t, err)
		p, err := m.New(Config{Ufrag: "abcd", Pwd: hostilePwd, Plain: true})
		require.NoError(t, err)
		c := dialTCP(t, m)
		writeFrame(t, c, checkOf(t))
		readFrame(t, c)
		bye := []byte{0x80, 203, 0, 1, 0, 0, 0, 5}
		require.NoError(t, p.WriteRTCP(bye))
		go m.Close(nil)
		require.Equal(t, bye, readFrame(t, c))
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

// TestHungHandshake: a peer that begins a handshake and says no more ends, with what was tried as the cause, and
// does not keep others from theirs until then.
func TestHungHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMux(MuxConfig{MaxHandshakes: 1})
		require.NoError(t, err)
		defer m.Close(nil)
		causes := make(chan error, 3)
		for _, ufrag := range []string{"abcd", "nope"} {
			_, err := m.New(Config{Ufrag: ufrag, Pwd: hostilePwd, Fingerprints: []string{m.Fingerprint()}, OnClose: func(err error) { causes <- err },
				Candidates: []string{"udp 192.0.2.1:8000"}})
			require.NoError(t, err)
		}
		begun := time.Now()
		c := dialTCP(t, m)
		writeFrame(t, c, checkOf(t))
		readFrame(t, c)
		writeFrame(t, c, record(22, 0, make([]byte, 60)...))
		synctest.Wait()
		require.Len(t, m.handshakes, 1)
		time.Sleep(handshakeTurn)
		synctest.Wait()
		require.Empty(t, m.handshakes)
		var text string
		for range 2 {
			text += (<-causes).Error() + "\n"
		}
		require.LessOrEqual(t, time.Since(begun), defaultTimeout+2*time.Second)
		require.Contains(t, text, "DTLS with "+hostile)
		require.Contains(t, text, `no check came for ufrag "nope"`)
		require.Contains(t, text, "candidates: udp 192.0.2.1:8000; of the peer: none")
		require.Zero(t, m.Len())
	})
}

// FuzzWanted: of what DTLS is to see once there are keys, nothing that is not protected ends a session.
func FuzzWanted(f *testing.F) {
	f.Add(record(22, 0, 1, 2, 3))
	f.Add(append(record(20, 0, 1), record(22, 1, 4, 5, 6)...))
	f.Add(record(21, 1, 1, 2, 3, 4))
	f.Add(record(21, 0, 1, 0)[:14])
	f.Fuzz(func(t *testing.T, b []byte) {
		if wanted(b, true, true) && !wanted(b, true, false) {
			t.Fatal("less is wanted of a peer that has not spent its bytes")
		}
		if !wanted(b, true, false) {
			return
		}
		list, err := recordlayer.UnpackDatagram(b)
		require.NoError(t, err)
		for _, x := range list {
			var r recordlayer.RecordLayer
			if x[3]|x[4] == 0 && x[0] != recordHandshake {
				require.NoError(t, r.Unmarshal(x))
				require.Equal(t, protocol.ContentTypeChangeCipherSpec, r.Content.ContentType())
			}
		}
	})
}
