package dash

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	eyevinn "github.com/Eyevinn/dash-mpd/mpd"
	"github.com/stretchr/testify/require"
)

// shape gives the elements of a document with the names of their attributes, in order.
func shape(t *testing.T, text string) (out []string) {
	t.Helper()
	var path []string
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		switch token, err := d.Token(); x := token.(type) {
		case xml.StartElement:
			path = append(path, x.Name.Local)
			var names []string
			for _, a := range x.Attr {
				if a.Name.Space == "" {
					names = append(names, a.Name.Local)
				}
			}
			slices.Sort(names)
			out = append(out, strings.Join(path, "/")+" "+strings.Join(names, " "))
		case xml.EndElement:
			path = path[:len(path)-1]
		default:
			if errors.Is(err, io.EOF) {
				return out
			}
			require.NoError(t, err)
		}
	}
}

// TestSchema reads manifests with types that were made from the MPEG schema (ISO/IEC 23009-1, fifth
// edition), and writes them again: an element, an attribute or an order that the schema does not have, and
// a value of a wrong type, would not come back.
func TestSchema(t *testing.T) {
	files, err := filepath.Glob("testdata/*.mpd")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		want, got, err := again(t, string(b))
		require.NoError(t, err, file)
		require.Equal(t, want, got, file)
	}
	b, err := os.ReadFile("testdata/h264-aac-low.mpd")
	require.NoError(t, err)
	for _, x := range []struct{ name, old, new string }{
		{"attribute", " startNumber=", " firstNumber="},
		{"element", "PlaybackRate", "PlaybackSpeed"},
		{"order", "<BaseURL>av/</BaseURL>", ""},
		{"type", `width="320"`, `width="wide"`},
	} {
		text := strings.ReplaceAll(string(b), x.old, x.new)
		if x.name == "order" {
			text = strings.Replace(text, "</MPD>", x.old+"</MPD>", 1)
		}
		require.NotEqual(t, string(b), text)
		if want, got, err := again(t, text); err == nil {
			require.NotEqual(t, want, got, x.name)
		}
	}
}

// again gives the shape of a manifest, and that of what is written of it again.
func again(t *testing.T, text string) (before, after []string, err error) {
	t.Helper()
	m, err := eyevinn.ReadFromString(text)
	if err != nil {
		return nil, nil, err
	}
	out, err := m.WriteToString("", false)
	require.NoError(t, err)
	return shape(t, text), shape(t, out), nil
}
