//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// crowd is clients that come back when the server asks them to, or ends them.
type crowd struct {
	s       *server
	ctx     context.Context
	playing atomic.Int64
	tries   atomic.Int64 // connections of any kind
	work    sync.WaitGroup

	mu                   sync.Mutex
	refused              []error
	publishers, watchers []time.Duration // the longest gap of each
}

// try counts a connection, and what came of it.
func (c *crowd) try(err error) bool {
	c.tries.Add(1)
	if err == nil {
		return true
	}
	if c.ctx.Err() == nil {
		c.mu.Lock()
		c.refused = append(c.refused, err)
		c.mu.Unlock()
	}
	return false
}

func (c *crowd) note(list *[]time.Duration, gap time.Duration) {
	c.mu.Lock()
	*list = append(*list, gap)
	c.mu.Unlock()
}

// roamer is a publisher that changes servers at a key frame, once the new session stands. It is a sink,
// so that a clip can be paced into it.
type roamer struct {
	c     *crowd
	url   string
	conn  *rtmp.PublishConn
	moved chan *rtmp.PublishConn
	last  time.Duration // of the stream's time: the latest frame that a server took
	gap   time.Duration // the longest between two such
}

// WritePacket sends to the server of the moment.
func (r *roamer) WritePacket(p *stream.Packet) error {
	select {
	case url := <-r.conn.Reconnect():
		go func() {
			n, err := rtmp.DialPublish(r.c.ctx, url, nil)
			if r.c.try(err) {
				r.moved <- n
			}
		}()
	default:
	}
	if p.Flags&stream.KeyFrame != 0 && p.Kind() == stream.KindVideo {
		select {
		case n := <-r.moved:
			go r.conn.Close()
			r.conn = n
		default:
		}
	}
	if err := r.conn.WritePacket(p); err != nil {
		return err
	}
	if r.last > 0 {
		r.gap = max(r.gap, p.DTS-r.last)
	}
	r.last = p.DTS
	return nil
}

func (c *crowd) publish(url string) {
	conn, err := rtmp.DialPublish(c.ctx, url, nil)
	if !c.try(err) {
		return
	}
	r := &roamer{c: c, url: url, conn: conn, moved: make(chan *rtmp.PublishConn, 1)}
	err = streamtest.Publish(c.ctx, r, streamtest.H264AAC().Loop(0), 1)
	if c.ctx.Err() == nil {
		c.try(err)
	}
	_ = r.conn.Close()
	c.note(&c.publishers, r.gap)
}

// source is a player's session over some protocol.
type source interface {
	stream.Source
	Close() error
}

// watch plays until the end, and notes the longest wait for a packet, on the wall clock.
func (c *crowd) watch(dial func() (src source, asked <-chan string, err error)) {
	var last time.Time
	var gap time.Duration
	defer func() { c.note(&c.watchers, gap) }()
	for c.ctx.Err() == nil {
		src, asked, err := dial()
		if !c.try(err) {
			return
		}
		stop := context.AfterFunc(c.ctx, func() { _ = src.Close() })
		for moves := false; !moves; {
			_, err := src.ReadPacket()
			if err != nil {
				break
			}
			if last.IsZero() {
				c.playing.Add(1)
			} else {
				gap = max(gap, time.Since(last))
			}
			last = time.Now()
			select {
			case <-asked:
				moves = true
			default:
			}
		}
		stop()
		_ = src.Close()
	}
}

func (c *crowd) watchRTMP(url string) {
	c.watch(func() (source, <-chan string, error) {
		p, err := rtmp.DialPlay(c.ctx, url, nil)
		if err != nil {
			return nil, nil, err
		}
		return p, p.Reconnect(), nil
	})
}

func (c *crowd) watchFLV(url string) {
	c.watch(func() (source, <-chan string, error) {
		p, err := flv.Pull(c.ctx, url, nil)
		if err != nil {
			return nil, nil, err
		}
		return p, nil, nil
	})
}

// knock connects over and over, to see whether there is always somebody who answers.
func (c *crowd) knock(ask func() error) {
	for c.ctx.Err() == nil {
		c.try(ask())
		time.Sleep(time.Millisecond)
	}
}

