package gate_test

import (
	"context"
	"fmt"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/errcode"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/stream"
)

// Publishers come from one network, players from anywhere, ten at most for each address.
func Example() {
	allow, _ := gate.ParseSecurityRule("allow publish 192.0.2.0/24")
	all, _ := gate.ParseSecurityRule("allow play all")
	gates := gate.New(gate.Config{Vhost: func(string) gate.Vhost {
		return gate.Vhost{
			Security: gate.Security{Enabled: true, Rules: []gate.SecurityRule{allow, all}},
			Limits:   gate.Limits{PerIP: gate.Limit{Players: 10}},
		}
	}})
	server := protocol.NewServer(protocol.Config{}, gates) // and the protocols
	if err := server.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown(context.Background())

	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "livestream"}
	_, err := server.Hub().Publish(context.Background(), stream.Request{Key: key, Remote: "198.51.100.7:50000"})
	fmt.Println(errcode.Of(err).Name)
	_, err = server.Hub().Play(context.Background(), stream.Request{Key: key, Remote: "198.51.100.7:50001"})
	fmt.Println(err)
	// Output:
	// SecurityAllow
	// <nil>
}
