// Command dashboard is a server with a page of its own at /, which lists the streams and their
// clients through SRS's HTTP API, and kicks those that you point at:
//
//	go run ./examples/dashboard -password secret
//	ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/livestream
//	open http://127.0.0.1:8080/
//
// Without -password the page and the API answer this machine alone.
package main

import (
	"context"
	_ "embed"
	"flag"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/rtmp"
)

//go:embed page.html
var page string

// showPage serves the page. The path is protected as the API is: the browser asks for the password
// once, for both.
func showPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'")
	_, _ = io.WriteString(w, page)
}

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP: the page, the API and HTTP-FLV")
	password := flag.String("password", "", "of the user admin; empty: this machine alone is let in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	cfg := api.Config{
		Version: "1.0.0",
		Routes:  map[string]http.Handler{"/": http.HandlerFunc(showPage)},
		Auth:    api.AuthConfig{Hint: "Start it with -password."},
	}
	if *password != "" {
		cfg.Auth.Username, cfg.Auth.Password = "admin", *password
	}
	server := protocol.NewServer(
		protocol.Config{
			Logger: slog.Default(),
			// Two names and one address: the API shares the port with HTTP-FLV.
			HTTP: []protocol.HTTPListener{
				{Name: "http", Listen: []string{*httpAddr}},
				{Name: "api", Listen: []string{*httpAddr}},
			},
		},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		flv.New(flv.Config{}),
		api.New(cfg),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
