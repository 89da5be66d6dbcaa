package repotest

import (
	"cmp"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rule says what the packages that match in may import beside the standard library: patterns of
// paths below the module, and of whole paths of other modules. Tests may import every package of
// ours but the commands, testOnly, and of other modules what test adds.
type rule struct {
	in   string
	may  []string
	test []string
}

var (
	testOnly = []string{"github.com/stretchr/testify/..."}

	// Formats and codecs can be used alone: they know packets, but no server.
	formats      = []string{"protocol/amf/...", "protocol/cmaf/...", "protocol/codec", "protocol/mpegps/...", "protocol/mpegts/..."}
	mediacommon  = "github.com/bluenviron/mediacommon/v2/..."
	formatMay    = []string{"stream", mediacommon}
	protocolMay  = slices.Concat([]string{"stream", "protocol"}, formats)
	extensionMay = []string{"stream", "protocol", "protocol/errcode"} // never a protocol: they dial by URL scheme
	// What cuts streams into files, and serves them, shares these.
	segmentMay = slices.Concat([]string{"protocol/audience", "protocol/segment", "protocol/storage"}, protocolMay)
)

// rules are asked in order; the first that matches a package is its own, and each package has one.
// The only edges between protocols are rtmp, dvr → flv: an RTMP body is an FLV tag body.
var rules = []rule{
	// The core: the standard library alone.
	{in: "stream"},
	{in: "stream/streamtest/...", may: []string{"stream", "stream/streamtest/..."}},
	{in: "protocol", may: []string{"stream"}},

	{in: "protocol/amf/...", may: formatMay},
	{in: "protocol/cmaf/...", may: append([]string{"protocol/codec/..."}, formatMay...)},
	// What converts sound is for programs to choose from; go-aac is under the LGPL.
	{in: "protocol/codec/transcode", may: append([]string{"protocol/codec"}, formatMay...)},
	{in: "protocol/codec/transcode/opus", may: []string{"stream", "protocol/codec", "protocol/codec/transcode", "github.com/thesyncim/gopus"}},
	{in: "protocol/codec/transcode/aac", may: []string{"stream", "protocol/codec", "protocol/codec/transcode", "github.com/tphakala/go-aac/..."}},
	{in: "protocol/codec/transcode/mp3", may: []string{"stream", "protocol/codec", "protocol/codec/transcode", "github.com/hajimehoshi/go-mp3"}},
	{in: "protocol/codec/transcode/ffmpeg", may: []string{"stream", "protocol/codec", "protocol/codec/transcode"}},
	{in: "protocol/codec/...", may: append([]string{"protocol/codec/..."}, formatMay...)},
	{in: "protocol/mpegps/...", may: formatMay},
	{in: "protocol/mpegts/...", may: append([]string{"protocol/codec/..."}, formatMay...)},
	{in: "rtmp/chunk", may: formatMay},
	{in: "rtmp/handshake", may: formatMay},

	{in: "flv", may: append([]string{"github.com/gobwas/ws/..."}, protocolMay...)},
	{in: "protocol/remux", may: append([]string{"flv"}, protocolMay...),
		test: []string{"github.com/gobwas/ws/..."}}, // other formats for what plays FLV
	{in: "rtmp", may: append([]string{"flv", "rtmp/..."}, protocolMay...),
		test: []string{"github.com/bluenviron/gortmplib/..."}}, // an independent peer

	{in: "protocol/storage/...", may: []string{"stream", "protocol/storage"}},
	{in: "protocol/segment", may: []string{"stream", "protocol"}},
	{in: "protocol/audience", may: []string{"stream", "protocol"}},
	{in: "hls/...", may: append([]string{"hls/...", "github.com/grafov/m3u8"}, segmentMay...),
		test: []string{"github.com/bluenviron/gohlslib/v2/..."}}, // an independent parser
	{in: "dash/...", may: append([]string{"dash/..."}, segmentMay...),
		test: []string{"github.com/Eyevinn/dash-mpd/..."}},
	{in: "dvr", may: append([]string{"flv", "hls/playlist", "github.com/abema/go-mp4"}, segmentMay...), test: []string{mediacommon}},
	{in: "dvr/s3", may: []string{"protocol/storage", "github.com/minio/minio-go/v7/..."}},

	// pion stays below rtc, and out of what rtc itself shows.
	// Decoding order is told from what codecs say of it.
	{in: "rtc/ingest", may: append([]string{"rtc/desc", "github.com/pion/...", mediacommon}, protocolMay...)},
	{in: "rtc/...", may: append([]string{"rtc/...", "github.com/pion/...", "golang.org/x/net/...", "golang.org/x/sys/..."}, protocolMay...)},

	{in: "protocol/errcode", may: []string{"stream", "protocol"}},
	{in: "protocol/token", may: []string{"github.com/go-jose/go-jose/v4/..."}}, // JWT, JWKS
	{in: "protocol/files", may: []string{"stream", "protocol"}},
	{in: "protocol/gate/...", may: append([]string{"protocol/gate/...", "protocol/token"}, extensionMay...)},
	{in: "protocol/hook/...", may: append([]string{"protocol/hook/..."}, extensionMay...)},
	{in: "protocol/relay/...", may: append([]string{"protocol/relay/..."}, extensionMay...)},
	{in: "protocol/exec/...", may: append([]string{"protocol/exec/..."}, extensionMay...)},
	{in: "protocol/api/...", may: append([]string{"protocol/api/...", "protocol/token", "github.com/prometheus/..."}, extensionMay...)},
	{in: "protocol/console/...", may: append([]string{"protocol/console/..."}, extensionMay...)},

	// Programs. Examples are written against what everybody can import, and need nothing else.
	{in: "examples/...", may: []string{"stream", "protocol/...", "rtmp/...", "flv", "hls", "dash", "dvr/...", "rtc"}, test: []string{mediacommon}},
	{in: "cmd/srsd/...", may: []string{"cmd/srsd/...", "stream", "protocol/...", "rtmp/...", "flv", "hls", "dash", "dvr/...", "rtc",
		"golang.org/x/sys/...", "github.com/fsnotify/fsnotify"}},
	{in: "cmd/srsbench/...", may: []string{"cmd/srsbench/...", "stream", "protocol/...", "rtmp/...", "flv", "hls/...", "rtc/...", "golang.org/x/sys/..."}},
	{in: "cmd/internal/repotest"},
}

// allowed tells whether a package, or with test its tests, may import p. With a non-empty reason it
// may not.
func allowed(dir, p string, test bool) (reason string) {
	ours, own := strings.CutPrefix(p, module+"/")
	if !own && !strings.Contains(strings.Split(p, "/")[0], ".") { // the standard library
		if p == "testing" && !test && dir != "stream/streamtest" {
			return "package testing is for tests"
		}
		return ""
	}
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.in, dir) })
	if i < 0 {
		return "the package has no rule: give it one"
	}
	r := rules[i]
	if own {
		p = ours
	}
	switch {
	case matchesAny(r.may, p):
		return ""
	case !test && own && matches("stream/streamtest", p):
		return "streamtest is for tests"
	case !test:
		return "may import: " + cmp.Or(strings.Join(r.may, " "), "the standard library alone")
	case own && matches("cmd/...", p):
		return "nothing imports a command"
	case own || matchesAny(testOnly, p) || matchesAny(r.test, p):
		return ""
	}
	return "its tests may import of other modules: " + strings.Join(slices.Concat(testOnly, r.test, r.may), " ")
}

