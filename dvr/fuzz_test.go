package dvr

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// FuzzIndex: whatever an index file has, what is taken of it is well-formed, and is written so that it is
// read again.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"name":"live/a.flv","vhost":"__defaultVhost__","app":"live","stream":"a","start_ms":1,"duration_ms":2,"bytes":3}` + "\n"))
	f.Add([]byte(`{"name":"live/a.flv","gone":true}` + "\n{\"name\":\"../x.flv\"}\n\n{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := &index{files: map[string]*entry{}}
		require.NoError(t, x.read(bytes.NewReader(b)))
		again := &index{files: map[string]*entry{}}
		for name, e := range x.files {
			require.Equal(t, name, e.Name)
			require.NoError(t, storage.CheckName(name))
			require.NotEmpty(t, format(name))
			require.False(t, e.Gone)
			require.NoError(t, again.read(bytes.NewReader(encode(func(yield func(*entry) bool) { yield(e) }))))
		}
		require.Equal(t, x.files, again.files)
		require.Zero(t, again.bad)
	})
}

// FuzzOpenMovie: a complete MP4 that may have anything in it is refused, or played within its bounds.
func FuzzOpenMovie(f *testing.F) {
	for _, clip := range []*streamtest.Clip{streamtest.AACOnly(), streamtest.H264BFramesAAC()} {
		b, _ := unfinished(f, ".mp4", clip.Packets()[:160])
		m, err := parseMovie(&memory{b}, int64(len(b)))
		require.NoError(f, err)
		r, _, _, err := m.plain(time.Unix(1, 0))
		require.NoError(f, err)
		var plain bytes.Buffer
		_, err = plain.ReadFrom(r)
		require.NoError(f, err)
		f.Add(plain.Bytes())
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := openMovie(&memory{b}, int64(len(b)))
		if err != nil {
			return
		}
		require.LessOrEqual(t, m.samples(), len(b))
		if _, _, ok := m.span(); !ok {
			return
		}
		if src, err := m.packets(time.Second); err == nil {
			for n := 0; err == nil && n <= m.samples(); n++ {
				_, err = src.ReadPacket()
			}
			require.Error(t, err)
		}
		r := Recording{Name: "a.mp4", Start: time.Unix(1, 0)}
		j := joined{from: r.Start.Add(time.Second), to: r.Start.Add(2 * time.Second)}
		if _, err := j.add(&r, m); err == nil && j.movie != nil {
			if body, n, _, err := j.movie.plain(r.Start); err == nil {
				require.Equal(t, n, body.Size())
			}
		}
		m.fragmentHeader()
		v := vod{name: "a"}
		v.add(&r, m)
		require.LessOrEqual(t, len(v.list), m.samples()+1)
		for _, s := range v.list[:min(len(v.list), 3)] {
			_, query, _ := strings.Cut(s.URI, "?")
			q, err := url.ParseQuery(query)
			require.NoError(t, err)
			if from, to, shift, err := parseSegment(q); err == nil {
				_, _ = m.segment(from, to, shift).fragment(1)
			}
		}
	})
}

// FuzzNames: any template has a pattern of its names; that of the usual one finds stream and time in them.
func FuzzNames(f *testing.F) {
	f.Add("[app]/[stream].[timestamp].mp4", "live", "a")
	f.Add("[vhost]/[app]/[2006]/[01]/[stream]-[seq][x.flv", "a/b", "c.d")
	f.Add("[stream][stream].ts", "live", "a.1700000000123-1")
	f.Add("\x88.ts", "\x88", "0")
	usual, dated := pattern("[app]/[stream].[timestamp].flv")
	require.True(f, dated)
	f.Fuzz(func(t *testing.T, template, app, name string) {
		k := stream.Key{Vhost: stream.DefaultVhost, App: app, Name: name}
		at := time.UnixMilli(1700000000123)
		made, err := storage.Expand("[app]/[stream].[timestamp].flv", storage.Vars{Key: k, Time: at})
		p := place{vhost: k.Vhost, names: usual}
		if err == nil && app != "" && name != "" && !strings.ContainsAny(app+name, "/\n") {
			got, ok := p.key(made)
			require.True(t, ok, made)
			require.Equal(t, k, got)
			require.Equal(t, at, p.start(made, time.Time{}))
		}
		if format(template) == "" {
			return
		}
		p.names, _ = pattern(template)
		for _, other := range []string{template, app, name, made} {
			p.key(other)
			p.start(other, at)
		}
	})
}

// FuzzQuery: whatever a viewer asks for is answered.
func FuzzQuery(f *testing.F) {
	r := newRig(f, Vhost{Enabled: true, Path: "[app]/[stream].[seq].mp4"})
	r.publish(f, live, streamtest.H264AAC().Packets()...)
	r.wait(f, 1)
	f.Add("av.mp4", "from=1&to=2")
	f.Add("av.json", "start=2024-01-01T00:00:00Z&duration=1.5")
	f.Add("av.m3u8", "hls_ctx=abcdefgh")
	f.Add("av.m4s", "file=live/av.0.mp4&begin=0&end=4000000000&shift=0")
	f.Add("av.flv", "duration=NaN&from=0")
	f.Fuzz(func(t *testing.T, path, query string) {
		from, to, err := parseRange(mustQuery(query))
		if err == nil && !to.IsZero() {
			require.True(t, from.Before(to))
		}
		q := &http.Request{Method: http.MethodGet, Host: "127.0.0.1", URL: &url.URL{Path: "/record/live/" + path, RawQuery: query}, Header: http.Header{}, RemoteAddr: "127.0.0.1:1"}
		h := r.module.match(q.WithContext(t.Context()))
		if h == nil {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q.WithContext(t.Context()))
		require.Less(t, w.Code, http.StatusInternalServerError, "%s", w.Body)
	})
}

// FuzzPackets: what may have anything in it is read from any time on, or refused.
func FuzzPackets(f *testing.F) {
	for _, ext := range []string{".flv", ".ts"} {
		b, _ := unfinished(f, ext, streamtest.H264AAC().Packets()[:60])
		f.Add(ext == ".ts", int64(300), b)
	}
	f.Fuzz(func(t *testing.T, ts bool, ms int64, b []byte) {
		open := openFLV
		if ts {
			open = openTS
		}
		from := time.Duration(ms) * time.Millisecond
		if m, err := openRemade(open, &memory{b}, int64(len(b))); err == nil {
			require.LessOrEqual(t, m.samples(), len(b))
			_, _ = io.Copy(io.Discard, newRuns(m.runs).reader())
		}
		src, err := open(&memory{b}, int64(len(b)), max(0, from))
		if err != nil {
			return
		}
		var got streamtest.Recorder
		r := Recording{Start: time.Unix(1, 0)}
		_ = (&splice{to: &got, from: r.Start.Add(from)}).add(&r, src)
		require.LessOrEqual(t, got.Len(), len(b))
		for _, p := range got.Packets() {
			require.GreaterOrEqual(t, p.DTS, time.Duration(0))
			require.GreaterOrEqual(t, p.PTS, time.Duration(0))
		}
	})
}

// mustQuery gives what there is of a query.
func mustQuery(query string) url.Values {
	q, _ := url.ParseQuery(query)
	return q
}
