// Command record keeps what is published over RTMP as MP4 files, one for each publication.
//
//	go run ./examples/record
//	ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/livestream
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
	"github.com/srsgo/srs/rtmp"
)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	dir := flag.String("dir", "records", "directory of the files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	settings := dvr.Vhost{Enabled: true, Path: *dir + "/[app]/[stream].[timestamp].mp4"}
	server := protocol.NewServer(
		protocol.Config{},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		dvr.New(dvr.Config{
			Vhost:  func(string) dvr.Vhost { return settings },
			OnFile: func(r dvr.Recording) { log.Print("recorded ", r.File, ", ", r.Duration) },
		}),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
