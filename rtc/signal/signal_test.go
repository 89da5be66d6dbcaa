package signal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// fake answers with what a test wants, and keeps what it was asked.
type fake struct {
	err   error
	req   *Request
	patch *Patch
	now   *Restarted
	close []string
}

func (f *fake) Open(_ context.Context, r *Request) (*Session, error) {
	f.req = r
	if f.err != nil {
		return nil, f.err
	}
	a, err := r.Offer.Answer(sdp.Choice{Publish: r.Publish, Ufrag: "32md5v3n", Pwd: "u81o03897818164kps39h9907c11n9vi",
		Fingerprint: "sha-256 00:11", Stream: r.App + "/" + r.Stream})
	if err != nil {
		return nil, err
	}
	return &Session{ID: "32md5v3n:" + r.Offer.Ufrag, Token: "94b0l50q7", ETag: "32md5v3n", Answer: a.Text}, nil
}

func (f *fake) Patch(_ context.Context, p *Patch) (*Restarted, error) {
	f.patch = p
	return f.now, f.err
}

func (f *fake) Close(_ context.Context, id, token string) error {
	f.close = []string{id, token}
	return f.err
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../sdp/testdata/" + name)
	require.NoError(t, err)
	return string(b)
}

// do serves one request.
func do(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestWHEP holds an answer against SRS's, header by header.
func TestWHEP(t *testing.T) {
	f := &fake{}
	h := New(Config{Server: f, ICEServers: []ICEServer{{URL: "stun:stun.test:3478"}, {URL: "turn:turn.test?transport=udp", Username: `u"x`, Password: "p"}}})
	w := do(h, "POST", "http://127.0.0.1:1985/rtc/v1/whep/?app=live&stream=av&eip=192.0.2.1&codec=av1&encrypt=false&dtls=true", read(t, "offer-play.sdp"),
		"Content-Type", "application/sdp", "Authorization", "Bearer t0k", "User-Agent", "curl")
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, "application/sdp", w.Header().Get("Content-Type"))
	require.Equal(t, "/rtc/v1/whip/?action=delete&token=94b0l50q7&app=live&stream=av&session=32md5v3n:eMJx", w.Header().Get("Location"))
	require.Equal(t, `"32md5v3n"`, w.Header().Get("ETag"))
	require.Equal(t, []string{`<stun:stun.test:3478>; rel="ice-server"`,
		`<turn:turn.test?transport=udp>; rel="ice-server"; username="u\"x"; credential="p"; credential-type="password"`}, w.Header().Values("Link"))
	_, err := sdp.ParseAnswer(w.Body.String())
	require.NoError(t, err)

	r := f.req
	require.False(t, r.Publish)
	require.False(t, r.JSON)
	require.Equal(t, stream.Key{Vhost: "127.0.0.1", App: "live", Name: "av"}, r.Key)
	require.Equal(t, "?app=live&stream=av&eip=192.0.2.1&codec=av1&encrypt=false&dtls=true", r.Param)
	require.Equal(t, "http://127.0.0.1:1985/rtc/v1/whep/"+r.Param, r.URL)
	require.Equal(t, []string{"192.0.2.1"}, r.Candidates)
	require.Equal(t, stream.AV1, r.Codec)
	require.False(t, *r.Encrypt)
	require.True(t, *r.DTLS)
	require.Equal(t, "t0k", r.Bearer)
	require.Equal(t, "curl", r.UserAgent)
	require.Equal(t, "127.0.0.1", r.APIHost)
	require.Equal(t, "192.0.2.1:1234", r.Remote)
}

