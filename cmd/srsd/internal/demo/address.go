package demo

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// defaults are the variables that make a demo's configuration where the environment has no others.
var defaults = []string{
	"SRS_LISTEN=1935", "SRS_HTTP_SERVER_ENABLED=on", "SRS_HTTP_SERVER_LISTEN=8080",
	"SRS_VHOST_HTTP_REMUX_ENABLED=on", "SRS_VHOST_HTTP_REMUX_MOUNTS=[vhost]/[app]/[stream].ts [vhost]/[app]/[stream].mp4", "SRS_DAEMON=off",
	"SRS_VHOST_HLS_ENABLED=on", "SRS_VHOST_HLS_HLS_MEMORY=on", "SRS_VHOST_HLS_HLS_LOW_LATENCY=on", "SRS_VHOST_HLS_HLS_FRAGMENT=1",
	"SRS_VHOST_DASH_ENABLED=on", "SRS_VHOST_DASH_DASH_MEMORY=on", "SRS_VHOST_DASH_DASH_LOW_LATENCY=on", "SRS_VHOST_DASH_DASH_FRAGMENT=1",
	"SRS_RTC_SERVER_ENABLED=on", "SRS_VHOST_RTC_ENABLED=on", "SRS_VHOST_RTC_RTMP_TO_RTC=on", "SRS_VHOST_RTC_RTC_TO_RTMP=on",
	"SRS_HTTP_API_ENABLED=on", "SRS_HTTP_API_AUTH_ANONYMOUS=off", // for this machine alone
}

// Environ adds what a demo needs to an environment that does not say otherwise; an empty variable
// says nothing.
func Environ(have []string) []string {
	var out []string
	for _, d := range defaults {
		name, _, _ := strings.Cut(d, "=")
		if value(have, name) == "" {
			out = append(out, d)
		}
	}
	if value(have, "SRS_HTTP_API_LISTEN") == "" { // one port is enough for a demo
		out = append(out, "SRS_HTTP_API_LISTEN="+value(slices.Concat(have, out), "SRS_HTTP_SERVER_LISTEN"))
	}
	return append(out, have...) // the first of a name counts
}

// value gives a variable's first value that says something, "" if there is none.
func value(env []string, name string) string {
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok && v != "" {
			return v
		}
	}
	return ""
}

// Addresses are where a demo plays, as host:port; empty for what is off.
type Addresses struct {
	RTMP, RTMPS, HTTP, HTTPS, API, RTC string
}

// AddressesOf gives those of a configuration, for somebody on the same machine.
func AddressesOf(r *conf.Scope) Addresses {
	a := Addresses{RTMP: first(r.Addrs("listen"))}
	if r.Bool("rtmps.enabled") {
		a.RTMPS = first(r.Addrs("rtmps.listen"))
	}
	if r.Bool("http_server.enabled") {
		a.HTTP = local(r.Addr("http_server.listen"))
	}
	if r.Bool("http_server.https.enabled") {
		a.HTTPS = local(r.Addr("http_server.https.listen"))
	}
	if r.Bool("rtc_server.enabled") {
		a.RTC = local(r.Addr("rtc_server.listen"))
	}
	if r.Bool("http_api.enabled") {
		a.API = local(r.Addr("http_api.listen"))
	}
	return a
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return local(list[0])
}

// local gives the address at which a listener is reached from the same machine.
func local(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// url makes one without a port that the scheme has anyway.
func url(scheme, addr, path string) string {
	usual := map[string]string{"rtmp": ":1935", "http": ":80", "ws": ":80", "https": ":443", "wss": ":443", "rtmps": ":443"}
	return scheme + "://" + strings.TrimSuffix(addr, usual[scheme]) + path
}

// Text tells where the stream plays, and how.
func (a Addresses) Text() string {
	var b strings.Builder
	path := "/" + App + "/" + Name
	fmt.Fprintf(&b, "\nsrsd %s publishes a built-in clip as %s/%s. It plays at:\n\n", cli.Version, App, Name)
	row := func(what, command string) { fmt.Fprintf(&b, "  %-12s %s\n", what, command) }
	if a.HTTP != "" {
		row("Browser", url("http", a.HTTP, "/"))
	}
	for _, x := range []struct{ what, scheme, addr, ext string }{
		{"RTMP", "rtmp", a.RTMP, ""}, {"RTMPS", "rtmps", a.RTMPS, ""},
		{"HTTP-FLV", "http", a.HTTP, ".flv"}, {"HTTPS-FLV", "https", a.HTTPS, ".flv"},
		{"HLS", "http", a.HTTP, ".m3u8"}, {"DASH", "http", a.HTTP, ".mpd"},
		{"HTTP-TS", "http", a.HTTP, ".ts"}, {"MP4", "http", a.HTTP, ".mp4"},
	} {
		if x.addr != "" {
			row(x.what, "ffplay "+url(x.scheme, x.addr, path+x.ext))
		}
	}
	if a.HTTP != "" { // ffplay has no WebSockets
		row("WS-FLV", url("ws", a.HTTP, path+".flv")+"   in a browser: "+url("http", a.HTTP, "/?ws"))
	}
	if a.HTTP != "" && a.RTC != "" {
		row("WebRTC", "in a browser: "+url("http", a.HTTP, "/players/whep.html?autostart=true"))
	}
	if a.API != "" {
		row("HTTP API", "curl "+url("http", a.API, "/api/v1/streams/"))
	}
	if a.RTMP != "" {
		fmt.Fprintf(&b, "\nPublish a file of yours as %s/mine:\n\n", App)
		fmt.Fprintf(&b, "  ffmpeg -re -i FILE -c:v libx264 -c:a aac -f flv %s\n", url("rtmp", a.RTMP, "/"+App+"/mine"))
		if a.HTTP != "" {
			fmt.Fprintf(&b, "  ffplay %s\n", url("http", a.HTTP, "/"+App+"/mine.flv"))
		}
	}
	if a.HTTP != "" && a.RTC != "" {
		fmt.Fprintf(&b, "\nPublish your camera as %s/camera in a browser, and play it in another, or by any other protocol:\n\n", App)
		fmt.Fprintf(&b, "  %s\n", url("http", a.HTTP, "/players/whip.html?stream=camera"))
		fmt.Fprintf(&b, "  %s\n", url("http", a.HTTP, "/players/whep.html?stream=camera"))
	}
	b.WriteString("\nCtrl-C ends it.\n\n")
	return b.String()
}
