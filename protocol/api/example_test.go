package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/rtmp"
)

// An application that streams, and answers SRS's API beside it. Nobody but its own machine may ask
// before Config.Auth has a credential.
func Example() {
	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{
			{Name: "http", Listen: []string{"127.0.0.1:0"}}, // :8080
			{Name: "api", Listen: []string{"127.0.0.1:0"}},  // :1985
		}},
		rtmp.New(rtmp.Config{Listen: []string{"127.0.0.1:0"}}), // :1935
		flv.New(flv.Config{}),
		api.New(api.Config{Version: "1.2.3", Root: true}),
	)
	ctx := context.Background()
	if err := server.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Shutdown(ctx) }()

	res, err := http.Get("http://" + server.HTTPAddrs("api")[0].String() + "/api/v1/versions")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Code int
		Data struct{ Major, Minor, Revision int }
	}
	fmt.Println(json.NewDecoder(res.Body).Decode(&answer), answer.Code, answer.Data)
	// Output: <nil> 0 {1 2 3}
}
