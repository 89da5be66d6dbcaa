// Package wire reads and writes datagrams in batches: on Linux many at a time in one system call, and
// those that follow each other to one address as one train, which the kernel or the network card cuts
// (UDP_SEGMENT). Elsewhere, and on sockets that are not UDP's, it reads and writes them one by one.
package wire

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// MaxDatagram is the largest datagram that is read whole; what is larger is dropped. Packets of media have
// 1,500 bytes at most.
const MaxDatagram = 4096

// bufferBytes is what a socket's buffers are asked to hold: a key frame for each of a thousand viewers.
const bufferBytes = 16 << 20

// Route is the way of a datagram: the peer that it comes from or goes to, and by which of the machine's
// addresses.
type Route struct {
	Remote netip.AddrPort
	// Local is known of what comes to a socket that is bound to all addresses (Linux). What is sent leaves
	// from it, so that a peer is answered by whom it has asked. The zero Addr leaves that to the system.
	Local netip.Addr
}

// Socket is a datagram socket. Its methods are safe for use by several goroutines, but for Read, which
// belongs to one.
type Socket struct {
	pc    net.PacketConn
	udp   *net.UDPConn // nil where pc is something else
	raw   syscall.RawConn
	local netip.AddrPort
	is4   bool // an IPv4 socket
	turns turns
	turn  func() error // reads with take; of Read
	take  func(b []byte, from Route)
	system
	reader reader
}

// turns is a connection that others may read in our place (protocol.Host.ListenPacket).
type turns interface{ ReadTurn(read func() error) error }

// Open makes a Socket of what net.ListenPacket, or protocol.Host.ListenPacket, gave. The Socket closes it.
func Open(pc net.PacketConn) *Socket {
	s := &Socket{pc: pc}
	inner := pc
	if w, ok := pc.(interface{ NetPacketConn() net.PacketConn }); ok {
		inner = w.NetPacketConn()
	}
	s.turns, _ = pc.(turns)
	if a, ok := pc.LocalAddr().(*net.UDPAddr); ok {
		s.local = unmapped(a.AddrPort())
	}
	if udp, ok := inner.(*net.UDPConn); ok {
		s.udp = udp
		_ = udp.SetReadBuffer(bufferBytes) // as far as the system allows
		_ = udp.SetWriteBuffer(bufferBytes)
		if raw, err := udp.SyscallConn(); err == nil {
			s.raw = raw
			s.open()
		}
	}
	return s
}

// LocalAddr gives the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// twin tells whether peers cannot tell two sockets apart (SO_REUSEPORT).
func (s *Socket) twin(o *Socket) bool { return s == o || s.local.IsValid() && s.local == o.local }

// Close closes the socket.
func (s *Socket) Close() error { return s.pc.Close() }

// WriteTo sends one datagram.
func (s *Socket) WriteTo(b []byte, to Route) error {
	var err error
	switch {
	case s.udp == nil:
		_, err = s.pc.WriteTo(b, net.UDPAddrFromAddrPort(to.Remote))
	case to.Local.IsValid():
		err = s.writeFrom(b, to)
	default:
		_, err = s.udp.WriteToUDPAddrPort(b, to.Remote)
	}
	return err
}

// Read waits for datagrams, and calls f with each one that is there. b is valid during the call. The error
// is that of a socket that is closed, or whose deadline has come; what peers cause is none.
func (s *Socket) Read(f func(b []byte, from Route)) error {
	if s.turns == nil {
		return s.read(f)
	}
	if s.turn == nil {
		s.turn = func() error { return s.read(s.take) }
	}
	s.take = f
	return s.turns.ReadTurn(s.turn)
}

