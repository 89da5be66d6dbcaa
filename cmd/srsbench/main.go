// Command srsbench loads a live-streaming server with publishers and players and says how it bears it.
//
//	srsbench -url rtmp://127.0.0.1/live/a -n 2000 -pid $(pidof srsd)     one publisher, 2000 players
//	srsbench play -url http://127.0.0.1:8080/live/a.flv -n 500            players of a stream that exists
//	srsbench publish -url rtmp://127.0.0.1/live/s{i} -n 500               500 streams
//	srsbench floor -n 2000 -window 350ms                                 the least that serving can cost
//	srsbench get -url http://127.0.0.1:1985/api/v1/summaries -rate 5000   requests to an API
//	srsbench hls -url http://127.0.0.1:8080/live/a.m3u8 -n 5000           viewers of HLS
//	srsbench rtc -url 'http://127.0.0.1:1985/rtc/v1/whep/?app=live&stream=a' -n 1000   players of WebRTC
//	srsbench compare -srsd ./srsd -n 1000,2000                           servers side by side
//
// It speaks RTMP, RTMPS, HTTP-FLV and WebSocket-FLV (ws, wss; players only), and publishes FLV by HTTP
// POST. "{i}" in a URL is replaced by the stream's number, counted from 0.
//
// All plain connections live in one thread on non-blocking sockets. A sample of the players (-sample)
// reads every frame: the frames of srsbench's own publishers carry the time they were sent, from
// which the latency follows, also when another srsbench on the same machine publishes. The other
// players read their stream in full until a second after their first key frame, and from then on have the
// kernel drop and count their bytes at an interval (-drain). They answer no pings while counting, but do
// acknowledge RTMP's windows.
//
// How readers read is part of the load. A reader that is woken by each packet costs the sender the
// wake-up on loopback, and acknowledges so early that a server which writes packet by packet with
// Nagle's algorithm on sends more and smaller segments; one that reads at intervals saves it both. Measured,
// 1000 players of 600 kb/s: nginx-rtmp took 25 % of a core at -drain 50ms or 100ms, 44 % at 10ms and 51 %
// at -sample -1; the floor with its window of 350 ms took 3.4, 4.0 and 5.6 %. The default
// is near to what players do, which read when something has come. Compare only figures taken with the same -drain and -sample.
//
// A run's exit status is 0 only if every connection started, none was lost and none stalled.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage1 = `usage: srsbench [play|publish|both|floor|compare] -url URL [flags]

  both     publish -publishers streams (1) and play them -n times; the default
  play     play -n times
  publish  publish -n streams
  floor    play from srsbench's own minimal server: one plain write per connection and window
  get      ask for documents over HTTP, at a rate or as many as it takes
  hls      play HLS -n times: each viewer gets every segment once
  rtc      play WebRTC by WHEP -n times: H.264 and Opus, loss counted
  compare  run several servers under the same loads, one after the other, in a table

"srsbench both -h" lists the flags.
`

func main() {
	err := command(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "srsbench:", err)
		os.Exit(1)
	}
}

// command runs one subcommand.
func command(args []string) error {
	name := "both"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	switch name {
	case "play", "publish", "both":
		return loadCommand(name, args)
	case "get":
		return getCommand(args)
	case "hls":
		return hlsCommand(args)
	case "rtc":
		return rtcCommand(args)
	case "floor":
		return floorCommand(args)
	case "floor-server": // what floor starts
		return floorServer(args)
	case "pin-exec": // what compare and floor start servers with
		return pinExec(args)
	case "compare":
		return compareCommand(args)
	}
	fmt.Fprint(os.Stderr, usage1)
	return fmt.Errorf("no command %q", name)
}

// newFlagSet makes a subcommand's flags. They print their list when asked with -h, not at every mistake.
func newFlagSet(name string) *flag.FlagSet {
	f := flag.NewFlagSet("srsbench "+name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse reads a subcommand's flags.
func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		f.SetOutput(os.Stderr)
		f.Usage()
	}
	return err
}

// loadFlags reads the flags of play, publish and both.
func loadFlags(name string, args []string) (*options, error) {
	o := &options{mode: name}
	f := newFlagSet(name)
	o.register(f)
	n := 0
	f.StringVar(&o.url, "url", "", `stream to use; "{i}" stands for the stream's number`)
	f.IntVar(&n, "n", 1, "players, or publishers for publish")
	if name != "publish" {
		f.IntVar(&o.streams, "streams", 0, "streams that players spread over (0: as many as are published)")
	}
	if name == "both" {
		f.IntVar(&o.publishers, "publishers", 1, "streams to publish")
		f.StringVar(&o.publishURL, "publish", "", "where to publish, if not at -url")
	}
	if err := parse(f, args); err != nil {
		return nil, err
	}
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("what is %q? Flags begin with -", f.Arg(0))
	case o.url == "":
		return nil, errors.New("no -url")
	case name == "publish":
		o.publishers, o.publishURL, o.url = n, o.url, ""
		o.streams = n
	default:
		o.players = n
	}
	if name == "both" && o.publishURL == "" {
		o.publishURL = o.url
	}
	return o, o.check()
}
