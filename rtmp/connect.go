package rtmp

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

// capsEx of Enhanced RTMP version 2, "Enhancing NetConnection connect Command".
const (
	capReconnect = 1 << iota
	capMultitrack
	capModEx
	capNano
)

// fmleState tells the kinds of publishers apart, by what came before publish.
type fmleState uint8

const (
	sawNothing   fmleState = iota
	sawCreate              // createStream first: Flash
	sawFMLE                // releaseStream or FCPublish first: FMLE
	sawHaivision           // FCPublish after createStream
)

func (s fmleState) clientType() string {
	return [...]string{"flash-publish", "flash-publish", "fmle-publish", "haivision-publish"}[s]
}

// connect answers the connect command (§7.2.1.1) as SRS does: control messages first.
func (c *conn) connect(ctx context.Context, cmd *command) error {
	if c.ses != nil {
		return errors.New("rtmp: connect came twice")
	}
	c.app = cmd.fields()
	c.tcURL = c.app.String("tcUrl")
	if c.tcURL == "" {
		return c.refuseConnect(cmd, nil, "tcUrl is missing", errors.New("rtmp: connect without tcUrl"))
	}
	// The stream's name comes later; the vhost is known from here.
	res, err := c.m.host.ResolveRTMP(c.tcURL, "stream")
	if err != nil {
		return c.refuseConnect(cmd, nil, publicText(err), err)
	}
	c.caps = int(c.app.Number("capsEx"))
	c.vhost = c.cfg.vhost(res.Key.Vhost)
	r := c.request(res.Key, res.Param)
	r.Key.Name, r.Type, r.ID = "", "rtmp", c.id
	ask, stop := protocol.UntilGone(ctx, c.net)
	ses, err := c.m.host.Hub.Connect(ask, r)
	stop()
	if err != nil {
		var to *stream.RedirectError
		if errors.As(err, &to) {
			c.send(appendCommand(nil, csReply, 0, c.chunk, "_error", cmd.tid, nil, redirectInfo(to.URL, "")))
			return errSaid
		}
		return c.refuseConnect(cmd, &res, publicText(err), err)
	}
	c.ses = ses
	c.prepareReconnect()
	c.ses.AddSent(handshakeOut)
	c.log = c.m.log().With("id", ses.ID)
	context.AfterFunc(ses.Context(), c.interrupt)
	c.log.Info("rtmp client connected", c.connectAttrs(&res)...)
	c.window = uint64(max(c.vhost.InAckSize, 0))
	var b []byte
	if c.vhost.OutAckSize > 0 {
		b = appendControl(b, chunk.WindowAckSize, uint32(c.vhost.OutAckSize))
	}
	b = appendControl(b, chunk.SetPeerBandwidth, peerBandwidth, 2)
	b = appendControl(b, chunk.SetChunkSize, uint32(c.vhost.ChunkSize))
	c.chunk = c.vhost.ChunkSize
	b = appendCommand(b, csReply, 0, c.chunk, "_result", cmd.tid, c.connectProperties(), c.connectInfo())
	c.send(appendCommand(b, csReply, 0, c.chunk, "onBWDone", 0.0, nil))
	return nil
}

// request is what all requests of this connection have in common.
func (c *conn) request(k stream.Key, param string) stream.Request {
	return stream.Request{
		Key: k, Protocol: "rtmp", Remote: c.remote(), Local: c.net.LocalAddr().String(), TLS: c.secure(),
		Param: param, URL: c.tcURL, PageURL: c.app.String("pageUrl"), SwfURL: c.app.String("swfUrl"),
		UserAgent: c.app.String("flashVer"), Conn: c.ses,
	}
}

func (c *conn) connectProperties() amf.Object {
	p := amf.Object{
		{Name: "fmsVer", Value: "FMS/3,5,3,888"}, {Name: "capabilities", Value: 127.0}, {Name: "mode", Value: 1.0},
	}
	return append(p, c.enhanced()...)
}

// enhanced gives the server's side of Enhanced RTMP's negotiation to clients that began it.
func (c *conn) enhanced() amf.Object {
	if !slices.ContainsFunc(c.app, func(f amf.Field) bool {
		return f.Name == "fourCcList" || f.Name == "capsEx" || strings.HasSuffix(f.Name, "FourCcInfoMap")
	}) {
		return nil
	}
	const forward = 4.0
	var list amf.StrictArray
	var video, audio amf.Object
	for _, cc := range [...]stream.Codec{stream.H264, stream.HEVC, stream.AV1, stream.VP9, stream.VP8,
		stream.AAC, stream.Opus, stream.FLAC, stream.AC3, stream.EAC3, stream.MP3} {
		name := fourCC(cc)
		list = append(list, name)
		if cc.Kind() == stream.KindVideo {
			video = append(video, amf.Field{Name: name, Value: forward})
		} else {
			audio = append(audio, amf.Field{Name: name, Value: forward})
		}
	}
	return amf.Object{
		{Name: "fourCcList", Value: list},
		{Name: "videoFourCcInfoMap", Value: video}, {Name: "audioFourCcInfoMap", Value: audio},
		{Name: "capsEx", Value: float64(capReconnect | capMultitrack | capModEx | capNano)},
	}
}