// TestImports holds each import in the repository against rules.
func TestImports(t *testing.T) {
	for _, f := range parse(t, token.NewFileSet(), parser.ImportsOnly) {
		for _, p := range f.imports() {
			if f.dir == "." {
				t.Errorf("%s: no Go files at the top", f.name)
			} else if why := allowed(f.dir, p, f.test); why != "" {
				t.Errorf("%s → %s (in %s): %s", f.dir, strings.TrimPrefix(p, module+"/"), f.name, why)
			}
		}
	}
}

// TestRules proves that the rules refuse what they are there for.
func TestRules(t *testing.T) {
	for _, x := range []struct {
		dir, imports string
		test, ok     bool
	}{
		{"stream", "net/http", false, true},
		{"stream", module + "/protocol", false, false},
		{"stream", "github.com/stretchr/testify/require", true, true},
		{"stream", "github.com/stretchr/testify/require", false, false},
		{"stream", "golang.org/x/sys/unix", true, false},
		{"stream", module + "/stream/streamtest", false, false},
		{"protocol", module + "/stream", false, true},
		{"protocol", module + "/rtmp", false, false},
		{"protocol/codec", "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264", false, true},
		{"protocol/codec", module + "/protocol", false, false},
		{"protocol/codec/transcode", "github.com/tphakala/go-aac", false, false},
		{"protocol/codec/transcode/aac", "github.com/tphakala/go-aac/pcm", false, true},
		{"protocol/codec/transcode/opus", "github.com/tphakala/go-aac", false, false},
		{"rtc", module + "/protocol/codec/transcode/aac", false, false},
		{"cmd/srsd/internal/apply", module + "/protocol/codec/transcode/aac", false, true},
		{"protocol/relay/redis", module + "/rtmp", false, false},
		{"rtmp", module + "/flv", false, true},
		{"flv", module + "/rtmp", false, false},
		{"flv", module + "/rtmp", true, true},
		{"flv", "github.com/gobwas/ws", false, true},
		{"rtmp", "github.com/gobwas/ws", false, false},
		{"rtmp", "github.com/bluenviron/gortmplib", true, true},
		{"rtmp", "github.com/bluenviron/gortmplib", false, false},
		{"rtmp", "github.com/pion/rtp", false, false},
		{"rtmp", module + "/cmd/srsd/internal/conf", true, false},
		{"cmd/srsbench", module + "/cmd/srsd/internal/conf", false, false},
		{"cmd/srsd/internal/apply", module + "/cmd/srsd/internal/conf", false, true},
		{"examples/smallest", module + "/stream/streamtest", false, false},
		{"nowhere", module + "/stream", false, false},
		{"flv", "testing", false, false},
	} {
		if why := allowed(x.dir, x.imports, x.test); (why == "") != x.ok {
			t.Errorf("%s → %s (test: %v): allowed: %v, want %v", x.dir, x.imports, x.test, why == "", x.ok)
		}
	}
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Module     *struct{ Path string }
}