// TestQuery is what the URL of WHIP and WHEP says.
func TestQuery(t *testing.T) {
	f := &fake{}
	h := New(Config{Server: f})
	play, publish := read(t, "offer-play.sdp"), read(t, "offer-publish.sdp")
	for target, want := range map[string]struct {
		publish bool
		key     stream.Key
		ufrag   string
	}{
		"/rtc/v1/whip/?app=a&stream=s":               {true, stream.Key{Vhost: "example.com", App: "a", Name: "s"}, ""},
		"/rtc/v1/whip/":                              {true, stream.Key{Vhost: "example.com", App: "live", Name: "livestream"}, ""},
		"/rtc/v1/whip/more":                          {true, stream.Key{Vhost: "example.com", App: "live", Name: "livestream"}, ""},
		"/rtc/v1/whip/?action=play&vhost=v.test":     {false, stream.Key{Vhost: "v.test", App: "live", Name: "livestream"}, ""},
		"/rtc/v1/whep/?action=publish&domain=v.test": {false, stream.Key{Vhost: "v.test", App: "live", Name: "livestream"}, ""},
		"/rtc/v1/whip-play/?stream=s.flv":            {false, stream.Key{Vhost: "example.com", App: "live", Name: "s"}, ""},
		"/rtc/v1/whep/?stream=s&ice-ufrag=myufrag1&ice-pwd=mypassword0123456789abcd":              {false, stream.Key{Vhost: "example.com", App: "live", Name: "s"}, "myufrag1"},
		"/rtc/v1/whip/?app=live%2Fsub&stream=%E4%B8%AD%20%3F&codec=h265&candidate=192.0.2.9:9000": {true, stream.Key{Vhost: "example.com", App: "live/sub", Name: "中 ?"}, ""},
	} {
		offer := play
		if want.publish {
			offer = publish
		}
		w := do(h, "POST", target, offer)
		require.Equal(t, http.StatusCreated, w.Code, "%s: %s", target, w.Body)
		require.Equal(t, want.publish, f.req.Publish, target)
		require.Equal(t, want.key, f.req.Key, target)
		require.Equal(t, want.ufrag, f.req.Ufrag, target)
		require.Nil(t, f.req.Encrypt, target)
		require.NotContains(t, w.Header().Get("Location"), " ")
	}
	require.Equal(t, []stream.Codec{0, stream.HEVC, stream.AV1, stream.VP8, stream.VP9, stream.H264, stream.H264},
		[]stream.Codec{codecOf(""), codecOf("HEVC"), codecOf("av1"), codecOf("vp8"), codecOf("vp9"), codecOf("h264"), codecOf("other")})
}

