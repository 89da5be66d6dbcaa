package doctor

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// expirySoon is when a certificate should be renewed.
const expirySoon = 14 * 24 * time.Hour

// checkCertificates reads those of all TLS listeners.
func checkCertificates(_ context.Context, s *System, f *conf.File, r *report) {
	root, none := f.Root(), true
	seen := map[string]bool{}
	for _, c := range [...]struct{ server, block string }{
		{"rtmps", "rtmps"}, {"http_api", "http_api.https"}, {"http_server", "http_server.https"},
	} {
		if !root.Bool(c.server+".enabled") || !root.Bool(c.block+".enabled") {
			continue
		}
		none = false
		cert, key := root.String(c.block+".cert"), root.String(c.block+".key")
		if !seen[cert+"\x00"+key] {
			seen[cert+"\x00"+key] = true
			s.checkCertificate(r, c.block, inWorkDir(f, cert), inWorkDir(f, key))
		}
	}
	if none {
		r.ok("nothing uses TLS")
	}
}

func (s *System) checkCertificate(r *report, block, cert, key string) {
	certPEM, err := s.ReadFile(cert)
	if err != nil {
		r.fail("correct "+block+".cert, or let this user read it", "%v", err)
		return
	}
	keyPEM, err := s.ReadFile(key)
	if err != nil {
		r.fail("correct "+block+".key, or let this user read it", "%v", err)
		return
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		r.fail("give the PEM of the certificate with its chain, and of the key it was made for", "%s and %s: %v", cert, key, err)
		return
	}
	leaf := pair.Leaf
	names := strings.Join(leaf.DNSNames, ", ")
	for _, ip := range leaf.IPAddresses {
		names = strings.TrimPrefix(names+", "+ip.String(), ", ")
	}
	now, until := s.Now(), leaf.NotAfter.Format(time.DateOnly)
	switch {
	case now.After(leaf.NotAfter):
		r.fail("renew it", "%s expired on %s", cert, until)
	case now.Before(leaf.NotBefore):
		r.fail("look at the clock", "%s is valid from %s on", cert, leaf.NotBefore.Format(time.DateOnly))
	case names == "":
		r.warn("have one made with the names in subjectAltName", "%s names no host: browsers refuse it", cert)
	case leaf.NotAfter.Sub(now) < expirySoon:
		r.warn("renew it; the server reads it anew by itself", "%s for %s expires on %s", cert, names, until)
	default:
		r.ok("%s for %s, until %s", cert, names, until)
	}
}
