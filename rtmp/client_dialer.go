package rtmp

import (
	"context"
	"net/url"

	"github.com/srsgo/srs/protocol"
)

// dialer dials for the other parts of a server: edges, forwarding. It makes of what
// embeds it a protocol.Dialer.
type dialer struct{ client ClientConfig }

// Schemes lists the URL schemes it dials.
func (d *dialer) Schemes() []string { return []string{"rtmp", "rtmps"} }

// Pull plays the stream at u; see [DialPlay].
func (d *dialer) Pull(ctx context.Context, u *url.URL) (protocol.SourceCloser, error) {
	p, err := DialPlay(ctx, u.String(), &d.client)
	if err != nil {
		return nil, err // not a nil *PlayConn in an interface
	}
	return p, nil
}

// Push publishes to u; see [DialPublish].
func (d *dialer) Push(ctx context.Context, u *url.URL) (protocol.SinkCloser, error) {
	p, err := DialPublish(ctx, u.String(), &d.client)
	if err != nil {
		return nil, err
	}
	return p, nil
}
