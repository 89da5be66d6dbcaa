package apply

import (
	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol/hook"
)

// hooks is the module of the callbacks.
func (c *Config) hooks() hook.Config {
	return hook.Config{UserAgent: cli.Signature, Vhost: func(name string) hook.Vhost { return c.vhosts[name].hook }}
}

func hookVhost(v *conf.Scope) (h hook.Vhost) {
	if v.Bool("forward.enabled") {
		h.OnForward = v.String("forward.backend")
	}
	if !v.Bool("http_hooks.enabled") {
		return h
	}
	h.OnConnect, h.OnClose = v.List("http_hooks.on_connect"), v.List("http_hooks.on_close")
	h.OnPublish, h.OnUnpublish = v.List("http_hooks.on_publish"), v.List("http_hooks.on_unpublish")
	h.OnPlay, h.OnStop = v.List("http_hooks.on_play"), v.List("http_hooks.on_stop")
	h.OnDVR, h.OnHLS = v.List("http_hooks.on_dvr"), v.List("http_hooks.on_hls")
	h.OnHLSNotify = v.List("http_hooks.on_hls_notify")
	if h.NotifyBytes = v.Int("hls.hls_nb_notify"); h.NotifyBytes == 0 {
		h.NotifyBytes = -1
	}
	h.Timeout, h.VerifyTLS = v.Duration("http_hooks.timeout"), v.Bool("http_hooks.verify_tls")
	if v.String("http_hooks.on_error") == "allow" {
		h.OnError = hook.Allow
	}
	return h
}
