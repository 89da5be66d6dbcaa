package api

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hidden stands for a secret.
const hidden = "***"

var (
	userInfo = regexp.MustCompile(`(://)[^/@\s]+@`)
	secret   = regexp.MustCompile(`(?i)(` + secretName + `(?:=|%3d))[^&#\s,;"'<>]+`)
	option   = regexp.MustCompile(`(?i)^-+` + secretName + `$`)
)

// secretName is how what holds a secret is called.
const secretName = `[\w.-]*(?:token|secret|passw|passphrase|key|sign|auth)[\w.-]*`

// maxShown bounds what is shown of texts that peers send and that name nothing.
const maxShown = 2 << 10

// shown gives such a text without its secrets.
func shown(s string) string { return mask(s[:min(len(s), maxShown)]) }

// mask hides the secrets in a text: who logs in to a URL, and the values of parameters that are
// named like one.
func mask(s string) string {
	if strings.Contains(s, "@") {
		s = userInfo.ReplaceAllString(s, "${1}"+hidden+"@")
	}
	return secret.ReplaceAllString(s, "${1}"+hidden)
}

// maskArgs gives a command line without its secrets: those of mask, and what follows an option
// that is named like one.
func maskArgs(args []string) string {
	out := slices.Clone(args)
	for i := range out {
		if i > 0 && option.MatchString(args[i-1]) {
			out[i] = hidden
		}
		out[i] = mask(out[i])
	}
	return strings.Join(out, " ")
}

// maskQuery hides the values of all parameters in a URL of a stream but those that name its
// vhost: what lets a client in may be called anything.
func maskQuery(s string) string {
	s = s[:min(len(s), maxShown)]
	s = userInfo.ReplaceAllString(s, "${1}"+hidden+"@")
	base, query, found := strings.Cut(s, "?")
	if !found {
		return s
	}
	parts := strings.FieldsFunc(query, func(c rune) bool { return c == '&' || c == '?' })
	for i, p := range parts {
		name, _, found := strings.Cut(p, "=")
		switch {
		case name == "vhost" || name == "domain":
		case found:
			parts[i] = name + "=" + hidden
		default:
			parts[i] = hidden
		}
	}
	return base + "?" + strings.Join(parts, "&")
}

// hostname gives a host without its port.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport
	}
	return host
}

// urlHost gives a host as a URL has it.
func urlHost(u *url.URL) string {
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return "[" + host + "]"
	}
	return host
}
