package stream

import (
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A viewer on a plain TCP connection that keeps up has its bytes written by a sender: one
// goroutine per core and wire, which on each flush goes through its viewers and writes to
// each without blocking. That saves waking a goroutine per viewer, and with it most of
// what a write costs outside the kernel. The viewer's own goroutine sleeps meanwhile, and
// takes over whenever something does not go smoothly: the socket is full, the viewer was
// lapped, something is to be injected, it is paused, or it ends.

// Who owns a viewer's state (its server).
const (
	ownSelf   = iota // its own goroutine
	ownNobody        // parked: a sender may take it
	ownSender        // a sender is writing
	ownDead          // Serve has returned
)

// fastPath is what a sender and a viewer's goroutine share.
type fastPath struct {
	server    *server
	owner     atomic.Int32
	attention atomic.Bool // something waits for the viewer's own goroutine
	raw       syscall.RawConn
	try       func(fd uintptr) bool // writes bufs, made once
	err       error                 // of try
	sender    *sender
}

// attend makes the viewer's goroutine look up, from any goroutine.
func (f *fastPath) attend() {
	f.attention.Store(true)
	f.takeBack()
}

func (f *fastPath) takeBack() {
	if f.owner.CompareAndSwap(ownNobody, ownSelf) {
		f.server.p.view.Interrupt()
	}
}

// openFast prepares the fast path where the writer is a TCP connection.
func (s *server) openFast() {
	c, ok := s.w.(*net.TCPConn)
	if !ok || s.interval > 0 || !canTry {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	f := &fastPath{server: s, raw: raw}
	f.try = func(fd uintptr) bool {
		var n int
		n, f.err = tryWrite(fd, s.bufs)
		s.advance(n)
		return true
	}
	s.fast = f
	st := s.p.media.Load()
	st.mu.Lock()
	s.p.fast = f
	st.mu.Unlock()
	s.p.wire.senders.add(s.p.wire.ring, f)
}

func (s *server) closeFast() {
	if f := s.fast; f != nil {
		f.owner.Store(ownDead)
		f.sender.removed()
	}
}

// park leaves the viewer to its sender until something needs its own goroutine.
func (s *server) park() error {
	f := s.fast
	if !s.deadline.IsZero() {
		s.deadline = time.Time{} // or it would end a sender's write later
		if err := s.w.SetWriteDeadline(s.deadline); err != nil {
			return err
		}
	}
	f.owner.Store(ownNobody)
	// What came between the last look and the line above has passed the sender by.
	if !(f.attention.Load() || s.p.view.ready()) || !f.owner.CompareAndSwap(ownNobody, ownSelf) {
		for f.owner.Load() != ownSelf {
			<-s.p.view.signal
		}
	}
	f.attention.Store(false)
	return f.err
}

// advance takes n bytes from what is gathered.
func (s *server) advance(n int) {
	for len(s.bufs) > 0 && n >= len(s.bufs[0]) {
		n -= len(s.bufs[0])
		s.bufs[0] = nil
		s.bufs = s.bufs[1:]
	}
	if n > 0 {
		s.bufs[0] = s.bufs[0][n:]
	}
}

// send is a sender's turn with one viewer.
func (f *fastPath) send(last *gathered) {
	if !f.owner.CompareAndSwap(ownNobody, ownSender) {
		return
	}
	s := f.server
	ok := !f.attention.Load() && f.sendReady(last)
	if !ok {
		f.owner.Store(ownSelf)
		s.p.view.Interrupt()
		return
	}
	f.owner.Store(ownNobody)
	if f.attention.Load() {
		f.takeBack()
	}
}

// sendReady writes what is ready; false leaves the viewer to its own goroutine, with the
// rest in bufs. A panic (in a format's Frame) becomes the viewer's alone.
func (f *fastPath) sendReady(last *gathered) (ok bool) {
	s := f.server
	defer func() {
		if r := recover(); r != nil {
			f.err = fmt.Errorf("stream: sending in format %s panicked: %v\n%s", s.f.Name, r, debug.Stack())
			ok = false
		}
	}()
	s.array[0] = nil
	s.bufs = s.array[:1]
	s.injected = 0
	records, media, err := last.gather(s)
	if len(s.bufs) > 1 {
		s.frameBufs()
		if werr := f.raw.Write(f.try); werr != nil {
			f.err = werr
		}
		s.left = len(s.bufs) > 0
		s.slow = s.slow || s.left
		s.p.count(records, media)
	}
	// More that is ready, the end among it, would have to wait for the next flush.
	return err == nil && f.err == nil && !s.left && s.joined && !s.p.view.ready()
}

// gathered is what a sender's latest viewer got. Most viewers are at the same place, so
// that the next one mostly gets the same.
type gathered struct {
	from, to       uint64
	bufs           [2][]byte
	records, media int
}

func (g *gathered) gather(s *server) (records, media int, err error) {
	pos := &s.p.view.pos
	from := pos.Load()
	if g.media > 0 && from == g.from && !s.changed {
		s.bufs = append(s.bufs, g.bufs[:]...)
		pos.Store(g.to)
		return g.records, g.media, nil
	}
	records, media, err = s.gather()
	if err == nil && s.joined && len(s.bufs) <= 1+len(g.bufs) {
		*g = gathered{from: from, to: pos.Load(), records: records, media: media}
		copy(g.bufs[:], s.bufs[1:])
	}
	return records, media, err
}

// senders are a wire's sender goroutines, each with a share of the viewers.
type senders struct {
	mu   sync.Mutex
	list []*sender
}

type sender struct {
	cursor  *Cursor[record] // follows the flushes
	viewers []*fastPath     // the goroutine's own

	mu      sync.Mutex
	joining []*fastPath
	count   int // viewers that live
	dead    int // viewers that left and are still in the list
	running bool
}

// add gives a viewer to the sender with the fewest.
func (ss *senders) add(r *Ring[record], f *fastPath) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.list == nil {
		for range runtime.GOMAXPROCS(0) {
			ss.list = append(ss.list, &sender{cursor: r.Cursor(Live)})
		}
	}
	least := ss.list[0]
	for _, s := range ss.list {
		if s.size() < least.size() {
			least = s
		}
	}
	f.sender = least
	least.mu.Lock()
	defer least.mu.Unlock()
	least.joining = append(least.joining, f)
	least.count++
	if !least.running {
		least.running = true
		go least.run()
	}
}

func (s *sender) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// removed is told of each viewer that left. Lists are cleaned when the sender runs; where
// nothing is ever sent, it is woken for that.
func (s *sender) removed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	s.dead++
	if s.count == 0 || s.dead > 64 && s.dead > s.count {
		s.cursor.Interrupt()
	}
}

