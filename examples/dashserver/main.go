// Command dashserver turns what is published over RTMP into MPEG-DASH with low latency: a second and a
// half to players that know it, such as dash.js. A key frame each second is what it wants.
//
//	go run ./examples/dashserver
//	ffmpeg -re -i FILE -c:v libx264 -g 25 -bf 0 -c:a aac -f flv rtmp://127.0.0.1/live/livestream
//	https://reference.dashif.org/dash.js/ with http://127.0.0.1:8080/live/livestream.mpd
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	settings := dash.Vhost{Enabled: true, Fragment: time.Second, WindowSize: 10, LowLatency: dash.LowLatency{PartDuration: 200 * time.Millisecond}}
	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}}},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		dash.New(dash.Config{Vhost: func(string) dash.Vhost { return settings }}),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
