package srslog

import (
	"log/slog"
	"regexp"
	"strings"
)

// hidden stands for a secret.
const hidden = "***"

// value is what a parameter may have: up to the next one, also where a whole URL is a parameter and
// has its & and # as %26 and %23.
const value = `(?:[^&#\s,;"'<>%]|%[013-9a-fA-F][0-9a-fA-F]|%2[0-2457-9a-fA-F])+`

// secret is how the names of parameters with secrets look.
const secret = `[\w.-]*(?:token|secret|passw|passphrase|key|sign|auth)[\w.-]*`

var (
	secretParam = regexp.MustCompile(`(?i)((?:[?&#;]|%3f|%26|%23)` + secret + `(?:=|%3d))` + value)
	secretFirst = regexp.MustCompile(`(?i)^(` + secret + `(?:=|%3d))` + value)
	userInfo    = regexp.MustCompile(`(://[^/:@\s]*:)[^/@\s]+@`)
	secretName  = regexp.MustCompile(`(?i)passw|passphrase|secret|token|authorization`)
)

// Mask gives s with the secrets in it replaced by "***": the values of URL parameters that are named
// like one (token, secret, password, key, sign, auth, and names with these in them), and the
// passwords of URLs.
func Mask(s string) string {
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		s = userInfo.ReplaceAllString(s, "${1}"+hidden+"@")
	}
	if strings.ContainsAny(s, "=%") {
		s = secretParam.ReplaceAllString(s, "${1}"+hidden)
	}
	return s
}

// maskAttr masks the value of an attribute, which may itself be a secret, or the parameters alone.
func maskAttr(name, s string) string {
	if secretName.MatchString(name) {
		return hidden
	}
	if strings.ContainsAny(s, "=%") {
		s = secretFirst.ReplaceAllString(s, "${1}"+hidden)
	}
	return Mask(s)
}

// Replace masks attributes; it is the ReplaceAttr of slog's own handlers.
func Replace(_ []string, a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString, slog.KindAny:
		if a.Key == slog.LevelKey {
			if l, ok := v.Any().(slog.Level); ok {
				return slog.String(a.Key, levelName(l))
			}
		}
		s := v.String()
		if m := maskAttr(a.Key, s); m != s {
			return slog.String(a.Key, m)
		}
		if err, ok := v.Any().(error); ok { // JSON would write what fields it has
			return slog.String(a.Key, Mask(err.Error()))
		}
	}
	return a
}