// sound gives the codecs of sound that the client can play: those of old, and what it says of Enhanced
// RTMP. Nil means all.
func (c *conn) sound() []stream.Codec {
	list := flv.Sound()
	var names []string
	for _, f := range c.app {
		switch v := f.Value.(type) {
		case amf.StrictArray:
			for _, x := range v {
				if name, ok := x.(string); ok && f.Name == "fourCcList" {
					names = append(names, name)
				}
			}
		case amf.Object:
			for _, x := range v {
				if f.Name == "audioFourCcInfoMap" {
					names = append(names, x.Name)
				}
			}
		}
	}
	if slices.Contains(names, "*") {
		return nil
	}
	for _, cc := range [...]stream.Codec{stream.Opus, stream.FLAC, stream.AC3, stream.EAC3} {
		if slices.Contains(names, fourCC(cc)) {
			list = append(list, cc)
		}
	}
	return list
}

func fourCC(c stream.Codec) string {
	return string([]byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})
}

func (c *conn) connectInfo() amf.Object {
	data := amf.ECMAArray{{Name: "version", Value: "3,5,3,888"}}
	if len(c.cfg.ServerInfo) > 0 {
		host, _, _ := net.SplitHostPort(c.net.LocalAddr().String())
		for _, f := range c.cfg.ServerInfo {
			data = append(data, amf.Field{Name: f.Name, Value: f.Value})
			if f.Name == "srs_authors" {
				data = append(data, amf.Field{Name: "srs_server_ip", Value: host})
			}
		}
		data = append(data, amf.Field{Name: "srs_id", Value: c.ses.ID})
	}
	info := amf.Object{
		{Name: "level", Value: "status"}, {Name: "code", Value: "NetConnection.Connect.Success"},
		{Name: "description", Value: "Connection succeeded"},
		{Name: "objectEncoding", Value: c.app.Number("objectEncoding")},
		{Name: "data", Value: data},
	}
	return append(info, c.enhanced()...)
}

// connectAttrs are what log lines tell of a connect command. res is nil if its URL could
// not be read. The vhost is the one asked for.
func (c *conn) connectAttrs(res *protocol.Resolved) []any {
	list := []any{"ip", c.remote(), "tls", c.secure(), "tcUrl", c.tcURL,
		"pageUrl", c.app.String("pageUrl"), "swfUrl", c.app.String("swfUrl")}
	if res != nil {
		list = append(list, "schema", res.Scheme, "vhost", res.Vhost, "port", res.Port, "app", res.App)
	}
	return list
}

// streamAttrs are what log lines tell of a publish or play command, for which typ is the
// client's type. They lack what could not be read.
func (c *conn) streamAttrs(res *protocol.Resolved, typ string) []any {
	list := []any{"type", typ, "ip", c.remote()}
	if res.Stream != "" {
		list = append(list, "stream", res.Key, "vhost", res.Vhost, "param", res.Param)
	}
	return list
}

// refuseConnect tells the peer, in public terms, and ends the connection.
func (c *conn) refuseConnect(cmd *command, res *protocol.Resolved, public string, err error) error {
	code := "NetConnection.Connect.Rejected"
	if errors.Is(err, stream.ErrNotFound) {
		code = "NetConnection.Connect.InvalidApp"
	}
	c.send(appendCommand(nil, csReply, 0, c.chunk, "_error", cmd.tid, nil, amf.Object{
		{Name: "level", Value: "error"}, {Name: "code", Value: code}, {Name: "description", Value: public},
	}))
	c.log.Warn("rtmp connect refused", append(c.connectAttrs(res), "err", err)...)
	return errSaid
}

// redirectInfo is what sends a client elsewhere, as SRS does: url is the whole one.
func redirectInfo(url, description string) amf.Object {
	if description == "" {
		description = "RTMP 302 Redirect"
	}
	tc := url
	if i := strings.LastIndexByte(url, '/'); i > strings.Index(url, "://")+2 {
		tc = url[:i]
	}
	return amf.Object{
		{Name: "level", Value: "error"}, {Name: "code", Value: "NetConnection.Connect.Rejected"},
		{Name: "description", Value: description},
		{Name: "ex", Value: amf.Object{
			{Name: "code", Value: 302.0}, {Name: "redirect", Value: tc}, {Name: "redirect2", Value: url},
		}},
	}
}
