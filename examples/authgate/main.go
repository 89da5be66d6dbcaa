// Command authgate is a server to which only those publish who know a token; everybody may watch.
// The token goes with the stream's URL, where encoders have a field for it:
//
//	go run ./examples/authgate -token secret
//	ffmpeg -re -i FILE -c copy -f flv 'rtmp://127.0.0.1/live/livestream?token=secret'
//	ffplay rtmp://127.0.0.1/live/livestream
package main

import (
	"context"
	"crypto/subtle"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"strings"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// tokenGate is a stream.Gate. It is asked for every session of every protocol before anything is
// allocated for it, and may take its time: only the peer in question waits.
type tokenGate struct{ token string }

// Admit refuses those who publish without the token.
func (g tokenGate) Admit(_ context.Context, s *stream.Session) error {
	if s.Action != stream.ActionPublish {
		return nil
	}
	query, err := url.ParseQuery(strings.TrimPrefix(s.Request.Param, "?"))
	if err == nil && subtle.ConstantTimeCompare([]byte(query.Get("token")), []byte(g.token)) == 1 {
		return nil
	}
	// Public is what the peer is told, over RTMP in an onStatus. Err is for the log alone.
	return &stream.DeniedError{
		Public: "A token is needed to publish.",
		Err:    fmt.Errorf("wrong token for %v from %s", s.Request.Key, s.Request.Remote),
	}
}

func main() {
	token := flag.String("token", "", "what publishers must know")
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	if *token == "" {
		log.Fatal("authgate: -token is missing")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	server := protocol.NewServer(
		protocol.Config{
			Logger: slog.Default(),
			HTTP:   []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}},
		},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		flv.New(flv.Config{}),
	)
	server.Hub().AddGate(tokenGate{*token})
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
