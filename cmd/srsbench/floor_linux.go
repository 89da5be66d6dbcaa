package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// floorCommand measures the least that serving can cost: a child process that writes one contiguous
// block per connection and window and does nothing else, under the same players as any server.
func floorCommand(args []string) error {
	o := &options{mode: "floor"}
	f := newFlagSet("floor")
	o.register(f)
	var window time.Duration
	var core int
	f.IntVar(&o.players, "n", 1, "connections")
	f.DurationVar(&window, "window", 350*time.Millisecond, "time between writes to one connection")
	f.IntVar(&core, "server-cpu", -1, "core that the server runs on (-1: any)")
	if err := parse(f, args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if err := renice(o); err != nil { // servers inherit it
		return err
	}
	halt, cancel := interrupted()
	defer cancel()
	r, err := runFloor(o, window, core, halt)
	if err != nil {
		return err
	}
	return finish(o, r)
}

// runFloor starts the floor's server, loads it and stops it.
func runFloor(o *options, window time.Duration, core int, halt <-chan struct{}) (*report, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, out, err := start(core, "", self, "floor-server", "-window", window.String(), "-bitrate", o.bitrate.String())
	if err != nil {
		return nil, err
	}
	defer c.stop()
	addr, err := readLine(out)
	if err != nil {
		return nil, fmt.Errorf("floor server: %w", err)
	}
	o.url = "floor://" + addr
	o.pids = append(o.pids, c.pid())
	return runPinned(o, halt)
}

// floorConn is one connection of the floor's server.
type floorConn struct {
	fd   int
	rest int // bytes of the last block that the socket did not take
}

// floorServer is the child: accept, and once per window write the block to each connection.
func floorServer(args []string) error {
	f := newFlagSet("floor-server")
	rate := bitrate(600000)
	window := f.Duration("window", 350*time.Millisecond, "time between writes")
	f.Var(&rate, "bitrate", "bit rate of a connection")
	if err := parse(f, args); err != nil {
		return err
	}
	if *window < time.Millisecond || rate <= 0 {
		return errors.New("floor-server: want a window of at least 1ms and a bit rate")
	}
	if err := raiseFileLimit(0); err != nil {
		return err
	}
	runtime.LockOSThread()
	fd, err := listenLoopback()
	if err != nil {
		return err
	}
	block := make([]byte, int(float64(rate)/8*window.Seconds()))
	for rnd, i := rand.New(rand.NewPCG(3, 4)), 0; i < len(block); i++ {
		block[i] = byte(rnd.Uint32())
	}
	return serveFloor(fd, block, *window)
}

func listenLoopback() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return -1, fmt.Errorf("listen: %w", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return -1, fmt.Errorf("listen: %w", err)
	}
	_, err = fmt.Printf("127.0.0.1:%d\n", sa.(*unix.SockaddrInet4).Port)
	return fd, err
}

// serveFloor runs until it is killed.
func serveFloor(listener int, block []byte, window time.Duration) error {
	var conns []floorConn
	next := time.Now().Add(window)
	poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(poll, waitFor(int64(time.Until(next)))); err != nil && err != unix.EINTR {
			return fmt.Errorf("poll: %w", err)
		}
		for {
			fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err != nil {
				break // none waits, or it is gone already
			}
			conns = append(conns, floorConn{fd: fd})
		}
		if time.Now().Before(next) {
			continue
		}
		next = next.Add(window)
		alive := conns[:0]
		for _, c := range conns {
			if c.write(block) {
				alive = append(alive, c)
			}
		}
		conns = alive
	}
}

// write sends the block, and first what is left of the one before. A connection that does not even take
// that loses this block, which the players' ratio shows. It tells whether the connection lives.
func (c *floorConn) write(block []byte) bool {
	if c.rest > 0 {
		n, err := send(c.fd, block[len(block)-c.rest:])
		c.rest -= n
		if err != nil && !again(err) {
			unix.Close(c.fd)
			return false
		}
		if c.rest > 0 {
			return true
		}
	}
	n, err := send(c.fd, block)
	if err != nil && !again(err) {
		unix.Close(c.fd)
		return false
	}
	if err == nil {
		c.rest = len(block) - n
	}
	return true
}
