package handshake_test

import (
	"fmt"
	"net"

	"github.com/srsgo/srs/rtmp/handshake"
)

func Example() {
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		info, err := handshake.Server(server, handshake.Options{})
		fmt.Println(info.Schema, info.Verified, info.Version, err)
	}()
	if _, err := handshake.Client(client, handshake.Options{}); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output: schema1 true [9 0 124 2] <nil>
}