// hello begins an RTMP handshake.
func hello(addr string) error {
	n, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer n.Close()
	_ = n.SetDeadline(time.Now().Add(patience))
	if _, err := n.Write(append([]byte{3}, make([]byte, 1536)...)); err != nil {
		return err
	}
	_, err = io.ReadFull(n, make([]byte, 1537))
	return err
}

// ask makes a request on a connection of its own.
func ask(url string) error {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := c.Get(url)
	if err != nil {
		return err
	}
	r.Body.Close()
	if r.StatusCode >= 500 {
		return errors.New(r.Status)
	}
	return nil
}

// load is how large a crowd is; SRSD_UPGRADE_LOAD=200,2000 makes it another one.
func load(t *testing.T) (publishers, players int) {
	text := os.Getenv("SRSD_UPGRADE_LOAD")
	if text == "" {
		return 50, 200
	}
	a, b, _ := strings.Cut(text, ",")
	publishers, err := strconv.Atoi(a)
	require.NoError(t, err)
	players, err = strconv.Atoi(b)
	require.NoError(t, err)
	return publishers, players
}

// TestUpgradeUnderLoad holds that an upgrade refuses nobody, and that all move to the new process. How
// long their gaps are is told, with -v.
func TestUpgradeUnderLoad(t *testing.T) {
	publishers, players := load(t)
	s := launch(t, strings.NewReplacer("max_connections 100", "max_connections 10000", "pithy_print_ms 200", "pithy_print_ms 10000").
		Replace(basic)+playable, nil, "-c", "srs.conf")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := &crowd{s: s, ctx: ctx}
	defer c.work.Wait()
	defer cancel()
	addr := fmt.Sprintf("127.0.0.1:%d", s.rtmp)
	for i := range publishers {
		c.work.Go(func() { c.publish(fmt.Sprintf("rtmp://%s/live/%d", addr, i)) })
	}
	for i := range players {
		time.Sleep(time.Millisecond) // or the backlog is what refuses
		if i%2 == 0 {
			c.work.Go(func() { c.watchRTMP(fmt.Sprintf("rtmp://%s/live/%d", addr, i/2%publishers)) })
		} else {
			c.work.Go(func() { c.watchFLV(fmt.Sprintf("http://127.0.0.1:%d/live/%d.flv", s.http, i/2%publishers)) })
		}
	}
	c.work.Go(func() { c.knock(func() error { return hello(addr) }) })
	c.work.Go(func() { c.knock(func() error { return ask(fmt.Sprintf("http://127.0.0.1:%d/none", s.http)) }) })
	all := func() bool { return c.playing.Load() >= int64(players) }
	require.Eventually(t, all, 30*time.Second, 10*time.Millisecond, "not everybody plays")
	c.mu.Lock()
	require.Empty(t, c.refused)
	before := c.tries.Load()
	c.mu.Unlock()

	begin := time.Now()
	s.signal(syscall.SIGUSR2)
	next := s.successor()
	took := time.Since(begin)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the old process still has clients")
	}
	left := time.Since(begin)
	require.Zero(t, s.cmd.ProcessState.ExitCode())
	for i := range publishers {
		require.NoError(t, s.picture(strconv.Itoa(i)))
	}
	cancel()
	c.work.Wait()
	require.Empty(t, c.refused, "connections were refused")
	require.Greater(t, c.tries.Load()-before, int64(players/2))
	slices.Sort(c.publishers)
	slices.Sort(c.watchers)
	p99 := func(l []time.Duration) time.Duration { return l[len(l)*99/100].Round(time.Millisecond) }
	t.Logf("%d publishers, %d players: the new process serves after %v, the old one has ended after %v; %d connections meanwhile, none refused",
		publishers, players, took.Round(time.Millisecond), left.Round(time.Millisecond), c.tries.Load()-before)
	t.Logf("gaps: publishers, of their clip: p50 %v, p99 %v, most %v; players, between two packets: p50 %v, p99 %v, most %v",
		c.publishers[len(c.publishers)/2], p99(c.publishers), c.publishers[len(c.publishers)-1],
		c.watchers[len(c.watchers)/2].Round(time.Millisecond), p99(c.watchers), c.watchers[len(c.watchers)-1].Round(time.Millisecond))
	require.NoError(t, syscall.Kill(next, syscall.SIGTERM))
	awaitGone(t, next)
}
