package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/stream"
)

// node is a JSON value that keeps the order of members and the form of numbers.
type node struct {
	kind   string // object, array, text, int, float, bool, null
	text   string
	names  []string
	values []node
}

func parseNode(d *json.Decoder) (node, error) {
	tok, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch v := tok.(type) {
	case json.Delim:
		n := node{kind: map[json.Delim]string{'{': "object", '[': "array"}[v]}
		for d.More() {
			if n.kind == "object" {
				name, err := d.Token()
				if err != nil {
					return node{}, err
				}
				n.names = append(n.names, name.(string))
			}
			x, err := parseNode(d)
			if err != nil {
				return node{}, err
			}
			n.values = append(n.values, x)
		}
		_, err := d.Token()
		return n, err
	case string:
		return node{kind: "text", text: v}, nil
	case json.Number:
		kind := "int"
		if _, decimals, ok := strings.Cut(string(v), "."); ok {
			kind = fmt.Sprintf("float with %d decimals", len(decimals))
		}
		return node{kind: kind, text: string(v)}, nil
	case bool:
		return node{kind: "bool"}, nil
	}
	return node{kind: "null"}, nil
}

func decodeNode(t testing.TB, b string) node {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(b))
	d.UseNumber()
	n, err := parseNode(d)
	require.NoError(t, err, "%s", b)
	return n
}

// fits compares an answer with what SRS gives there: kinds of values, and names in their order.
// Objects may have more after those. A text that begins with = has to be the same.
func fits(path string, want, got node) error {
	switch {
	case want.kind != got.kind:
		return fmt.Errorf("%s is %s, want %s", path, got.kind, want.kind)
	case strings.HasPrefix(want.text, "=") && want.text[1:] != got.text:
		return fmt.Errorf("%s is %q, want %q", path, got.text, want.text[1:])
	}
	for i := range want.names {
		if i >= len(got.names) || want.names[i] != got.names[i] {
			return fmt.Errorf("%s has %q, want %q", path, got.names, want.names)
		}
		if err := fits(path+"."+want.names[i], want.values[i], got.values[i]); err != nil {
			return err
		}
	}
	if want.kind == "array" && len(want.values) > 0 {
		if len(got.values) == 0 {
			return fmt.Errorf("%s is empty", path)
		}
		for i, v := range got.values {
			if err := fits(fmt.Sprintf("%s[%d]", path, i), want.values[0], v); err != nil {
				return err
			}
		}
	}
	return nil
}

func loadShapes(t testing.TB) map[string]node {
	t.Helper()
	b, err := os.ReadFile("testdata/shapes.json")
	require.NoError(t, err)
	all := map[string]node{}
	n := decodeNode(t, string(b))
	for i, name := range n.names {
		all[name] = n.values[i]
	}
	return all
}

// TestShapes compares each answer with SRS's, field by field: testdata/shapes.json has names,
// order, types and number formats of SRS 6.
func TestShapes(t *testing.T) {
	r := newRig(t, api.Config{Root: true, Version: "7.8.9", Vhost: func(string) api.VhostInfo {
		return api.VhostInfo{HLS: true, Fragment: 2e9}
	}})
	r.publish(t, "a")
	r.play(t, "a")
	r.playFLV(t, "a")
	var live struct{ Streams []struct{ ID string } }
	eventually(t, "the stream has no picture", func() bool {
		return strings.Contains(r.get(t, "/api/v1/streams/"), `"codec":"H264"`) &&
			strings.Contains(r.get(t, "/api/v1/streams/"), `"codec":"AAC"`)
	})
	r.getInto(t, "/api/v1/streams/", &live)
	var clients struct{ Clients []struct{ ID string } }
	r.getInto(t, "/api/v1/clients/", &clients)
	eventually(t, "no sample", func() bool {
		return !strings.Contains(r.get(t, "/api/v1/self_proc_stats"), `"ok":false`)
	})
	shapes := loadShapes(t)
	check := func(name, url string) {
		want, ok := shapes[name]
		require.True(t, ok, "no shape %s", name)
		delete(shapes, name)
		if err := fits(name, want, decodeNode(t, r.get(t, url))); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{"/", "/api/", "/api/v1/", "/api/v1/versions", "/api/v1/summaries", "/api/v1/rusages",
		"/api/v1/self_proc_stats", "/api/v1/system_proc_stats", "/api/v1/meminfos", "/api/v1/authors", "/api/v1/features",
		"/api/v1/tests/requests", "/api/v1/vhosts/", "/api/v1/streams/", "/api/v1/clients/", "/api/v1/raw?rpc=raw"} {
		check(path, path)
	}
	check("/api/v1/vhosts/ID", "/api/v1/vhosts/"+r.Identity().VhostID(stream.DefaultVhost))
	check("/api/v1/streams/ID", "/api/v1/streams/"+live.Streams[0].ID)
	check("/api/v1/clients/ID", "/api/v1/clients/"+clients.Clients[0].ID)
	query := "/api/v1/clusters?vhost=__defaultVhost__&ip=127.0.0.1&app=live&coworker=127.0.0.1:1985&stream="
	check("/api/v1/clusters", query+"a")
	check("/api/v1/clusters none", query+"nosuch")

	waiting := newRig(t, api.Config{})
	waiting.play(t, "w")
	if err := fits("waited for", shapes["/api/v1/streams/WAITED"], decodeNode(t, waiting.get(t, "/api/v1/streams/"))); err != nil {
		t.Error(err)
	}
	delete(shapes, "/api/v1/streams/WAITED")
	require.Empty(t, shapes, "not compared")
}

// TestFits proves that the comparison finds what differs.
func TestFits(t *testing.T) {
	want := decodeNode(t, `{"a": 1, "b": {"c": 1.25, "d": "text"}, "e": [true], "f": "=x", "g": null}`)
	same := `{"a":7,"b":{"c":0.00,"d":"","more":1},"e":[false,true],"f":"x","g":null,"more":[]}`
	require.NoError(t, fits("", want, decodeNode(t, same)))
	for _, change := range [][2]string{
		{`"a":7`, `"a":"7"`}, {`0.00`, `0.5`}, {`0.00`, `0`}, {`"a":7,`, ``}, {`"a":7`, `"z":7`}, {`[false,true]`, `[]`},
		{`[false,true]`, `[1]`}, {`"f":"x"`, `"f":"y"`}, {`"g":null`, `"g":{}`}, {`"c":0.00,"d":""`, `"d":"","c":0.00`},
	} {
		got := strings.Replace(same, change[0], change[1], 1)
		require.NotEqual(t, same, got)
		require.Error(t, fits("", want, decodeNode(t, got)), "%s", got)
	}
}
