package gate

import (
	"context"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/token"
)

func BenchmarkAdmit(b *testing.B) {
	signed := "?" + token.Sign(secret, token.Grant{Path: live.String(), Expires: time.Now().Add(time.Hour)})
	all := Vhost{
		Security: Security{Enabled: true, Rules: rules(b, "allow play 192.0.2.0/24; deny play 10.0.0.0/8; allow publish all")},
		Rules:    Rules{{Actions: Publish}, {App: "live", Stream: "live*"}},
	}
	bySign, byJWT := all, all
	bySign.SignedURL.Keys, byJWT.JWT.Verifier = []string{secret}, verifier(b)
	for name, x := range map[string]struct {
		v     Vhost
		param string
	}{"limits": {Vhost{}, ""}, "lists": {all, ""}, "signed": {bySign, signed}, "jwt": {byJWT, "?token=" + jwt(secret, map[string]any{"stream": "live*"})}} {
		b.Run(name, func(b *testing.B) {
			m := New(Config{Vhost: func(string) Vhost { return x.v }})
			hub := serve(b, m)
			r := request("192.0.2.1:1", live)
			r.Param = x.param
			b.ReportAllocs()
			for b.Loop() {
				s, err := hub.View(context.Background(), r)
				if err != nil {
					b.Fatal(err)
				}
				hub.EndView(s, nil)
			}
		})
	}
}
