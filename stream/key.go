package stream

import (
	"log/slog"
	"strings"
)

// DefaultVhost is the vhost that takes what no other one is named for.
const DefaultVhost = "__defaultVhost__"

// Key names a stream.
type Key struct{ Vhost, App, Name string }

// String gives the stream's URL path as SRS writes it: the vhost first unless it is
// the default one.
func (k Key) String() string {
	var b strings.Builder
	if k.Vhost != "" && k.Vhost != DefaultVhost {
		b.WriteString(k.Vhost)
	}
	b.WriteByte('/')
	b.WriteString(k.App)
	b.WriteByte('/')
	b.WriteString(k.Name)
	return b.String()
}

// LogValue logs a key as its String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
