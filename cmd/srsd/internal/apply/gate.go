package apply

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/protocol/token"
)

// gates is the module that decides who is let in.
func (c *Config) gates() gate.Config {
	return gate.Config{
		Vhost:  func(name string) gate.Vhost { return c.vhosts[name].gate },
		Limits: limits(c.file.Root()),
	}
}

// gateVhost reads what decides in a vhost. The error is a rule, key or file that cannot be read.
func (c *Config) gateVhost(v *conf.Scope) (g gate.Vhost, err error) {
	g.Throttle, g.Limits = c.throttle, limits(v)
	if v.Bool("refer.enabled") {
		g.Refer = gate.Refer{Enabled: true, All: v.List("refer.all"), Publish: v.List("refer.publish"), Play: v.List("refer.play")}
	}
	if g.Security, err = security(v); err != nil {
		return g, err
	}
	if v.Bool("security.signed_url.enabled") {
		g.SignedURL = gate.SignedURL{
			Keys: v.List("security.signed_url.key"), Actions: gate.Publish | gate.Play,
			RequireIP: v.Bool("security.signed_url.require_ip"),
		}
	}
	if v.Bool("security.jwt.enabled") {
		cfg, err := jwt(v, "security.jwt")
		if err == nil {
			g.JWT = gate.JWT{Param: v.String("security.jwt.param"), Actions: gate.Publish | gate.Play}
			g.JWT.Verifier, err = token.NewVerifier(*cfg)
		}
		if err != nil {
			return g, fault(v, "security.jwt", err.Error())
		}
	}
	return g, nil
}

// security reads SRS's lists. A rule that is none is an error: SRS takes it for one that is for
// nobody, which who wrote it did not mean.
func security(v *conf.Scope) (gate.Security, error) {
	s := gate.Security{Enabled: v.Bool("security.enabled"), Rules: []gate.SecurityRule{}}
	for _, kind := range []string{"deny", "allow"} {
		for _, words := range v.Each("security." + kind) {
			rule, err := gate.ParseSecurityRule(kind + " " + strings.Join(words, " "))
			if err != nil {
				return s, fault(v, "security."+kind, err.Error())
			}
			s.Rules = append(s.Rules, rule)
		}
	}
	return s, nil
}

// jwt reads a block that says with what tokens are signed.
func jwt(v *conf.Scope, block string) (*token.Config, error) {
	cfg := &token.Config{Secrets: v.List(block + ".secret")}
	for _, name := range v.List(block + ".public_key") {
		text, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			return nil, err
		}
		cfg.PublicKeys += string(text) + "\n"
	}
	switch set := v.String(block + ".jwks"); {
	case set == "":
	case strings.Contains(set, "://"):
		cfg.JWKSURL = set
	default:
		text, err := os.ReadFile(filepath.Clean(set))
		if err != nil {
			return nil, err
		}
		cfg.JWKS = string(text)
	}
	return cfg, nil
}

// limits reads the block of the server or of a vhost.
func limits(s *conf.Scope) gate.Limits {
	n := func(name string) int { return s.Int("limits." + name) }
	return gate.Limits{
		Total: gate.Limit{
			Connections: n("connections"), Publishers: n("publishers"), Players: n("players"),
			Bitrate: int64(n("bitrate")) * 1000,
		},
		PerIP:     gate.Limit{Connections: n("connections_per_ip"), Publishers: n("publishers_per_ip"), Players: n("players_per_ip")},
		PerStream: gate.Limit{Players: n("players_per_stream")},
	}
}

// fault is what is wrong with a directive that Load cannot know.
func fault(s *conf.Scope, path, text string) error {
	file, line := s.Line(path)
	return fmt.Errorf("%s: %s: %s", at(file, line), path, text)
}