func (s *Socket) read(f func(b []byte, from Route)) error {
	if s.raw != nil && canBatch {
		return s.readBatch(f)
	}
	if s.reader.buf == nil {
		s.reader.buf = make([]byte, MaxDatagram+1)
	}
	for {
		n, from, err := s.readOne()
		switch {
		case err == nil && n <= MaxDatagram:
			f(s.reader.buf[:n], Route{Remote: from})
			return nil
		case err != nil && !transient(err):
			return err
		}
	}
}

func (s *Socket) readOne() (int, netip.AddrPort, error) {
	if s.udp != nil {
		n, from, err := s.udp.ReadFromUDPAddrPort(s.reader.buf)
		return n, unmapped(from), err
	}
	n, from, err := s.pc.ReadFrom(s.reader.buf)
	if a, ok := from.(*net.UDPAddr); ok {
		return n, unmapped(a.AddrPort()), err
	}
	return n, netip.AddrPort{}, err
}

// transient tells whether an error of reading is about a datagram that was sent, to a peer that is gone.
func transient(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EMSGSIZE)
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Batch collects datagrams, and sends them with few calls. It belongs to one goroutine at a time.
type Batch struct {
	s    *Socket
	mem  []byte
	used int
	list []datagram
	out  writer
	sent Counts
}

// datagram is one in Batch.mem.
type datagram struct {
	by        *Socket
	to        Route
	from, end int
}

// Counts are what a Batch has sent.
type Counts struct {
	Datagrams, Calls uint64
	Failed           uint64 // datagrams that the system did not take
}

// Bounds of a batch: what is beyond is sent before.
const (
	batchBytes     = 512 << 10
	batchDatagrams = 1024
)

// NewBatch makes a Batch of the socket.
func (s *Socket) NewBatch() *Batch {
	return &Batch{s: s, mem: make([]byte, batchBytes), list: make([]datagram, 0, batchDatagrams)}
}

// Space gives room of n bytes, at most MaxDatagram, for the next datagram, which goes to a peer. It is
// valid until the next call of a method. It may send what was collected.
func (b *Batch) Space(to Route, n int) []byte { return b.SpaceOn(b.s, to, n) }

// SpaceOn is Space for a datagram that another socket sends, or one that is bound to the same address: no
// peer can tell them apart.
func (b *Batch) SpaceOn(s *Socket, to Route, n int) []byte {
	n = min(n, MaxDatagram)
	if b.used+n > len(b.mem) || len(b.list) == cap(b.list) {
		_ = b.Flush() // errors are counted, and concern single peers
	}
	b.list = append(b.list, datagram{by: s, to: to, from: b.used, end: b.used})
	return b.mem[b.used : b.used+n : b.used+n]
}

// Add makes the first n bytes of what Space gave a datagram. Without it there is none.
func (b *Batch) Add(n int) {
	d := &b.list[len(b.list)-1]
	d.end = d.from + n
	b.used = d.end
}

// Counts gives what was sent up to now.
func (b *Batch) Counts() Counts { return b.sent }

// Flush sends what was collected. What the system does not take, for a peer that cannot be reached or a
// full buffer, is lost as datagrams are, and counted. The error is that of a closed socket.
func (b *Batch) Flush() error {
	list := b.list[:0]
	for _, d := range b.list { // those that were added
		if d.end > d.from {
			list = append(list, d)
		}
	}
	b.list = list
	defer func() { b.list, b.used = b.list[:0], 0 }()
	if len(list) == 0 {
		return nil
	}
	var first error
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].by.twin(list[0].by) {
			n++
		}
		err := b.flush(list[:n])
		if first == nil {
			first = err
		}
		list = list[n:]
	}
	return first
}

// flush sends what goes by one socket.
func (b *Batch) flush(list []datagram) error {
	s := list[0].by
	if s.raw != nil && canBatch {
		return b.send(s, list)
	}
	for _, d := range list {
		err := s.WriteTo(b.mem[d.from:d.end], d.to)
		b.sent.Calls++
		switch {
		case err == nil:
			b.sent.Datagrams++
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			b.sent.Failed++
		}
	}
	return nil
}
