package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// replies are answers and SRS's verdict on them, 0 for consent.
var replies = []struct {
	status int
	body   string
	code   int
}{
	{200, `0`, 0},
	{201, `0`, 0},
	{200, `{"code":0}`, 0},
	{201, `{"code":0}`, 0},
	{200, "{ \"msg\": \"ok\",\n \"code\" : 0 }\n", 0},
	{200, `{"code":0,"data":{"urls":["rtmp://a/b/c"]}}`, 0},

	{200, "0\n", 3008},
	{200, " 0", 3008},
	{200, `00`, 3008},
	{200, `0.0`, 3008},
	{200, `1`, 3008},
	{200, `-1`, 3008},
	{200, `"0"`, 3008},
	{200, `ok`, 3008},
	{200, ``, 3008},
	{200, `null`, 3008},
	{200, `true`, 3008},
	{200, `[0]`, 3008},
	{200, `[{"code":0}]`, 3008},
	{200, `{"code":0`, 3008},
	{200, `{"code":0} x`, 3008},
	{200, strings.Repeat(`{"a":`, 12_000), 3008},
	{200, `{"code":0,"x":"` + strings.Repeat("x", maxReply) + `"}`, 3008},
	{200, `{"code":1}`, 3064},
	{200, `{"code":-1}`, 3064},
	{200, `{"code":"0"}`, 3064},
	{200, `{"code":0.0}`, 3064},
	{200, `{"code":0e0}`, 3064},
	{200, `{"code":null}`, 3064},
	{200, `{"code":false}`, 3064},
	{200, `{"code":[0]}`, 3064},
	{200, `{"code":99999999999999999999}`, 3064},
	{200, `{"CODE":0}`, 3064},
	{200, `{}`, 3064},
	{204, ``, 4005},
	{202, `0`, 4005},
	{302, `0`, 4005},
	{400, `{"code":0}`, 4005},
	{403, `0`, 4005},
	{500, `{"code":0}`, 4005},
}

// codeOf gives the code of a refusal, 0 without one.
func codeOf(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var denied *stream.DeniedError
	require.ErrorAs(t, err, &denied)
	require.NotEmpty(t, denied.Public)
	var e interface{ Code() int }
	require.ErrorAs(t, err, &e)
	require.Contains(t, err.Error(), fmt.Sprintf("code %d", e.Code()))
	return e.Code()
}

// TestReplies: what a callee answers decides, for each question alike, and never is anything lost by
// letting in where there is no answer.
func TestReplies(t *testing.T) {
	t.Parallel()
	for i, x := range replies {
		t.Run(fmt.Sprintf("%d %.20s", i, x.body), func(t *testing.T) {
			t.Parallel()
			c := newCallee(t, func(w http.ResponseWriter, _ got) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(x.status)
				_, _ = io.WriteString(w, x.body)
			})
			v := all(c.url)
			v.OnError = Allow
			v.OnConnect = nil
			srv := run(t, same(v))
			require.Equal(t, x.code, codeOf(t, srv.play(request("flv", "a"))))
			require.Equal(t, x.code, codeOf(t, srv.publish(request("rtmp", "a"))))
			srv.shutdown()
			require.NotContains(t, c.hooks(), "elsewhere", "a redirect was followed")

			c = newCallee(t, c.answer)
			srv = run(t, same(all(c.url)))
			require.Equal(t, x.code, codeOf(t, srv.publish(request("rtmp", "a"))), onConnect)
		})
	}
}

// TestForward: on_forward has SRS's body, and gives its list.
func TestForward(t *testing.T) {
	t.Parallel()
	var answer string
	c := newCallee(t, func(w http.ResponseWriter, _ got) { _, _ = io.WriteString(w, answer) })
	srv := run(t, Config{Vhost: func(name string) Vhost {
		if name == "fwd.test" {
			return all(c.url)
		}
		return Vhost{}
	}})
	q := request("rtmp", "f1")
	q.Key.Vhost, q.URL, q.Param = "fwd.test", "rtmp://127.0.0.1:1935/live", "?vhost=fwd.test&tok=5"
	s := &stream.Session{ID: "805wk9t4", Action: stream.ActionPublish, Request: q}
	for _, x := range []struct {
		answer string
		code   int
		want   []string
	}{
		{`{"code":0,"data":{"urls":["rtmp://127.0.0.1:19350/live/f1?k=v","rtmp://b/live/f1"]}}`, 0,
			[]string{"rtmp://127.0.0.1:19350/live/f1?k=v", "rtmp://b/live/f1"}},
		{`{"code":0,"data":{"urls":[]}}`, 0, []string{}},
		{`0`, 1030, nil},
		{`{"code":0}`, 1030, nil},
		{`{"code":0,"data":null}`, 1030, nil},
		{`{"code":0,"data":[]}`, 1030, nil},
		{`{"code":0,"data":{}}`, 1030, nil},
		{`{"code":0,"data":{"urls":null}}`, 1030, nil},
		{`{"code":0,"data":{"urls":"rtmp://a/b/c"}}`, 1030, nil},
		{`{"code":0,"data":{"urls":[1]}}`, 1030, nil},
		{`{"code":0,"data":{"urls":[null]}}`, 1030, nil},
		{`{"code":0,"data":{"urls":["rtmp://a/b\r\n"]}}`, 1030, nil},
		{`{"code":1,"data":{"urls":[]}}`, 3064, nil},
		{`1`, 3008, nil},
	} {
		answer = x.answer
		list, err := srv.m.Forward(t.Context(), s)
		require.Equal(t, x.want, list, "%s", x.answer)
		var e *Error
		if x.code == 0 {
			require.NoError(t, err)
		} else if require.ErrorAs(t, err, &e); e.Code() != x.code {
			t.Errorf("%s: %v", x.answer, err)
		}
	}
	sameFields(t, `{"action":"on_forward","server_id":"vid-5481ey2","service_id":"by73o421","client_id":"805wk9t4","ip":"127.0.0.1","vhost":"fwd.test","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"f1","param":"?vhost=fwd.test&tok=5"}`,
		c.wait(t, 1)[0].body)

	q.Key.Vhost = stream.DefaultVhost
	list, err := srv.m.Forward(t.Context(), &stream.Session{Request: q})
	require.NoError(t, err)
	require.Nil(t, list, "nobody is asked")
}

func FuzzReply(f *testing.F) {
	for _, x := range replies {
		f.Add([]byte(x.body))
	}
	f.Add([]byte(`{"code":0,"data":{"urls":["rtmp://a/b/c"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		object, err := parseReply(b)
		list, forward := parseForward(b)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code() != codeData && e.Code() != codeResponse {
				t.Fatalf("%q: %v", b, err)
			}
			if object != nil || forward == nil {
				t.Fatalf("%q: refused, but gives %v, %v", b, object, list)
			}
			return
		}
		if string(b) != "0" {
			var code struct{ Code json.Number }
			if json.Unmarshal(b, &code) != nil {
				t.Fatalf("%q: let in, but is no object", b)
			}
		}
		if (forward == nil) != (list != nil) {
			t.Fatalf("%q: %v, %v", b, list, forward)
		}
	})
}
