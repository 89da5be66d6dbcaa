package dash

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parseManifests reads manifests from its input, and writes what the parser of video.js makes of each
// when it is as old as it was when it was published.
const parseManifests = `
const parser = require(process.argv[1] + '/mpd-parser');
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(texts.map(text => {
	const warnings = [], NOW = Date.parse(/publishTime="([^"]*)"/.exec(text)[1]);
	const m = parser.parse(text, {manifestUri: 'http://h.test/live/av.mpd', NOW, eventHandler: e => warnings.push(e.message)});
	const playlists = m.playlists.slice();
	for (const group of Object.values(m.mediaGroups.AUDIO)) for (const x of Object.values(group)) playlists.push(...x.playlists);
	return {warnings, playlists: playlists.map(p => ({
		uris: p.segments.map(s => s.resolvedUri), init: p.segments[0]?.map?.resolvedUri || '',
		duration: p.segments.reduce((sum, s) => sum + s.duration, 0),
	}))};
})));`

// TestVideoJS: the parser of video.js finds what is in manifests, and has nothing to warn of.
func TestVideoJS(t *testing.T) {
	modules := os.Getenv("SRS_NODE_MODULES")
	if modules == "" {
		t.Skip("SRS_NODE_MODULES names no directory with mpd-parser")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	files, err := filepath.Glob("testdata/*.mpd")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var texts []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		texts = append(texts, string(b))
	}
	in, err := json.Marshal(texts)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "-e", parseManifests, modules)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var got []parsedManifest
	require.NoError(t, json.Unmarshal(out, &got))
	require.Len(t, got, len(texts))
	for i, text := range texts {
		t.Run(filepath.Base(files[i]), func(t *testing.T) { got[i].same(t, parse(t, text)) })
	}
}

type parsedManifest struct {
	Warnings  []string
	Playlists []struct {
		URIs     []string
		Init     string
		Duration float64
	}
}

// same holds that the parser found the representations of a manifest, with their segments.
func (m parsedManifest) same(t *testing.T, want mpd) {
	t.Helper()
	require.Empty(t, m.Warnings)
	require.Len(t, want.Periods, 1)
	require.Len(t, m.Playlists, len(want.Periods[0].Sets))
	found := map[string]int{} // playlists by their initialization
	for i, p := range m.Playlists {
		found[p.Init] = i
	}
	for _, set := range want.Periods[0].Sets {
		rep := set.Reps[0]
		name := func(template string, number int) string {
			return "http://h.test/live/" + want.BaseURL + strings.NewReplacer("$RepresentationID$", rep.Attrs.get("id"), "$Number$", strconv.Itoa(number)).Replace(template)
		}
		s := rep.Template
		i, ok := found[name(s.Attrs.get("initialization"), 0)]
		require.True(t, ok, "%v", found)
		p := m.Playlists[i]
		if s.Timeline == nil {
			require.NotEmpty(t, p.URIs)
			continue
		}
		var uris []string
		ticks := uint64(0)
		for i, e := range s.Timeline.S {
			uris = append(uris, name(s.Attrs.get("media"), s.Attrs.number(t, "startNumber")+i))
			ticks += e.D
		}
		require.Equal(t, uris, p.URIs)
		require.InDelta(t, float64(ticks)/float64(s.Attrs.number(t, "timescale")), p.Duration, 1e-6)
	}
}