// TestRefusals are all that a client can be told but 201.
func TestRefusals(t *testing.T) {
	play := read(t, "offer-play.sdp")
	const whep, session = "/rtc/v1/whep/?stream=s", "/rtc/v1/whip/?action=delete&token=T&app=live&stream=s&session=a:b"
	const fragment = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=end-of-candidates\r\n"
	type header = []string
	patch := header{"Content-Type", typeFragment, "If-Match", `"e"`}
	for name, x := range map[string]struct {
		method, target, body string
		headers              []string
		err                  error
		code                 int
		has                  [2]string // a header of the answer
		text                 string
	}{
		"GET":                 {method: "GET", target: whep, code: 405, has: [2]string{"Allow", "POST, OPTIONS"}},
		"PUT":                 {method: "PUT", target: whep, code: 405, has: [2]string{"Allow", "POST, OPTIONS"}},
		"PATCH on endpoint":   {method: "PATCH", target: whep, code: 405, has: [2]string{"Allow", "POST, OPTIONS"}},
		"GET session":         {method: "GET", target: session, code: 405, has: [2]string{"Allow", "PATCH, DELETE, OPTIONS"}},
		"HEAD session":        {method: "HEAD", target: session, code: 405, has: [2]string{"Allow", "PATCH, DELETE, OPTIONS"}},
		"POST session":        {method: "POST", target: session, body: play, code: 405, has: [2]string{"Allow", "PATCH, DELETE, OPTIONS"}},
		"other type":          {method: "POST", target: whep, body: play, headers: header{"Content-Type", "text/plain"}, code: 415, has: [2]string{"Accept-Post", typeSDP}},
		"type with parameter": {method: "POST", target: whep, body: play, headers: header{"Content-Type", "application/sdp; charset=utf-8"}, code: 201},
		"not acceptable":      {method: "POST", target: whep, body: play, headers: header{"Accept", "text/html, application/sdp;q=0, */*"}, code: 406},
		"acceptable":          {method: "POST", target: whep, body: play, headers: header{"Accept", "text/html, application/*"}, code: 201},
		"empty":               {method: "POST", target: whep, code: 400, text: "sdp: no line o="},
		"no SDP":              {method: "POST", target: whep, body: "hello", code: 400},
		"too long":            {method: "POST", target: whep, body: play + strings.Repeat("a=x\r\n", 20000), code: 413},
		"no BUNDLE":           {method: "POST", target: whep, body: strings.Replace(play, "a=group", "a=x", 1), code: 422, text: "sdp: media 0 (audio) is not in the BUNDLE group"},
		"no ICE":              {method: "POST", target: whep, body: strings.ReplaceAll(play, "a=ice-", "a=x"), code: 422},
		"wrong direction":     {method: "POST", target: whep, body: read(t, "offer-publish.sdp"), code: 422},
		"ufrag":               {method: "POST", target: whep + "&ice-ufrag=abc", body: play, code: 400, text: "signal: ice-ufrag is of 4 to 32 characters, ice-pwd of 22 to 32"},
		"pwd":                 {method: "POST", target: whep + "&ice-pwd=0123456789012345678901%0d%0a", body: play, code: 400},
		"name":                {method: "POST", target: "/rtc/v1/whep/?stream=..", body: play, code: 400, text: "Bad stream name"},
		"busy":                {method: "POST", target: whep, body: play, err: stream.ErrBusy, code: 409},
		"ufrag in use":        {method: "POST", target: whep, body: play, err: ErrInUse, code: 409, text: "The ufrag is in use"},
		"denied":              {method: "POST", target: whep, body: play, err: &stream.DeniedError{Public: "no", Err: errors.New("secret")}, code: 403, text: "no"},
		"no token":            {method: "POST", target: whep, body: play, err: &stream.DeniedError{Err: errors.New("secret"), Unauthorized: true}, code: 401, has: [2]string{"WWW-Authenticate", "Bearer"}, text: "Unauthorized"},
		"bad token": {method: "POST", target: whep, body: play, headers: header{"Authorization", "Bearer x"},
			err: &stream.DeniedError{Public: "no", Unauthorized: true}, code: 401, has: [2]string{"WWW-Authenticate", `Bearer error="invalid_token"`}, text: "no"},
		"denied, nothing said": {method: "POST", target: whep, body: play, err: &stream.DeniedError{Err: errors.New("secret")}, code: 403, text: "Forbidden"},
		"elsewhere":            {method: "POST", target: whep, body: play, err: &stream.RedirectError{URL: "https://b.test/whep"}, code: 307, has: [2]string{"Location", "https://b.test/whep"}},
		"no such vhost":        {method: "POST", target: whep, body: play, err: protocol.ErrVhost, code: 404},
		"unsupported":          {method: "POST", target: whep, body: play, err: fmt.Errorf("x: %w", stream.ErrUnsupported), code: 422},
		"full":                 {method: "POST", target: whep, body: play, err: ErrFull, code: 503, has: [2]string{"Retry-After", "3"}},
		"shutdown":             {method: "POST", target: whep, body: play, err: stream.ErrShutdown, code: 503, has: [2]string{"Retry-After", "3"}},
		"inside":               {method: "POST", target: whep, body: play, err: errors.New("secret"), code: 500, text: "Internal Server Error"},
		"PATCH":                {method: "PATCH", target: session, body: fragment, headers: patch, code: 204},
		"PATCH without type":   {method: "PATCH", target: session, body: fragment, headers: header{"If-Match", `"e"`}, code: 415, has: [2]string{"Accept-Patch", typeFragment}},
		"PATCH other type":     {method: "PATCH", target: session, body: fragment, headers: header{"Content-Type", typeSDP, "If-Match", `"e"`}, code: 415},
		"PATCH without match":  {method: "PATCH", target: session, body: fragment, headers: header{"Content-Type", typeFragment}, code: 428},
		"PATCH malformed":      {method: "PATCH", target: session, body: "hello", headers: patch, code: 400},
		"PATCH half":           {method: "PATCH", target: session, body: "a=ice-ufrag:EsAw\n", headers: patch, code: 400},
		"PATCH too long":       {method: "PATCH", target: session, body: strings.Repeat("a=x\n", 20000), headers: patch, code: 413},
		"PATCH old":            {method: "PATCH", target: session, body: fragment, headers: patch, err: ErrPrecondition, code: 412},
		"PATCH unknown":        {method: "PATCH", target: session, body: fragment, headers: patch, err: stream.ErrNotFound, code: 404},
		"PATCH wrong token":    {method: "PATCH", target: session, body: fragment, headers: patch, err: ErrToken, code: 403},
		"DELETE":               {method: "DELETE", target: session, code: 200},
		"DELETE on whep":       {method: "DELETE", target: strings.Replace(session, "whip", "whep", 1), code: 200},
		"DELETE unknown":       {method: "DELETE", target: session, err: stream.ErrNotFound, code: 200},
		"DELETE no session":    {method: "DELETE", target: "/rtc/v1/whip/?action=delete&token=T", err: stream.ErrNotFound, code: 200},
		"DELETE wrong token":   {method: "DELETE", target: session, err: ErrToken, code: 403},
		"OPTIONS":              {method: "OPTIONS", target: whep, code: 200, has: [2]string{"Accept-Post", typeSDP}},
		"no slash":             {method: "POST", target: "/rtc/v1/whep?app=live&stream=av", code: 307, has: [2]string{"Location", "/rtc/v1/whep/?app=live&stream=av"}, text: "Redirect to /rtc/v1/whep/?app=live&stream=av"},
		"JSON no slash":        {method: "POST", target: "/rtc/v1/play", code: 302, has: [2]string{"Location", "/rtc/v1/play/"}, text: "Redirect to /rtc/v1/play/"},
		"other path":           {method: "POST", target: "/rtc/v1/other/", code: 404},
		"no simulation":        {method: "GET", target: "/rtc/v1/nack/?username=u&drop=1", code: 404},
	} {
		w := do(New(Config{Server: &fake{err: x.err}}), x.method, x.target, x.body, x.headers...)
		require.Equal(t, x.code, w.Code, "%s: %s", name, w.Body)
		if x.has[0] != "" {
			require.Equal(t, x.has[1], w.Header().Get(x.has[0]), name)
		}
		if x.text != "" {
			require.Equal(t, x.text, w.Body.String(), name)
		}
		require.NotContains(t, w.Body.String(), "secret", name)
	}
}

