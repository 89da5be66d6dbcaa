package hook

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// ended gives a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// tape records what was told.
type tape struct {
	mu   sync.Mutex
	list map[string][]int // by client
	n    int
}

func (p *tape) fact(client string, i int, gate <-chan bool) *fact {
	return &fact{client: client, tell: func(context.Context) {
		if gate != nil {
			<-gate
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.list[client] = append(p.list[client], i)
		p.n++
	}}
}

// TestQueueOrder: facts of one client are told in order, one at a time, and those of all by a bounded
// number of workers.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	const clients, facts = 100, 50
	q := newQueue()
	p := &tape{list: map[string][]int{}}
	var now, most atomic.Int32
	var busy [clients]atomic.Bool
	var push sync.WaitGroup
	for c := range clients {
		push.Go(func() {
			for i := range facts {
				f := p.fact(strconv.Itoa(c), i, nil)
				tell := f.tell
				f.tell = func(ctx context.Context) {
					if !busy[c].CompareAndSwap(false, true) {
						t.Errorf("client %d: two at a time", c)
					}
					if n := now.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(time.Millisecond)
					tell(ctx)
					now.Add(-1)
					busy[c].Store(false)
				}
				if !q.push(f) {
					t.Error("dropped")
				}
			}
		})
	}
	push.Wait()
	q.close(context.Background())
	require.Len(t, p.list, clients)
	for c, list := range p.list {
		require.Len(t, list, facts, c)
		require.True(t, slices.IsSorted(list), "%s: %v", c, list)
	}
	require.LessOrEqual(t, most.Load(), int32(maxWorkers))
	require.Greater(t, most.Load(), int32(1))
	require.Empty(t, q.lanes)
	require.Zero(t, q.workers)
}

// TestQueueBounds: what there is no room for is dropped, the oldest first, and leaves nothing.
func TestQueueBounds(t *testing.T) {
	t.Parallel()
	const extra = 5_000
	q := newQueue()
	p := &tape{list: map[string][]int{}}
	gate := make(chan bool)
	for i := range maxWorkers { // these wait for nobody, and hold the workers
		require.True(t, q.push(p.fact("busy"+strconv.Itoa(i), 0, gate)))
	}
	eventually(t, "they are busy", func() bool { n, _ := q.figures(); return n == 0 })
	for i := range maxClientFacts + 7 {
		require.Equal(t, i < maxClientFacts, q.push(p.fact("many", i, nil)))
	}
	waiting, dropped := q.figures()
	require.Equal(t, maxClientFacts, waiting)
	require.EqualValues(t, 7, dropped)

	ends := stream.Key{Name: "s"}
	oldest := p.fact("oldest", 0, nil)
	oldest.ends = ends
	q.push(oldest)
	room := maxFacts - maxClientFacts - 1
	for i := range room + extra {
		require.Equal(t, i < room, q.push(p.fact("one"+strconv.Itoa(i), i, nil)))
	}
	waiting, dropped = q.figures()
	require.Equal(t, maxFacts, waiting)
	require.EqualValues(t, 7+extra, dropped)
	require.Len(t, q.lanes, maxFacts+maxWorkers)
	require.Equal(t, maxFacts, q.ready.Len())
	q.ended(context.Background(), ends) // a fact that was dropped is not waited for
	require.Empty(t, q.ending)

	close(gate)
	q.close(context.Background())
	require.Equal(t, maxFacts+maxWorkers, p.n)
	require.NotContains(t, p.list, "many")
	require.NotContains(t, p.list, "oldest")
	require.NotContains(t, p.list, "one"+strconv.Itoa(extra-maxClientFacts-2))
	require.Contains(t, p.list, "one"+strconv.Itoa(extra-maxClientFacts-1))
	require.Empty(t, q.lanes)
}

// TestQueueBytes: facts of long names make room for fewer.
func TestQueueBytes(t *testing.T) {
	t.Parallel()
	const size = maxFactBytes / 4
	q := newQueue()
	p := &tape{list: map[string][]int{}}
	gate := make(chan bool)
	for i := range maxWorkers {
		q.push(p.fact("busy"+strconv.Itoa(i), 0, gate))
	}
	eventually(t, "they are busy", func() bool { n, _ := q.figures(); return n == 0 })
	for i := range 6 {
		f := p.fact("long", i, nil)
		f.size = size
		require.Equal(t, i < 4, q.push(f), i)
	}
	require.Equal(t, maxFactBytes, q.bytes)
	f := p.fact("longer", 0, nil)
	f.size = 2*size + 1
	require.False(t, q.push(f))
	f = p.fact("longest", 0, nil)
	f.size = maxFactBytes + 1
	require.False(t, q.push(f), "it is alone, and waits all the same")
	close(gate)
	q.close(context.Background())
	require.NotContains(t, p.list, "long")
	require.NotContains(t, p.list, "longer")
	require.Contains(t, p.list, "longest")
	require.Zero(t, q.bytes)
}

