package hls

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parsePlaylists reads texts from its input, and writes what the parser of video.js makes of each.
const parsePlaylists = `
const {Parser} = require(process.argv[1] + '/m3u8-parser');
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(texts.map(text => {
	const p = new Parser(), warnings = [];
	p.on('warn', w => warnings.push(w.message));
	p.push(text); p.end();
	const m = p.manifest, list = m.segments.filter(s => s.uri);
	return {
		warnings, sequence: m.mediaSequence, discontinuities: m.discontinuitySequence, target: m.targetDuration,
		uris: list.map(s => s.uri), inits: list.filter(s => s.map).length, skipped: m.skip ? m.skip.skippedSegments : 0,
		parts: m.segments.concat(m.preloadSegment || []).reduce((set, s) => { (s.parts || []).forEach(p => set.add(p.uri)); return set; }, new Set()).size,
		reports: (m.renditionReports || []).length,
	};
})));`

// readByVideoJS holds that the parser of video.js finds in playlists what is in them, and has nothing to
// warn of.
func readByVideoJS(t *testing.T, texts []string) {
	t.Helper()
	modules := os.Getenv("SRS_NODE_MODULES")
	if modules == "" {
		t.Skip("SRS_NODE_MODULES names no directory with m3u8-parser")
	}
	in, err := json.Marshal(texts)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, "node"), "-e", parsePlaylists, modules)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var got []struct {
		Warnings, URIs                           []string
		Sequence, Discontinuities, Target, Inits int
		Parts, Skipped, Reports                  int
	}
	require.NoError(t, json.Unmarshal(out, &got))
	require.Len(t, got, len(texts))
	number := func(text, name string) (n int) {
		for _, v := range tag(text, name) {
			n, err = strconv.Atoi(v)
			require.NoError(t, err)
		}
		return n
	}
	for i, text := range texts {
		g := got[i]
		require.Empty(t, g.Warnings, text)
		require.Equal(t, number(text, "EXT-X-MEDIA-SEQUENCE"), g.Sequence, text)
		require.Equal(t, number(text, "EXT-X-DISCONTINUITY-SEQUENCE"), g.Discontinuities, text)
		require.Equal(t, number(text, "EXT-X-TARGETDURATION"), g.Target, text)
		require.Equal(t, uris(text), g.URIs, text)
		require.Len(t, tag(text, "EXT-X-PART"), g.Parts, text)
		require.Len(t, tag(text, "EXT-X-RENDITION-REPORT"), g.Reports, text)
		require.Equal(t, strings.Contains(text, "#EXT-X-SKIP:"), g.Skipped > 0, text)
		if strings.Contains(text, "#EXT-X-MAP:") && g.Skipped == 0 {
			require.Equal(t, len(g.URIs), g.Inits, text)
		}
	}
}