func TestSession(t *testing.T) {
	f := &fake{}
	h := New(Config{Server: f})
	const session = "/rtc/v1/whip/?action=delete&token=T&app=live&stream=s&session=32md5v3n:a%2Bb"
	require.Equal(t, http.StatusOK, do(h, "DELETE", session, "").Code)
	require.Equal(t, []string{"32md5v3n:a+b", "T"}, f.close)

	body := "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag ysXw network-id 1\r\na=candidate:1 1 udp 1 x.local 1 typ host\r\na=end-of-candidates\r\n"
	w := do(h, "PATCH", session, body, "Content-Type", typeFragment, "If-Match", `"a", "b"`)
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Empty(t, w.Header().Get("ETag"))
	p := f.patch
	require.Equal(t, []string{"a", "b"}, p.Match)
	require.Equal(t, "32md5v3n:a+b", p.ID)
	require.Equal(t, "T", p.Token)
	require.Equal(t, "ysXw", p.Ufrag)
	require.Equal(t, []sdp.Candidate{{Host: "192.0.2.1", Port: 61764}}, p.Candidates)
	require.True(t, p.End)

	f.now = &Restarted{ETag: "abccd", Ufrag: "289b31b7", Pwd: "0b66f472495ef0ccac7bda653ab6be49", Candidates: []sdp.Candidate{{Host: "198.51.100.1", Port: 39132}}}
	w = do(h, "PATCH", session, body, "Content-Type", typeFragment, "If-Match", `*`)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, typeFragment, w.Header().Get("Content-Type"))
	require.Equal(t, `"abccd"`, w.Header().Get("ETag"))
	require.Equal(t, "a=ice-lite\r\na=ice-options:trickle\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:289b31b7\r\n"+
		"a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49\r\na=candidate:0 1 udp 2130706431 198.51.100.1 39132 typ host generation 0\r\na=end-of-candidates\r\n", w.Body.String())
	require.Equal(t, []string{"*"}, f.patch.Match)
}

