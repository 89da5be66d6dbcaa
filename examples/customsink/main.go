// Command customsink is a server that keeps a picture of every stream: a stream.Sink of its own
// writes each key frame of H.264 to a file that any decoder opens.
//
//	go run ./examples/customsink -out /tmp
//	ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/livestream
//	ffmpeg -i /tmp/live-livestream.h264 picture.png
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// snapshot is a Sink that has the newest key frame in a file.
type snapshot struct {
	file    string
	written int
}

// WritePacket writes the packet if it is a key frame of H.264.
func (s *snapshot) WritePacket(p *stream.Packet) error {
	if !p.Key() || p.Info().Codec != stream.H264 {
		return nil
	}
	frame, err := annexB(p)
	if err != nil {
		slog.Warn("a key frame is left out", "file", s.file, "err", err)
		return nil // an error would end the Copy
	}
	// Written aside and renamed, so that nobody reads half a frame.
	if err := os.WriteFile(s.file+".tmp", frame, 0o644); err != nil {
		return err
	}
	s.written++
	return os.Rename(s.file+".tmp", s.file)
}

// annexB gives the form in which files and TS have H.264 (ITU-T H.264 annex B): start codes in
// place of the lengths that Packet.Payload has, behind the parameter sets, which Track.Config has.
func annexB(p *stream.Packet) ([]byte, error) {
	config, err := codec.ParseAVC(p.Info().Config)
	if err != nil {
		return nil, err
	}
	var out []byte
	add := func(unit []byte) { out = append(append(out, 0, 0, 0, 1), unit...) }
	for _, unit := range config.SPS {
		add(unit)
	}
	for _, unit := range config.PPS {
		add(unit)
	}
	for rest := p.Payload; len(rest) > 0; {
		if len(rest) < 4 {
			return nil, errors.New("no length before a NAL unit")
		}
		n := binary.BigEndian.Uint32(rest)
		rest = rest[4:]
		if uint64(n) > uint64(len(rest)) {
			return nil, errors.New("a NAL unit is longer than the frame")
		}
		add(rest[:n])
		rest = rest[n:]
	}
	return out, nil
}

// unsafeName is what of a stream's name does not go into a file's: it comes from a stranger.
var unsafeName = regexp.MustCompile(`[^A-Za-z0-9_]+`)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	out := flag.String("out", ".", "directory for the pictures")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	server := protocol.NewServer(protocol.Config{}, rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}))
	// OnLive's function runs once for each publication, and its ctx ends with that.
	server.Hub().OnLive(func(ctx context.Context, s *stream.Stream) {
		name := unsafeName.ReplaceAllString(s.Key().App+"-"+s.Key().Name, "-")
		sink := &snapshot{file: filepath.Join(*out, name+".h264")}
		// Open reads from within: it is no viewer, asks no gate, and keeps no stream alive.
		player := s.Open(ctx, stream.FromKey)
		defer player.Close()
		err := stream.Copy(sink, player)
		if ctx.Err() != nil {
			err = nil // the publication's end
		}
		fmt.Println(s.Key(), sink.written, "key frames, error:", err)
	})
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
