package apply

import (
	"net"

	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol/hook"
)

// heartbeat is the module that tells a URL that the server lives; nil without it.
func (c *Config) heartbeat(summaries func() any) *hook.HeartbeatConfig {
	r := c.file.Root()
	if !r.Bool("heartbeat.enabled") {
		return nil
	}
	h := &hook.HeartbeatConfig{
		URL: r.String("heartbeat.url"), Interval: r.Duration("heartbeat.interval"),
		DeviceID: r.String("heartbeat.device_id"), IP: c.deviceIP(), UserAgent: cli.Signature,
	}
	if r.Bool("heartbeat.summaries") {
		h.Summaries = summaries
	}
	if r.Bool("heartbeat.ports") {
		ports := hook.Ports{RTMP: r.List("listen"), HTTP: c.listening("http"), API: c.listening("api")}
		h.Ports = func() hook.Ports { return ports }
	}
	return h
}

// listening are the addresses of the HTTP listeners of a name, a port alone where it is one of all
// addresses, as SRS writes them.
func (c *Config) listening(name string) (list []string) {
	for _, l := range c.server.HTTP {
		if l.Name != name {
			continue
		}
		for _, a := range l.Listen {
			if host, port, err := net.SplitHostPort(a); err == nil && host == "" {
				a = port
			}
			list = append(list, a)
		}
	}
	return list
}

// deviceIP is the server's address as operators know it.
func (c *Config) deviceIP() string {
	if ip := c.file.Getenv("SRS_DEVICE_IP"); ip != "" {
		return ip
	}
	list, i := conf.LocalIPs(), c.file.Root().Int("stats.network")
	if i < 0 || i >= len(list) {
		return ""
	}
	return list[i].String()
}
