package cmaf_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// A stream as one fragmented MP4, as a file or a response over HTTP has it.
func Example() {
	var file bytes.Buffer
	var init *cmaf.InitSegment
	k := cmaf.New(cmaf.Config{Muxed: true, SegmentDuration: time.Second}, func(p *cmaf.Part) {
		if p.Init != init {
			init = p.Init
			file.Write(init.Data)
		}
		file.Write(p.Data)
	})
	src := streamtest.H264AAC().Source()
	if err := stream.Copy(k, src); err != nil && err != io.EOF {
		log.Fatal(err)
	}
	if err := k.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %v\n", file.Bytes()[4:8], init.Codecs)
	// Output: ftyp avc1.42C00C,mp4a.40.2
}