// TestQueueClose: the end waits for the facts there are, with a ctx that has ended for a second; what
// is under way then is cut off.
func TestQueueClose(t *testing.T) {
	t.Parallel()
	p := &tape{list: map[string][]int{}}
	q := newQueue()
	q.lastWords = patience
	for i := range 20 {
		q.push(p.fact("a", i, nil))
	}
	q.close(ended())
	require.Len(t, p.list["a"], 20, "no last words")
	require.False(t, q.push(p.fact("late", 0, nil)))
	_, dropped := q.figures()
	require.EqualValues(t, 1, dropped)

	q = newQueue()
	var cut atomic.Int32
	for i := range 10 {
		q.push(&fact{client: fmt.Sprint(i % 2), ends: stream.Key{Name: "s"}, tell: func(ctx context.Context) {
			<-ctx.Done()
			cut.Add(1)
		}})
	}
	q.close(ended())
	require.EqualValues(t, 2, cut.Load())
	waiting, dropped := q.figures()
	require.Zero(t, waiting)
	require.EqualValues(t, 8, dropped)
	q.ended(context.Background(), stream.Key{Name: "s"})

	newQueue().close(ended())
}

// TestQueueEnded: the wait for a stream's end has one itself.
func TestQueueEnded(t *testing.T) {
	t.Parallel()
	q := newQueue()
	k := stream.Key{Name: "s"}
	gate := make(chan bool)
	for i := range 2 {
		q.push(&fact{client: fmt.Sprint(i), ends: k, tell: func(context.Context) { <-gate }})
	}
	q.ended(ended(), k)
	q.ended(context.Background(), stream.Key{Name: "other"})
	done := make(chan bool)
	go func() { q.ended(context.Background(), k); close(done) }()
	gate <- true
	select {
	case <-done:
		t.Error("one of two was enough")
	case <-time.After(10 * time.Millisecond):
	}
	gate <- true
	<-done
	q.close(context.Background())
}

// TestFactsGoOn: facts that fail are logged, and those after them are told.
func TestFactsGoOn(t *testing.T) {
	t.Parallel()
	c := newCallee(t, refuse(onUnpublish, onStop))
	srv := run(t, same(all(c.url)))
	const sessions = 200
	for i := range sessions {
		require.NoError(t, srv.publish(request("rtmp", strconv.Itoa(i))))
	}
	srv.shutdown()
	require.Len(t, c.hooks(), 4*sessions)
	text := srv.logs.String()
	require.Contains(t, text, `msg="callback failed"`)
	require.Contains(t, text, "on_unpublish: code 3008")
	require.Less(t, strings.Count(text, `msg="callback failed"`), sessions/2, "each failure has a line")
	require.Equal(t, Stats{Calls: 4 * sessions, Failures: sessions}, srv.m.Stats())
}

// TestFactsDown: while a callee hangs, its facts wait in bounds and harm nobody; what is never told
// is counted, and logged.
func TestFactsDown(t *testing.T) {
	t.Parallel()
	dead := rawServer(t, hangs(""))
	c := newCallee(t, nil)
	v := all(c.url)
	v.OnHLS = []string{dead}
	srv := run(t, same(v))
	q := request("rtmp", "a")
	s := &stream.Session{ID: "abcdefgh", Action: stream.ActionPublish, Request: q}
	srv.m.HLS(s, Segment{})
	eventually(t, "the first is under way", func() bool { return srv.m.Stats().Waiting == 0 })
	for i := range 3*maxClientFacts - 1 {
		srv.m.HLS(s, Segment{Seq: uint64(i + 1)})
	}
	require.NoError(t, srv.publish(q))
	require.Equal(t, onClose, c.wait(t, 4)[3].hook)
	stats := srv.m.Stats()
	require.Equal(t, maxClientFacts, stats.Waiting)
	require.EqualValues(t, 2*maxClientFacts-1, stats.Dropped)
	require.Contains(t, srv.logs.String(), "the oldest are dropped")

	_ = srv.Shutdown(ended())
	require.EqualValues(t, 3*maxClientFacts-1, srv.m.Stats().Dropped)
	require.Contains(t, srv.logs.String(), "never told")
}

// TestDrain: those whose end is the server's are told of.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	srv := run(t, same(all(c.url)))
	q := request("rtmp", "a")
	conn := srv.connect(&q)
	p, err := srv.Hub().Publish(t.Context(), q)
	require.NoError(t, err)
	require.NoError(t, p.Close(stream.ErrShutdown))
	conn.Close(stream.ErrShutdown)
	srv.m.facts.lastWords = patience
	_ = srv.Shutdown(ended())
	require.Equal(t, []string{onConnect, onPublish, onUnpublish, onClose}, c.hooks())
}

// TestRestart: facts of a server whose callee comes up late are told on new connections.
func TestRestart(t *testing.T) {
	t.Parallel()
	addr := closedAddr(t)
	v := Vhost{OnStop: []string{"http://" + addr + "/"}}
	srv := run(t, same(v))
	require.NoError(t, srv.play(request("flv", "a")))
	eventually(t, "on_stop has failed", func() bool { return srv.m.Stats().Failures == 1 })
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	defer l.Close()
	told := make(chan bool)
	go func() {
		c, err := l.Accept()
		if err == nil {
			says(ok)(0, c)
			_ = c.Close()
			close(told)
		}
	}()
	require.NoError(t, srv.play(request("flv", "a")))
	<-told
}
