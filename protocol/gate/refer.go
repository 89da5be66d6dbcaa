package gate

import (
	"context"
	"strings"

	"github.com/srsgo/srs/stream"
)

// Refer lets in only those who come from certain web pages: the pageUrl that a browser's player
// gives over RTMP. It keeps others' pages from showing streams, not programs from telling lies.
//
// An entry is a host with all hosts below it: a.com is for a.com and www.a.com. One that begins with
// "." or "-" is for every host that ends so. SRS lets a.com in from nota.com too, but not from
// a.com.a.com; that is not followed.
type Refer struct {
	Enabled bool
	// All is asked for everybody, then Publish or Play. An empty list lets in all.
	All, Publish, Play []string
	// HTTP asks for the Referer of players over HTTP too. SRS does not.
	HTTP bool
}

// Admit decides when a connection has named its stream, and before publish and play.
func (c Refer) Admit(_ context.Context, s *stream.Session) error {
	r := &s.Request
	overHTTP := r.Conn == nil && c.HTTP
	if !c.Enabled || r.Protocol != "rtmp" && !overHTTP {
		return nil
	}
	switch actionOf(s.Action) {
	case Publish:
		if err := c.check(s, c.Publish); err != nil {
			return err
		}
	case Play:
		if err := c.check(s, c.Play); err != nil {
			return err
		}
	}
	if s.Action == stream.ActionOpen || overHTTP {
		return c.check(s, c.All)
	}
	return nil
}

func (c Refer) check(s *stream.Session, list []string) error {
	host := pageHost(s.Request.PageURL)
	for _, name := range list {
		if below(host, strings.ToLower(name)) {
			return nil
		}
	}
	if len(list) == 0 {
		return nil
	}
	return deny(codeRefer, "The page is not allowed to show the stream.", "refer: page %.200q is not of the list", s.Request.PageURL)
}

// below tells whether a host is the one named, or below it.
func below(host, name string) bool {
	head, ok := strings.CutSuffix(host, name)
	return ok && name != "" && (head == "" || strings.HasSuffix(head, ".") || strings.ContainsRune(".-", rune(name[0])))
}

// pageHost gives the host of a URL, or of what is cut short to its host, in lower case.
func pageHost(page string) string {
	if _, rest, ok := strings.Cut(page, "://"); ok {
		page = rest
	}
	if i := strings.IndexAny(page, `/\?#`); i >= 0 {
		page = page[:i]
	}
	page = page[strings.LastIndexByte(page, '@')+1:]
	if i := strings.LastIndexByte(page, ':'); i >= 0 && !strings.HasSuffix(page, "]") {
		page = page[:i]
	}
	return strings.ToLower(strings.TrimSuffix(page, "."))
}