func TestRestart(t *testing.T) {
	patch := func(ufrag string, match ...string) *Patch {
		return &Patch{Match: match, Fragment: sdp.Fragment{Ufrag: ufrag, Pwd: "p"}}
	}
	for name, x := range map[string]struct {
		p    *Patch
		want bool
		err  error
	}{
		"trickle":             {patch("old", "e"), false, nil},
		"trickle, any":        {patch("old", "*"), false, nil},
		"without credentials": {patch("", "e"), false, nil},
		"restart":             {patch("new", "*"), true, nil},
		"restart by the tag":  {patch("new", "x", "e"), true, nil},
		"outdated":            {patch("old", "x"), false, ErrPrecondition},
		"outdated restart":    {patch("new", "x"), false, ErrPrecondition},
	} {
		got, err := x.p.Restart("e", "old", "p")
		require.Equal(t, x.err, err, name)
		require.Equal(t, x.want, got, name)
	}
}

// TestAPI holds SRS's API against what SRS answers (code 400 for each failure).
func TestAPI(t *testing.T) {
	play, publish := read(t, "offer-play.sdp"), read(t, "offer-publish.sdp")
	request := func(offer any, url string) string {
		b, err := json.Marshal(map[string]any{"api": "http://api.test:1985/rtc/v1/play/", "tid": "abc1234", "streamurl": url, "clientip": nil, "sdp": offer})
		require.NoError(t, err)
		return string(b)
	}
	const av = "webrtc://127.0.0.1/live/av?pp=1"
	for name, x := range map[string]struct {
		method, target, body string
		err                  error
		ok                   bool
	}{
		"play":              {"POST", "/rtc/v1/play/?eip=192.0.2.1", request(play, av), nil, true},
		"publish":           {"POST", "/rtc/v1/publish/?eip=192.0.2.1", request(publish, av), nil, true},
		"port":              {"POST", "/rtc/v1/play/", request(play, "webrtc://127.0.0.1:1985/live/av"), nil, true},
		"GET":               {"GET", "/rtc/v1/play/", "", nil, false},
		"empty":             {"POST", "/rtc/v1/play/", "", nil, false},
		"no JSON":           {"POST", "/rtc/v1/play/", "hello", nil, false},
		"array":             {"POST", "/rtc/v1/play/", "[]", nil, false},
		"no SDP":            {"POST", "/rtc/v1/play/", `{"streamurl": "webrtc://127.0.0.1/live/av"}`, nil, false},
		"no URL":            {"POST", "/rtc/v1/play/", request(play, ""), nil, false},
		"bad URL":           {"POST", "/rtc/v1/play/", request(play, "av"), nil, false},
		"bad SDP":           {"POST", "/rtc/v1/play/", request("v=0\r\n", av), nil, false},
		"SDP is a number":   {"POST", "/rtc/v1/play/", request(1, av), nil, false},
		"publisher's offer": {"POST", "/rtc/v1/play/", request(publish, av), nil, false},
		"player's offer":    {"POST", "/rtc/v1/publish/", request(play, av), nil, false},
		"busy":              {"POST", "/rtc/v1/publish/", request(publish, av), stream.ErrBusy, false},
		"huge":              {"POST", "/rtc/v1/play/", request(strings.Repeat("x", maxJSON), av), nil, false},
	} {
		f := &fake{err: x.err}
		h := New(Config{Server: f, Identity: protocol.Identity{Server: "vid-5481ey2", Service: "10a08x57", PID: 32151}})
		w := do(h, x.method, x.target, x.body)
		require.Equal(t, http.StatusOK, w.Code, name)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"), name)
		if !x.ok {
			require.Equal(t, `{"code":400}`, w.Body.String(), name)
			continue
		}
		require.True(t, strings.HasPrefix(w.Body.String(), `{"code":0,"server":"vid-5481ey2","service":"10a08x57","pid":"32151","sdp":"v=0\r\no=`), w.Body)
		require.True(t, strings.HasSuffix(w.Body.String(), `","sessionid":"32md5v3n:`+f.req.Offer.Ufrag+`"}`), w.Body)
		require.True(t, f.req.JSON)
		require.Equal(t, stream.Key{Vhost: "127.0.0.1", App: "live", Name: "av"}, f.req.Key)
		require.Equal(t, "api.test", f.req.APIHost)
		switch name {
		case "play":
			require.Equal(t, "?pp=1", f.req.Param)
			require.Equal(t, av, f.req.URL)
			require.Equal(t, []string{"192.0.2.1"}, f.req.Candidates)
		case "publish":
			require.Equal(t, "?pp=1&upstream=rtc", f.req.Param)
		}
	}
}

