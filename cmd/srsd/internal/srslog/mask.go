package srslog

import (
	"regexp"
	"strings"
)

// hidden stands for a secret.
const hidden = "***"

// value is what a parameter may have: up to the next one, also where a whole URL is a parameter and
// has its & and # as %26 and %23.
const value = `(?:[^&#\s,;"'<>%]|%[013-9a-fA-F][0-9a-fA-F]|%2[0-2457-9a-fA-F])+`

const (
	// secret is how the names of a URL's parameters with secrets look.
	secret = `[\w.-]*(?:token|secret|passw|passphrase|key|sign|auth)[\w.-]*`
	// surely is how names look that are those of secrets wherever they stand.
	surely = `[\w.-]*(?:passw|passphrase|secret|token|authorization|signature|txsecret|auth_key)[\w.-]*|sign|pwd|jwt`
)

var (
	secretParam = regexp.MustCompile(`(?i)((?:[?&#;]|%3f|%26|%23)` + secret + `(?:=|%3d))` + value)
	secretFirst = regexp.MustCompile(`(?i)^(` + secret + `(?:=|%3d))` + value)
	// secretPair is a name and a value in a sentence, a map or JSON. A colon with a space after it is
	// how errors go on, and no value follows, but in JSON.
	secretPair = regexp.MustCompile(`(?i)((?:^|[\s,;"'\[{(])(?:` + surely + `)(?:=|:|\\?"\s*:\s*)[\[{\\"']*)[^&#\s,;"'<>\]})\\=]+`)
	// secretJSON is JSON's form of that, where the value may have anything in it.
	secretJSON = regexp.MustCompile(`(?i)("(?:` + surely + `)"\s*:\s*")(?:[^"\\]|\\.)+`)
	userInfo   = regexp.MustCompile(`(://[^/:@\s]*:)[^/@\s]+@`)
	// credentials are those of HTTP's Authorization, and JWTs wherever they are.
	credentials = regexp.MustCompile(`(?i)\b(basic|bearer|digest)(\s+|%20)[\w.~+/=-]{6,}`)
	jwt         = regexp.MustCompile(`\beyJ[\w-]{4,}\.[\w-]{2,}(?:\.[\w-]*)*`)
)

// Mask gives s with the secrets in it replaced by "***": the values of URL parameters that are named
// like one (token, secret, password, key, sign, auth, and names with these in them), the passwords of
// URLs, JWTs, and what an Authorization header, a map or JSON has under such a name.
func Mask(s string) string {
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		s = userInfo.ReplaceAllString(s, "${1}"+hidden+"@")
	}
	named := hasAny(s, stems)
	if named && strings.ContainsAny(s, "=%") {
		s = secretParam.ReplaceAllString(s, "${1}"+hidden)
	}
	if strings.ContainsAny(s, " %") {
		s = credentials.ReplaceAllString(s, "${1}${2}"+hidden)
	}
	if named && (strings.Contains(s, `":`) || strings.Contains(s, `" :`)) {
		s = secretJSON.ReplaceAllString(s, "${1}"+hidden)
	}
	if named && strings.ContainsAny(s, "=:") {
		s = secretPair.ReplaceAllString(s, "${1}"+hidden)
	}
	if strings.Contains(s, "eyJ") {
		s = jwt.ReplaceAllString(s, hidden)
	}
	return s
}

// masker masks also the secrets of a configuration, wherever they are.
type masker struct{ secrets func() []string }

// text masks a message.
func (m masker) text(s string) string {
	if m.secrets != nil {
		for _, x := range m.secrets() {
			if x != "" && strings.Contains(s, x) {
				s = strings.ReplaceAll(s, x, hidden)
			}
		}
	}
	return Mask(s)
}

// attr masks the value of an attribute, which may itself be a secret, or the parameters alone.
func (m masker) attr(name, s string) string {
	if s == "" {
		return s
	}
	if isSecret(name) {
		return hidden
	}
	s = m.text(s)
	if strings.ContainsAny(s, "=%") && hasAny(s, stems) {
		s = secretFirst.ReplaceAllString(s, "${1}"+hidden)
	}
	return s
}

// stems are what the names of secrets have in them: a text without any is not searched for secrets by
// name, which takes ten times as long as looking for these.
var stems = []string{"passw", "passphrase", "secret", "token", "auth", "sign", "key", "pwd", "jwt"}

// isSecret tells the names of attributes that are secrets themselves.
func isSecret(name string) bool {
	return hasAny(name, []string{"passw", "passphrase", "secret", "token", "authorization", "signature", "jwt"}) ||
		strings.EqualFold(name, "sign") || strings.EqualFold(name, "pwd")
}

// hasAny tells whether a text has one of some words in it, in letters of any case. The words are in
// small ones.
func hasAny(s string, words []string) bool {
	for i := range len(s) {
		c := s[i] | 0x20 // a small letter, if it is one
		for _, w := range words {
			if c == w[0] && len(s)-i >= len(w) && strings.EqualFold(s[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}
