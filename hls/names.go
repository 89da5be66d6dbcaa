package hls

import (
	"path"
	"strings"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// playlistName gives the name of a stream's playlist, which is also its URL path without the first
// slash.
func (v *Vhost) playlistName(k stream.Key) (string, error) {
	return storage.Expand(v.Playlist, storage.Vars{Key: k})
}

// beside gives the name of a file of one track that belongs to a playlist: av.m3u8 → av.v1.m3u8. A
// stream's name has no dot, so that no other stream has such a playlist.
func beside(list, label, ext string) string {
	base := strings.TrimSuffix(list, path.Ext(list))
	if label != "" {
		base += "." + label
	}
	return base + ext
}

// segmentName gives the name of a complete segment.
func (v *Vhost) segmentName(label string, vars storage.Vars) (string, error) {
	name, err := storage.Expand(v.File, vars)
	if err == nil && v.Format == FMP4 {
		name = beside(name, label, ".m4s")
	}
	return name, err
}

// uri gives how a playlist names a file.
func (v *Vhost) uri(list, name string) string {
	if v.EntryPrefix != "" {
		return strings.TrimSuffix(v.EntryPrefix, "/") + "/" + playlist.Escape(name)
	}
	return relative(list, name)
}

// relative gives the reference from one path to another (RFC 3986 4.2).
func relative(from, to string) string {
	dir := path.Dir(from) + "/"
	if dir == "./" {
		dir = ""
	}
	up := ""
	for !strings.HasPrefix(to, dir) {
		up += "../"
		dir = path.Dir(strings.TrimSuffix(dir, "/")) + "/"
		if dir == "./" {
			dir = ""
		}
	}
	return up + playlist.Escape(to[len(dir):])
}

// withQuery adds a query, that has no "?", to a URI.
func withQuery(uri, query string) string {
	switch {
	case query == "":
		return uri
	case strings.Contains(uri, "?"):
		return uri + "&" + query
	}
	return uri + "?" + query
}

// group gives the name of the group that a stream is a variant of, and which one; -1 if it is of none.
func (v *Vhost) group(stream string) (name string, rank int) {
	for i, p := range v.Variants {
		before, after, found := strings.Cut(p, "[stream]")
		if !found || len(stream) <= len(before)+len(after) {
			continue
		}
		if strings.HasPrefix(stream, before) && strings.HasSuffix(stream, after) {
			return stream[len(before) : len(stream)-len(after)], i
		}
	}
	return "", -1
}