// list gives the packages that programs importing the given ones link, on a system.
func list(t *testing.T, goos string, packages ...string) (byPath map[string]pkg) {
	t.Helper()
	c := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Imports,Module"}, packages...)...)
	c.Dir, c.Env = root, append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := c.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v: %v\n%s", c, err, exit.Stderr)
		}
		t.Fatalf("%v: %v", c, err)
	}
	byPath = map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return byPath
		} else if err != nil {
			t.Fatal(err)
		}
		byPath[p.ImportPath] = p
	}
}

// TestLinked holds what a program links that imports the packages of the first column, through
// whatever they import: no WebRTC, SRT, S3 or Redis comes with RTMP and HTTP-FLV. On every system,
// since an edge may hide in a file for one.
func TestLinked(t *testing.T) {
	const jose = "github.com/go-jose/go-jose/v4" // of the gates
	gobwas := []string{"github.com/gobwas/ws", "github.com/gobwas/httphead", "github.com/gobwas/pool"}
	api := []string{jose, "github.com/prometheus/client_golang", "github.com/prometheus/client_model", "github.com/prometheus/common",
		"github.com/prometheus/procfs", "github.com/beorn7/perks", "github.com/cespare/xxhash/v2", "github.com/munnerz/goautoneg",
		"github.com/pandatix/go-abnf", "google.golang.org/protobuf", "golang.org/x/sys"}
	webrtc := []string{"github.com/pion/dtls/v2", "github.com/pion/interceptor", "github.com/pion/logging", "github.com/pion/randutil",
		"github.com/pion/rtcp", "github.com/pion/rtp", "github.com/pion/sdp/v3", "github.com/pion/srtp/v2", "github.com/pion/stun",
		"github.com/pion/transport/v2", "github.com/wlynxg/anet", "golang.org/x/crypto", "golang.org/x/net"}
	sound := []string{"github.com/thesyncim/gopus", "github.com/tphakala/go-aac"} // of the examples that convert it
	for _, x := range []struct {
		packages []string
		modules  []string // beside this one
	}{
		{[]string{"stream", "protocol"}, nil},
		{[]string{"stream", "protocol", "rtmp", "flv"}, append([]string{"github.com/bluenviron/mediacommon/v2"}, gobwas...)},
		{[]string{"protocol/gate"}, []string{jose}},
		{[]string{"protocol/api"}, api},
		{[]string{"examples/..."}, slices.Concat([]string{"github.com/bluenviron/mediacommon/v2", "github.com/grafov/m3u8"}, gobwas, api, webrtc, sound)},
	} {
		for _, goos := range []string{"linux", "darwin", "windows"} {
			var from []string
			for _, p := range x.packages {
				from = append(from, module+"/"+p)
			}
			have := list(t, goos, from...)
			chains := map[string][]string{} // the shortest into each module that is too many
			for _, p := range have {
				if p.Module == nil || p.Module.Path == module || slices.Contains(x.modules, p.Module.Path) {
					continue
				}
				c := chain(have, p.ImportPath)
				if old := chains[p.Module.Path]; old == nil || len(c) < len(old) {
					chains[p.Module.Path] = c
				}
			}
			for m, c := range chains {
				t.Errorf("%s: a program with %s links %s: %s", goos, strings.Join(x.packages, ", "), m, strings.Join(c, " → "))
			}
		}
	}
}

// chain gives a shortest path of imports from a package of ours to p.
func chain(have map[string]pkg, p string) []string {
	via := map[string]string{p: ""}
	for queue := []string{p}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == module || strings.HasPrefix(at, module+"/") {
			var path []string
			for ; at != ""; at = via[at] {
				path = append(path, strings.TrimPrefix(at, module+"/"))
			}
			return path
		}
		for _, from := range have {
			if _, seen := via[from.ImportPath]; !seen && slices.Contains(from.Imports, at) {
				via[from.ImportPath] = at
				queue = append(queue, from.ImportPath)
			}
		}
	}
	return []string{p}
}

// TestModules holds that what imports the module gets what is tested here.
func TestModules(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(mod), "module "+module+"\n") {
		t.Errorf("go.mod does not declare %s", module)
	}
	if strings.Contains(string(mod), "replace ") {
		t.Error("go.mod replaces a module: what imports this one would not get that")
	}
}
