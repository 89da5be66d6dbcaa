// Command callbacks is a server whose application decides who publishes and plays, and hears of all
// that happens, by SRS's HTTP callbacks. Here the application is in the same process; it may as well
// be elsewhere, in any language. With -functions it does without HTTP.
//
//	go run ./examples/callbacks -key secret
//	ffmpeg -re -i FILE -c copy -f flv 'rtmp://127.0.0.1/live/livestream?key=secret'
//	ffplay rtmp://127.0.0.1/live/livestream
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/hook"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// application is what is asked and told.
type application struct{ key string }

// handle takes a callback's name and what it is about. The answer counts for on_connect, on_publish
// and on_play: publishers must know the key, and nobody watches a stream whose name begins with
// private.
func (a application) handle(action, name, param string) (ok bool) {
	fmt.Println(action, name)
	switch action {
	case "on_publish":
		query, err := url.ParseQuery(strings.TrimPrefix(param, "?"))
		return err == nil && query.Get("key") == a.key
	case "on_play":
		return !strings.HasPrefix(name, "private")
	}
	return true
}

// ServeHTTP answers callbacks: code 0 lets the client in, anything else refuses it.
func (a application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct{ Action, Stream, Param string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	code := 1
	if a.handle(call.Action, call.Stream, call.Param) {
		code = 0
	}
	_, _ = fmt.Fprintf(w, `{"code":%d}`, code)
}

// serve runs the application's HTTP server until ctx ends, and gives its URL.
func (a application) serve(ctx context.Context) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
		}
	}()
	return "http://" + l.Addr().String(), nil
}

// callbacks has every callback of every vhost call one URL.
func callbacks(url string) *hook.Module {
	to := []string{url}
	all := hook.Vhost{
		OnConnect: to, OnClose: to, OnPublish: to, OnUnpublish: to, OnPlay: to, OnStop: to,
		Timeout: 5 * time.Second,
	}
	return hook.New(hook.Config{Vhost: func(string) hook.Vhost { return all }})
}

// functions has the hub ask and tell the application without HTTP.
func (a application) functions(hub *stream.Hub) {
	asks := map[stream.Action]string{
		stream.ActionOpen: "on_connect", stream.ActionPublish: "on_publish", stream.ActionPlay: "on_play",
	}
	hub.AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		action := asks[s.Action]
		if action == "" || a.handle(action, s.Request.Key.Name, s.Request.Param) {
			return nil
		}
		return &stream.DeniedError{Public: "Refused by " + action + "."}
	}))
	tells := map[stream.EventType]string{
		stream.EventUnpublish: "on_unpublish", stream.EventStop: "on_stop", stream.EventClose: "on_close",
	}
	hub.Observe(func(e stream.Event) {
		if action := tells[e.Type]; action != "" {
			a.handle(action, e.Session.Request.Key.Name, e.Session.Request.Param)
		}
	})
}

func main() {
	key := flag.String("key", "", "what publishers must know")
	direct := flag.Bool("functions", false, "call functions instead of URLs")
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	if *key == "" {
		log.Fatal("callbacks: -key is missing")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, application{*key}, *direct, *rtmpAddr, *httpAddr); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, app application, direct bool, rtmpAddr, httpAddr string) error {
	var modules []protocol.Module
	if !direct {
		life, end := context.WithCancel(context.WithoutCancel(ctx)) // it hears of the last client's end
		defer end()
		u, err := app.serve(life)
		if err != nil {
			return err
		}
		modules = append(modules, callbacks(u)) // before the protocols
	}
	modules = append(modules, rtmp.New(rtmp.Config{Listen: []string{rtmpAddr}}), flv.New(flv.Config{}))
	server := protocol.NewServer(protocol.Config{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		HTTP:   []protocol.HTTPListener{{Name: "http", Listen: []string{httpAddr}}},
	}, modules...)
	if direct {
		app.functions(server.Hub())
	}
	return server.Run(ctx)
}
