package chunk_test

import (
	"bytes"
	"fmt"

	"github.com/srsgo/srs/rtmp/chunk"
)

func Example() {
	out := chunk.AppendMessage(nil, &chunk.Message{
		Header:  chunk.Header{Type: chunk.Audio, ChunkStream: 4, StreamID: 1, Timestamp: 23},
		Payload: []byte{0xaf, 0x01, 0x21},
	}, chunk.DefaultSize)

	r := chunk.NewReader(bytes.NewReader(out), chunk.Options{BufferSize: 512})
	m, err := r.ReadMessage()
	fmt.Println(m.Type == chunk.Audio, m.Timestamp, len(m.Payload), err)
	_, err = r.ReadMessage()
	fmt.Println(err)
	// Output:
	// true 23 3 <nil>
	// EOF
}

func ExampleAppendMessage2() {
	h := chunk.Header{Type: chunk.Video, ChunkStream: 6, StreamID: 1}
	tag, frame := []byte{0x27, 1, 0, 0, 0}, []byte{0xff, 0xff}
	dst := make([]byte, 0, chunk.Size(h, 4096, len(tag)+len(frame)))
	fmt.Printf("% x\n", chunk.AppendMessage2(dst, h, 4096, tag, frame))
	// Output: 06 00 00 00 00 00 07 09 01 00 00 00 27 01 00 00 00 ff ff
}

func ExampleMessage_Split() {
	m := chunk.Message{
		Header: chunk.Header{Type: chunk.Aggregate, ChunkStream: 5, StreamID: 1, Timestamp: 1000},
		Payload: []byte{
			8, 0, 0, 1, 0, 0, 10, 0, 0, 0, 0, 'a', 0, 0, 0, 12,
			9, 0, 0, 1, 0, 0, 30, 0, 0, 0, 0, 'v', 0, 0, 0, 12,
		},
	}
	err := m.Split(func(sub chunk.Message) error {
		fmt.Println(sub.Type, sub.Timestamp, string(sub.Payload))
		return nil
	})
	fmt.Println(err)
	// Output:
	// 8 1000 a
	// 9 1020 v
	// <nil>
}
