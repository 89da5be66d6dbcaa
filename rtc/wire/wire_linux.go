package wire

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const canBatch = true

// Bounds of one system call.
const (
	callMessages  = 64
	callDatagrams = 128      // with which the next message is another call's: some 200 µs on loopback
	trainSegments = 64       // UDP_MAX_SEGMENTS of older kernels
	trainBytes    = 60 << 10 // an IP packet has less than 64 KiB
	readMessages  = 32
)

// system is what the system does for a socket.
type system struct {
	cuts  bool // trains
	tells bool // to which of the machine's addresses a datagram has come
}

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	unix.Msghdr
	n uint32
}

func (s *Socket) open() {
	_ = s.raw.Control(func(fd uintptr) {
		if a, err := unix.Getsockname(int(fd)); err == nil {
			_, s.is4 = a.(*unix.SockaddrInet4)
		}
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		s.cuts = err == nil
		switch {
		case !s.local.Addr().IsUnspecified(): // there is one address, or none that is known
		case s.is4:
			s.tells = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1) == nil
		default:
			s.tells = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1) == nil
		}
	})
}

// reader is what reading needs.
type reader struct {
	buf      []byte
	messages []message
	iovs     []unix.Iovec
	names    []name
	controls []control // nil where the system tells nothing
	got      int
	err      error
	call     func(fd uintptr) bool
}

func (s *Socket) readBatch(f func(b []byte, from Route)) error {
	r := &s.reader
	if r.buf == nil {
		r.open(s.tells)
	}
	for {
		if err := s.raw.Read(r.call); err != nil {
			return err
		}
		if r.err == nil {
			break
		}
		if !transient(r.err) {
			return r.err
		}
	}
	for i := range r.got {
		m := &r.messages[i]
		if m.Flags&unix.MSG_TRUNC == 0 && m.n > 0 {
			from := Route{Remote: r.names[i].addr()}
			if s.tells {
				from.Local = r.controls[i].came(int(m.Controllen))
			}
			f(r.buf[i*MaxDatagram:][:m.n:m.n], from)
		}
	}
	return nil
}

func (r *reader) open(tells bool) {
	r.buf = make([]byte, readMessages*MaxDatagram)
	r.messages = make([]message, readMessages)
	r.iovs = make([]unix.Iovec, readMessages)
	r.names = make([]name, readMessages)
	if tells {
		r.controls = make([]control, readMessages)
	}
	for i := range r.messages {
		r.iovs[i].Base = &r.buf[i*MaxDatagram]
		r.iovs[i].SetLen(MaxDatagram)
		r.messages[i].Iov = &r.iovs[i]
		r.messages[i].SetIovlen(1)
		r.messages[i].Name = &r.names[i][0]
		if tells {
			r.messages[i].Control = &r.controls[i][0]
		}
	}
	r.call = r.recv
}

// recv is one recvmmsg(2).
func (r *reader) recv(fd uintptr) bool {
	for i := range r.messages {
		r.messages[i].Namelen = uint32(len(r.names[i]))
		if r.controls != nil {
			r.messages[i].SetControllen(len(r.controls[i]))
		}
	}
	for {
		// It never blocks, and takes some ten µs: the runtime needs not be told, which costs it more.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.messages[0])), readMessages, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			r.got, r.err = int(n), nil
			return true
		case unix.EAGAIN:
			return false
		case unix.EINTR:
		default:
			r.got, r.err = 0, errno
			return true
		}
	}
}

// writer is what writing needs.
type writer struct {
	messages []message
	iovs     []unix.Iovec
	names    []name
	controls []control
	counts   []int // datagrams of each message
	done     int   // messages that are dealt with
	failed   int   // message that was refused; -1: none
	err      error
	call     func(fd uintptr) bool
}

func (w *writer) open() {
	w.messages = make([]message, callMessages)
	w.iovs = make([]unix.Iovec, callMessages)
	w.names = make([]name, callMessages)
	w.controls = make([]control, callMessages)
	w.counts = make([]int, 0, callMessages)
	for i := range w.messages {
		w.messages[i].Iov = &w.iovs[i]
		w.messages[i].SetIovlen(1)
		w.messages[i].Name = &w.names[i][0]
	}
	w.call = w.send
}

// send sends all of the list.
func (b *Batch) send(s *Socket, list []datagram) error {
	w := &b.out
	if w.call == nil {
		w.open()
	}
	for len(list) > 0 {
		w.counts = w.counts[:0]
		rest := list
		for len(rest) > 0 && len(w.counts) < callMessages && len(list)-len(rest) < callDatagrams {
			rest = rest[b.message(s, rest):]
		}
		if err := b.call(s, list); err != nil {
			return err
		}
		list = rest
	}
	return nil
}

// message makes the next message of the first datagrams of list, and gives how many those are.
func (b *Batch) message(s *Socket, list []datagram) int {
	w, i, n := &b.out, len(b.out.counts), 1
	first := &list[0]
	size, end := first.end-first.from, first.end
	if s.cuts {
		for n < len(list) && n < trainSegments {
			d := &list[n]
			if d.to != first.to || d.from != end || d.end-d.from > size || d.end-first.from > trainBytes {
				break
			}
			end = d.end
			n++
			if d.end-d.from < size { // the last of a train may be shorter
				break
			}
		}
	}
	m := &w.messages[i]
	w.iovs[i].Base = &b.mem[first.from]
	w.iovs[i].SetLen(end - first.from)
	m.Namelen = s.putAddr(&w.names[i], first.to.Remote)
	c := &w.controls[i]
	length := c.leave(s.is4, first.to.Local)
	if n > 1 {
		length = c.segment(length, uint16(size))
	}
	m.Control = nil
	if length > 0 {
		m.Control = &c[0]
	}
	m.SetControllen(length)
	w.counts = append(w.counts, n)
	return n
}

// call sends the messages that were made of the first datagrams of list.
func (b *Batch) call(s *Socket, list []datagram) error {
	w := &b.out
	for w.done = 0; w.done < len(w.counts); {
		before := w.done
		w.failed = -1
		err := s.raw.Write(w.call)
		if err != nil {
			return err
		}
		b.sent.Calls++
		for _, n := range w.counts[before:w.done] {
			b.sent.Datagrams += uint64(n)
		}
		if w.failed < 0 {
			continue
		}
		at := 0
		for _, n := range w.counts[:w.failed] {
			at += n
		}
		n := w.counts[w.failed]
		w.done++
		if n > 1 { // the way to that peer may know no trains, or a smaller MTU
			b.single(s, list[at:at+n])
		} else {
			b.sent.Failed += uint64(n)
		}
	}
	return nil
}

// single sends datagrams one by one.
func (b *Batch) single(s *Socket, list []datagram) {
	for _, d := range list {
		b.sent.Calls++
		if s.WriteTo(b.mem[d.from:d.end], d.to) == nil {
			b.sent.Datagrams++
		} else {
			b.sent.Failed++
		}
	}
}

// send is one sendmmsg(2): it moves done, and says which message was refused.
func (w *writer) send(fd uintptr) bool {
	for {
		// As recv: told of, the runtime would run another goroutine on another thread meanwhile, and the
		// two would have to share the core by the kernel's slices of milliseconds.
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.messages[w.done])), uintptr(len(w.counts)-w.done), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			w.done += int(n)
			return true
		case unix.EAGAIN:
			return false
		case unix.EINTR:
		default:
			w.failed, w.err = w.done, errno
			return true
		}
	}
}
