package apply

import (
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol"
)

// httpListeners are those of streams and files, of the API and of the exporter. HTTP and HTTPS of one
// kind have one name, and so the same routes; two kinds on one port share it, as with SRS. Cross-origin
// requests are answered by what http_server says, on all ports.
func httpListeners(r *conf.Scope) []protocol.HTTPListener {
	list := append(webListeners(r, "http", "http_server"), webListeners(r, "api", "http_api")...)
	if r.Bool("exporter.enabled") {
		list = append(list, protocol.HTTPListener{Name: "exporter", Listen: []string{r.Addr("exporter.listen")}})
	}
	for i := range list {
		list[i].NoCORS = !r.Bool("http_server.crossdomain")
		list[i].Forwarded = r.Networks("http_server.trusted_proxies")
		if list[i].Name != "http" {
			list[i].Forwarded = r.Networks("http_api.trusted_proxies")
		}
	}
	return list
}

// webListeners are those of http_server or http_api.
func webListeners(r *conf.Scope, name, block string) []protocol.HTTPListener {
	if !r.Bool(block + ".enabled") {
		return nil
	}
	list := []protocol.HTTPListener{{Name: name, Listen: []string{r.Addr(block + ".listen")}}}
	if r.Bool(block + ".https.enabled") {
		list = append(list, protocol.HTTPListener{
			Name: name, Listen: []string{r.Addr(block + ".https.listen")},
			CertFile: r.String(block + ".https.cert"), KeyFile: r.String(block + ".https.key"),
		})
	}
	return list
}
