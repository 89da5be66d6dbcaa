// Command signedurl is a server that plays to those alone who have a signed URL, as a web site hands
// it out to its visitors. Who publishes needs none here.
//
//	go run ./examples/signedurl -key secret
//	ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/livestream
//
// The site makes the URL with the same key, here for the next hour; any language can do it:
//
//	go run ./examples/signedurl -key secret -sign /live/livestream -for 1h
//	ffplay "http://127.0.0.1:8080/live/livestream.flv?$QUERY"
//
// The text is good for RTMP as well: rtmp://127.0.0.1/live/livestream?$QUERY.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/rtmp"
)

func main() {
	key := flag.String("key", "", "what signs")
	sign := flag.String("sign", "", "print the query that lets play this path, and leave")
	valid := flag.Duration("for", time.Hour, "with -sign: for how long")
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	if *key == "" {
		log.Fatal("signedurl: -key is missing")
	}
	if *sign != "" {
		fmt.Println(token.Sign(*key, token.Grant{Path: *sign, Expires: time.Now().Add(*valid)}))
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	vhost := gate.Vhost{SignedURL: gate.SignedURL{Keys: []string{*key}, Actions: gate.Play, Leeway: -1}}
	server := protocol.NewServer(
		protocol.Config{
			Logger: slog.Default(),
			HTTP:   []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}},
		},
		gate.New(gate.Config{Vhost: func(string) gate.Vhost { return vhost }}), // first: it is asked first
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		flv.New(flv.Config{}),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
