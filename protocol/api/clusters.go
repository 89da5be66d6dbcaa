package api

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// serveClusters tells another origin of a cluster whether a stream is published here, and where
// its players are to go: SRS's answer to origin_cluster's question.
func (m *Module) serveClusters(w http.ResponseWriter, r *http.Request) {
	type query struct {
		IP     string `json:"ip"`
		Vhost  string `json:"vhost"`
		App    string `json:"app"`
		Stream string `json:"stream"`
	}
	type origin struct {
		IP      string   `json:"ip"`
		Port    int      `json:"port"`
		Vhost   string   `json:"vhost"`
		API     string   `json:"api"`
		Routers []string `json:"routers"`
	}
	type data struct {
		Query  query   `json:"query"`
		Origin *origin `json:"origin"`
	}
	q := r.URL.Query()
	d := data{Query: query{q.Get("ip"), q.Get("vhost"), q.Get("app"), q.Get("stream")}}
	if vhost, ok := m.host.Vhosts().Lookup(cmp.Or(d.Query.Vhost, stream.DefaultVhost)); ok {
		s := m.host.Hub.Stream(stream.Key{Vhost: vhost, App: d.Query.App, Name: d.Query.Stream})
		if s != nil && s.Publisher() != nil {
			ip, port, api := m.reachable(r, q.Get("coworker"))
			d.Origin = &origin{ip, port, vhost, api, []string{api}}
		}
	}
	reply(w, struct {
		Code int  `json:"code"`
		Data data `json:"data"`
	}{0, d})
}

// reachable gives the addresses at which RTMP and the API are reached by who asks: the host that
// RTMP listens on if it is one, else what the asker calls this server, else where it asked.
func (m *Module) reachable(r *http.Request, coworker string) (ip string, rtmp int, api string) {
	rtmp, apiPort := 1935, "1985"
	listen, _ := protocol.ParseAddr("tcp", m.cfg.Load().RTMP)
	host, port, _ := net.SplitHostPort(listen.Address)
	if n, err := strconv.Atoi(port); err == nil {
		rtmp = n
	}
	local := ""
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if l, p, err := net.SplitHostPort(a.String()); err == nil {
			local, apiPort = l, p
		}
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && (a.IsUnspecified() || a.IsLoopback()) {
		host = cmp.Or(hostname(coworker), local)
	}
	return host, rtmp, net.JoinHostPort(host, apiPort)
}
