package srslog

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/srsgo/srs/protocol/errcode"
	"github.com/srsgo/srs/stream"
)

// entry is a line that is written for a record.
type entry struct {
	level slog.Level
	text  string
}

// events are the messages of the library for which SRS has lines that its users search logs for, and
// what makes those lines of the record's attributes. The levels are SRS's.
var events = map[string]func(*event) []entry{
	"rtmp client connected": (*event).connected,
	"rtmp connect refused":  func(e *event) []entry { return append(e.connected(), e.failed("connect")) },
	"rtmp publishes":        func(e *event) []entry { return append(e.identified(), e.source()) },
	"rtmp publish refused":  func(e *event) []entry { return append(e.identified(), e.failed("publish")) },
	"rtmp plays":            func(e *event) []entry { return append(e.identified(), e.source()) },
	"rtmp play refused":     func(e *event) []entry { return append(e.identified(), e.failed("play")) },
	"rtmp connection ended": (*event).ended,

	"http request":          func(e *event) []entry { return []entry{e.request()} },
	"http connection ended": (*event).httpEnded,

	"flv plays":                     func(e *event) []entry { return []entry{e.source()} },
	"flv play refused":              func(e *event) []entry { return []entry{e.failed("play")} },
	"flv play ended":                (*event).playEnded,
	"flv publish refused or failed": func(e *event) []entry { return []entry{e.failed("publish")} },
}

// clientLeft is the end of a client that closes its connection. SRS warns of it, with the code of a
// read that failed.
var clientLeft = entry{LevelWarn, "client disconnect peer. ret=1007"}

// event is a record of the library.
type event struct {
	h     *Handler
	attrs map[string]slog.Value
	level slog.Level
	plain string // the record's line as it is without an entry in events
}

// text gives an attribute as it is written; empty where there is none.
func (e *event) text(name string) string {
	v, ok := e.attrs[name]
	if !ok {
		return ""
	}
	return string(appendEscaped(nil, e.h.mask.attr(name, text(v.Resolve()))))
}

// err gives the record's error, nil if there is none.
func (e *event) err() error {
	v, ok := e.attrs["err"]
	if !ok {
		return nil
	}
	err, _ := v.Any().(error)
	return err
}

// stream gives the stream that the record is about.
func (e *event) stream() (k stream.Key, ok bool) {
	k, ok = e.attrs["stream"].Any().(stream.Key)
	return k, ok
}

func (e *event) connected() []entry {
	transport := "plaintext"
	if e.text("tls") == "true" {
		transport = "ssl"
	}
	return []entry{
		{LevelInfo, fmt.Sprintf("RTMP client ip=%s, transport=%s", e.text("ip"), transport)},
		{LevelInfo, fmt.Sprintf("connect app, tcUrl=%s, pageUrl=%s, swfUrl=%s, schema=%s, vhost=%s, port=%s, app=%s, args=null",
			e.text("tcUrl"), e.text("pageUrl"), e.text("swfUrl"), e.text("schema"), e.text("vhost"), e.text("port"), e.text("app"))},
	}
}

// identified gives nothing for a stream whose name could not be read, as SRS does.
func (e *event) identified() []entry {
	k, ok := e.stream()
	if !ok {
		return nil
	}
	var wait int64
	if v, ok := e.attrs["duration"]; ok {
		wait = v.Duration().Milliseconds()
	}
	return []entry{{LevelInfo, fmt.Sprintf("client identified, type=%s, vhost=%s, app=%s, stream=%s, param=%s, duration=%dms",
		e.text("type"), e.text("vhost"), appendEscaped(nil, k.App), appendEscaped(nil, k.Name), e.text("param"), wait)}}
}

// source tells which publisher a session's stream has, none for one that begins to publish. SRS names
// the present one and the one before, which for most streams are the same; here they always are.
func (e *event) source() entry {
	k, _ := e.stream()
	ip := e.text("ip")
	if ip == "" {
		ip = e.text("remote")
	}
	if host, _, err := net.SplitHostPort(ip); err == nil {
		ip = host
	}
	cache, frames := e.h.o.gopCache(k)
	id := e.text("source_id")
	return entry{LevelInfo, fmt.Sprintf("source url=%s, ip=%s, cache=%d/%d, is_edge=0, source_id=%s/%s",
		e.text("stream"), ip, cache, frames, id, id)}
}

// failed is what ends a session that was refused or went wrong: the error's code, and where it came
// through.
func (e *event) failed(doing string) entry {
	err := e.err()
	if err == nil {
		return entry{LevelError, fmt.Sprintf("serve error %s : %s", errcode.Of(nil), doing)}
	}
	out := fmt.Appendf(nil, "serve error %s : %s", errcode.Of(err), doing)
	for _, x := range links(err) {
		out = appendEscaped(append(out, " : "...), e.h.mask.attr("err", x))
	}
	return entry{LevelError, string(out)}
}

// ended is a client's leaving, a warning to SRS, or the server's ending of a session.
func (e *event) ended() []entry {
	err := e.err()
	switch {
	case err != nil && !isShutdown(err):
		return []entry{e.failed("service cycle")}
	case e.text("by") == "client" && e.text("reason") != "closed": // that is how one ends that has its answers
		return []entry{clientLeft}
	}
	return []entry{{LevelInfo, "client finished."}}
}

// playEnded leaves the totals, for which SRS has no line, and adds SRS's own.
func (e *event) playEnded() []entry {
	list := []entry{{e.level, e.plain}}
	switch e.text("reason") {
	case "client left":
		list = append(list, clientLeft)
	case "stream ended":
		list = append(list, entry{LevelWarn, "server disconnect. ret=4040"})
	}
	return list
}

// request is a request on an HTTP connection, counted from 0.
func (e *event) request() entry {
	return entry{LevelInfo, fmt.Sprintf("HTTP #%s %s %s %s, content-length=%s",
		e.text("n"), e.text("remote"), e.text("method"), e.text("url"), e.text("length"))}
}

// httpEnded has SRS's line with what else is known, for that line alone does not tell a browser that is
// done from a client that never asked for anything.
func (e *event) httpEnded() []entry {
	more := fmt.Sprintf(" remote=%s, requests=%s, reason=%s", e.text("remote"), e.text("requests"), e.text("reason"))
	switch {
	case e.level >= LevelWarn:
		return []entry{{LevelWarn, "server disconnect." + more}}
	case e.text("by") == "client" && e.text("reason") != "closed": // that is how one ends that has its answers
		return []entry{{clientLeft.level, clientLeft.text + "," + more}}
	}
	return []entry{{LevelInfo, "client finished." + more}}
}
