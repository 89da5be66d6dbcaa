// Command recordbrowser keeps what browsers publish by WebRTC as MP4 files, one for each publication, as
// it was sent: H.264 and Opus.
//
//	go run ./examples/recordbrowser
//	open http://127.0.0.1:8080/players/whip.html
//	ls records/live
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/srsgo/srs/dvr"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc"
)

func main() {
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	rtcAddr := flag.String("rtc", ":8000", "UDP address for WebRTC")
	dir := flag.String("dir", "records", "directory of the files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	settings := dvr.Vhost{Enabled: true, Path: *dir + "/[app]/[stream].[timestamp].mp4"}
	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}}},
		rtc.New(rtc.Config{Listen: []string{*rtcAddr}}),
		dvr.New(dvr.Config{
			Vhost:  func(string) dvr.Vhost { return settings },
			OnFile: func(r dvr.Recording) { log.Print("recorded ", r.File, ", ", r.Duration) },
		}),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
