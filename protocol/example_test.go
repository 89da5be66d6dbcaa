package protocol_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// echo is the smallest module: it listens, serves connections, and shuts down.
type echo struct {
	addr string
	acc  *protocol.Acceptor
}

func (m *echo) Info() protocol.Info { return protocol.Info{Name: "echo", Ingest: []string{"echo"}} }

func (m *echo) Start(_ context.Context, h *protocol.Host) error {
	l, err := h.Listen(m.addr, protocol.ListenOptions{})
	if err != nil {
		return err
	}
	m.acc = h.Acceptor(func(_ context.Context, c net.Conn) { _, _ = io.Copy(c, c) })
	h.Go(func(context.Context) error { return m.acc.Serve(l) })
	h.HTTP("api").Handle("/hello", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	return nil
}

func (m *echo) Shutdown(ctx context.Context) error { return m.acc.Shutdown(ctx) }

// A server is a list of modules. Here the listeners are the test's own; most servers
// name addresses alone.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := protocol.NewServer(protocol.Config{
		HTTP:      []protocol.HTTPListener{{Name: "api", Listen: []string{":1985"}}},
		Listeners: map[string]net.Listener{":7": l, ":1985": web},
	}, &echo{addr: ":7"})
	if err := srv.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(c, "echo")
	b := make([]byte, 4)
	_, err = io.ReadFull(c, b)
	fmt.Println(string(b), err)
	_ = c.Close()

	res, err := http.Get("http://" + web.Addr().String() + "/hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	b, _ = io.ReadAll(res.Body)
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	fmt.Println(string(b))
	fmt.Println(srv.Shutdown(context.Background()))
	// Output:
	// echo <nil>
	// hello
	// <nil>
}

func ExampleResolveRTMP() {
	r, err := protocol.ResolveRTMP("rtmp://192.0.2.1/live?vhost=example.org", "camera?token=1")
	fmt.Println(r.Key, r.Param, err)
	_, err = protocol.ResolveRTMP("rtmp://192.0.2.1/live", "")
	fmt.Println(errors.Is(err, protocol.ErrStreamName))
	// Output:
	// example.org/live/camera ?token=1&vhost=example.org <nil>
	// true
}

func ExampleVhostSet() {
	set := protocol.VhostSet{stream.DefaultVhost: true, "example.org": true, "old.example.org": false}
	for _, host := range []string{"example.org", "192.0.2.1", "old.example.org"} {
		fmt.Println(set.Lookup(host))
	}
	// Output:
	// example.org true
	// __defaultVhost__ true
	// old.example.org false
}

// A program that replaces itself on a signal: no connection is refused at any time. The
// same program runs under systemd's socket activation.
func ExampleServer_HandOver() {
	inherited, err := protocol.Inherit()
	if err != nil {
		log.Fatal(err)
	}
	srv := protocol.NewServer(protocol.Config{Inherited: inherited}, &echo{addr: ":7"})
	if err := srv.Start(context.Background()); err != nil {
		inherited.Fail(err.Error())
		log.Fatal(err)
	}
	inherited.Ready() // the process before this one stops accepting

	program := slices.Clone(os.Args)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	for range signals {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := srv.HandOver(ctx, exec.Command(program[0], program[1:]...))
		cancel()
		if err == nil {
			break
		}
		log.Print(err) // it goes on
	}
	drain, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		log.Fatal(err)
	}
}