// yieldEvery is after how many writes a sender lets others have the core: a crowd must
// not hold up other streams.
const yieldEvery = 32

// run is the sender's goroutine. It ends with its last viewer.
func (s *sender) run() {
	r := s.cursor.ring
	for {
		if !s.collect() {
			return
		}
		s.cursor.pos.Store(r.flushed.Load())
		start := time.Now()
		ended := r.end.Load() != nil
		live := s.viewers[:0]
		var last gathered
		for i, f := range s.viewers {
			if f.owner.Load() == ownDead {
				continue
			}
			f.send(&last)
			live = append(live, f)
			if i%yieldEvery == yieldEvery-1 {
				runtime.Gosched()
			}
		}
		clear(s.viewers[len(live):])
		s.viewers = live
		if ended {
			<-s.cursor.signal // only viewers that leave are still of interest
			continue
		}
		rest(time.Since(start))
		s.cursor.wait(nil)
	}
}

// rest keeps a sender from beginning its next round too soon after one that took long:
// what comes meanwhile, audio that follows video most of all, leaves in one write instead
// of two. With 1,000 viewers that is about 20 ms; with a few, nothing. In a crowd's
// realtime mode it saves a third of all writes.
func rest(round time.Duration) {
	const least, most = 200 * time.Microsecond, 20 * time.Millisecond
	if d := min(4*round, most); d >= least {
		time.Sleep(d)
	}
}

// collect takes in the viewers that joined; false ends the sender: it has none.
func (s *sender) collect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.viewers = append(s.viewers, s.joining...)
	clear(s.joining)
	s.joining = s.joining[:0]
	s.dead = 0
	if s.count == 0 {
		s.running = false
		clear(s.viewers)
		s.viewers, s.joining = nil, nil
		s.cursor.Close()
		return false
	}
	return true
}