func TestNACK(t *testing.T) {
	var got string
	h := New(Config{Server: &fake{}, Drop: func(id string, n int) error {
		if id != "a:b+c" {
			return stream.ErrNotFound
		}
		got = fmt.Sprint(id, n)
		return nil
	}})
	for target, want := range map[string]string{
		"?username=a:b%2Bc&drop=3": `{"code":0}`, "?username=x&drop=3": `{"code":5022}`, "?username=a:b&drop=x": `{"code":5023}`, "?drop=1": `{"code":5023}`, "?username=a&drop=0": `{"code":5023}`,
	} {
		require.Equal(t, want, do(h, "GET", "/rtc/v1/nack/"+target, "").Body.String(), target)
	}
	require.Equal(t, "a:b+c3", got)
}

// TestSlowBody: a body that does not come ends the request.
func TestSlowBody(t *testing.T) {
	streamtest.CheckLeaks(t)
	var log bytes.Buffer
	s := httptest.NewServer(New(Config{Server: &fake{}, BodyTimeout: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	defer s.Close()
	stalled, end := context.WithCancel(t.Context())
	defer end()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/rtc/v1/whep/", stalledReader{stalled})
	require.NoError(t, err)
	w, err := s.Client().Do(r)
	if err == nil { // the answer may come before the connection is given up
		require.Equal(t, http.StatusBadRequest, w.StatusCode)
		require.NoError(t, w.Body.Close())
	}
	s.Client().CloseIdleConnections()
	s.Close()
	require.Contains(t, log.String(), "the body cannot be read")
}

// stalledReader gives nothing until its context ends.
type stalledReader struct{ ctx context.Context }

func (r stalledReader) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, r.ctx.Err()
}

// FuzzRequest: whatever a client asks for, in WHIP, WHEP, a PATCH or SRS's API, is opened or refused.
func FuzzRequest(f *testing.F) {
	play := read(f, "offer-play.sdp")
	body, err := json.Marshal(map[string]any{"streamurl": "webrtc://a.test/live/av?pp=1", "sdp": play})
	require.NoError(f, err)
	f.Add(uint8(0), "app=live&stream=av&eip=192.0.2.1&codec=av1", typeSDP, "Bearer t", play)
	f.Add(uint8(1), "stream=s&ice-ufrag=myufrag1&ice-pwd=mypassword0123456789abcd", "", "text/html, */*;q=0.1", read(f, "offer-publish.sdp"))
	f.Add(uint8(2), "session=a:b&token=T", typeFragment, `"a", W/"b", *`, "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n")
	f.Add(uint8(3), "vhost=v.test", "application/json", "", string(body))
	f.Add(uint8(4), "candidate=192.0.2.9:9000", "", "", string(body))
	f.Fuzz(func(t *testing.T, which uint8, query, typ, field, body string) {
		server := &fake{}
		method, path := http.MethodPost, []string{"whep", "whip", "whip", "play", "publish"}[which%5]
		if which%5 == 2 {
			method = http.MethodPatch
		}
		r := httptest.NewRequest(method, Prefix+path+"/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header["Content-Type"], r.Header["Accept"], r.Header["Authorization"], r.Header["If-Match"] = []string{typ}, []string{field}, []string{field}, []string{field}
		w := httptest.NewRecorder()
		New(Config{Server: server}).ServeHTTP(w, r)
		require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s", w.Body)
		if req := server.req; req != nil {
			require.NotNil(t, req.Offer)
			require.NotContains(t, req.App+req.Stream, "\x00")
		}
		for _, values := range w.Header() {
			for _, v := range values {
				require.NotContains(t, v, "\n")
			}
		}
	})
}
