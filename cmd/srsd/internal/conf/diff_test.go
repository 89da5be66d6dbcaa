package conf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rows of the reference's table of what a reload changes, and what else can differ.
func TestDiff(t *testing.T) {
	const common = "listen 1935;\nvhost __defaultVhost__ {}\n"
	for _, c := range []struct{ name, old, now, want string }{
		{"nothing", "", "", ""},
		{"layout", "vhost a { hls { enabled on; } } pid x;", "\n# y\npid 'x';\nvhost a {\n hls {\nenabled on; } }", ""},
		{"the default, written", "", "max_connections 1000; vhost a {}", "Y vhost.a: → vhost a {…}"},
		{"an equal number", "heartbeat { interval 9.3; }", "heartbeat { interval 9; }", ""},
		{"an equal switch", "daemon yes;", "daemon on;", ""},
		{"an old name", "vhost a { gop_cache off; }", "vhost a { play { gop_cache off; } }", ""},

		{"max_connections", "", "max_connections 10;", "Y max_connections: 1000 → 10"},
		{"pithy_print_ms", "pithy_print_ms 10;", "", "Y pithy_print_ms: 10 → 10000"},
		{"vhost added", "", "vhost b { hls { enabled on; } }", "Y vhost.b: → vhost b {…}"},
		{"vhost removed", "vhost b {}", "", "Y vhost.b: vhost b {…} →"},
		{"vhost disabled", "vhost b {}", "vhost b { enabled off; }", "Y vhost.b.enabled: on → off"},
		{"vhost", "vhost a { chunk_size 128; }", "vhost a { tcp_nodelay on; min_latency on; play { mw_latency 1; reduce_sequence_header on; } }",
			"Y vhost.a.chunk_size: 128 → 60000, Y vhost.a.min_latency: off → on, Y vhost.a.tcp_nodelay: off → on, " +
				"Y vhost.a.play.mw_latency: 350 → 1, L vhost.a.play.reduce_sequence_header: off → on"},
		{"global chunk_size", "vhost a { chunk_size 4000; }", "vhost a { chunk_size 4000; } chunk_size 5000;",
			"L chunk_size: 60000 → 5000, Y vhost.__defaultVhost__.chunk_size: 60000 → 5000"},
		{"features", "vhost a { dvr { enabled on; } }", "vhost a { forward { destination a b; } dvr { dvr_apply none; } hls { hls_path /x; } dash { enabled on; } exec { publish a b; publish c; } }",
			"Y vhost.a.exec.publish: → a b; c, Y vhost.a.forward.destination: → a b, Y vhost.a.dash.enabled: off → on, Y vhost.a.dvr.enabled: on → off, " +
				"N vhost.a.dvr.dvr_apply: all → none, Y vhost.a.hls.hls_path: ./objs/nginx/html → /x, Y vhost.a.hls.hls_key_file_path: ./objs/nginx/html → /x"},
		{"transcode", "vhost a { transcode { engine e { vparams { b 1; } } } transcode {} }", "vhost a { transcode { engine e { vparams { b 2; c; } } engine f {} } }",
			"Y vhost.a.transcode.engine.e.vparams: vparams { b 1; } → vparams { b 2; c; }, Y vhost.a.transcode.engine.f: → engine f {…}, " +
				"Y vhost.a.transcode#2: transcode {…} →"},
		{"ingest", "vhost a { ingest i { enabled on; } ingest j {} }", "vhost a { ingest k {} ingest i { input { url x; } } }",
			"Y vhost.a.ingest.i.enabled: on → off, Y vhost.a.ingest.i.input.url: → x, Y vhost.a.ingest.j: ingest j {…} →, Y vhost.a.ingest.k: → ingest k {…}"},
		{"cluster.mode", "vhost a { mode local; }", "vhost a { mode remote; origin h; }", "N vhost.a.cluster.mode: local → remote, L vhost.a.cluster.origin: → h"},
		{"security", "vhost a { security { allow play all; } }", "vhost a { security { allow play all; allow publish 10.0.0.0/8; deny play all; } }",
			"L vhost.a.security.allow: play all → play all; publish 10.0.0.0/8, L vhost.a.security.deny: → play all"},
		{"stream_caster", "stream_caster { caster flv; listen 1; } stream_caster { caster flv; listen 2; }", "stream_caster { caster flv; listen 1; } stream_caster { caster flv; listen 3; } stream_caster {}",
			"N stream_caster#2.listen: 2 → 3, N stream_caster#3: → stream_caster {…}"},
		{"secrets", "http_api { auth { password a; token x y; } } vhost a { http_hooks { on_play http://u:p@h; } }",
			"http_api { auth { password b; token x z; } } vhost a { http_hooks { on_play http://u:q@h; } }",
			"L http_api.auth.password: ****** → ******, L http_api.auth.token: ****** ****** → ****** ******, " +
				"L vhost.a.http_hooks.on_play: http://u:******@h → http://u:******@h"},
		{"without checks", "threads { x 1; y 2; }", "threads { y 2; z 3; my_secret s; }", "N threads.my_secret: → my_secret ******;, N threads.x: x 1; →, N threads.z: → z 3;"},
		{"process", "", "daemon off; work_dir /x; srs_log_file x; utc_time on; asprocess on;",
			"N srs_log_file: ./objs/srs.log → x, N daemon: on → off, N utc_time: off → on, N work_dir: ./ → /x, N asprocess: off → on"},
		{"HTTP", "", "http_server { enabled on; listen 1985; https { listen 9; } }",
			"N http_api.https.listen: 1990 → 9, N http_server.enabled: off → on, N http_server.listen: 8080 → 1985, N http_server.https.listen: 8088 → 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, now := mustLoad(t, common+c.old), mustLoad(t, common+c.now)
			require.Equal(t, c.want, showChanges(Diff(old, now)))
			require.Empty(t, Diff(now, now))
			require.Len(t, Diff(now, old), len(Diff(old, now)))
		})
	}
	require.Equal(t, "Y listen: 1935 → 1936 [::]:1", showChanges(Diff(mustLoad(t, common), mustLoad(t, strings.Replace(common, "1935", "1936 [::]:1", 1)))))
	require.Equal(t, `pid: "a" → "b"`, Change{Path: "pid", Old: "a", New: "b"}.String())
}

func showChanges(list []Change) string {
	var all []string
	for _, c := range list {
		all = append(all, strings.Join(strings.Fields(fmt.Sprintf("%c %s: %s → %s", c.Reload, c.Path, c.Old, c.New)), " "))
	}
	return strings.Join(all, ", ")
}

// Every directive that the schema has is compared.
func TestDiffSeesAll(t *testing.T) {
	old := mustLoad(t, full)
	words := map[Kind]string{BoolOff: "on", BoolOn: "off", Int: "1", Float: "2.5", String: "y234567890", List: "y",
		Addr: "17", AddrList: "17", Networks: "192.0.2.1"}
	// What does not go with the other defaults.
	skip := map[string]bool{"is_full": true, "asprocess": true, "http_api.https.enabled": true, "http_server.https.enabled": true}
	for _, it := range Schema() {
		if it.Kind <= Free || it.Repeat || skip[it.Path] {
			continue
		}
		word := words[it.Kind]
		switch {
		case it.Enum != nil:
			word = slices.DeleteFunc(slices.Clone(it.Enum), func(w string) bool { return w == it.Default })[0]
		case it.Limits != nil:
			word = fmt.Sprintf("%.0f", it.Limits.Max)
		case word == it.Default:
			word = "2"
		}
		vhost, path := "", it.Path
		if rest, ok := strings.CutPrefix(path, "vhost."); ok {
			vhost, path = "a", rest
		}
		now, err := old.Set(vhost, path, word)
		require.NoError(t, err, it.Path)
		require.True(t, slices.ContainsFunc(Diff(old, now), func(c Change) bool { return c.Directive == it.Path }), it.Path)
	}
}

func TestDiffOfEnvironments(t *testing.T) {
	old := mustLoad(t, "listen 1; vhost a {} vhost b {}", "SRS_PID=x")
	now := mustLoad(t, "listen 1; vhost a {} vhost b {}", "SRS_PID=y", "SRS_VHOST_HLS_ENABLED=on")
	require.Equal(t, "N pid: x → y, Y vhost.a.hls.enabled: off → on, Y vhost.b.hls.enabled: off → on", showChanges(Diff(old, now)))
}

func manyVhosts(n int, more string) string {
	var b strings.Builder
	b.WriteString("listen 1935;\n")
	for i := range n {
		fmt.Fprintf(&b, "vhost v%d.example.com { hls { enabled on; hls_fragment 4; } http_remux { enabled on; } http_hooks { enabled on; on_play http://h/%d; } }\n", i, i)
	}
	return b.String() + more
}

// Thousands of vhosts are compared by what is written in them, not value by value.
func TestDiffOfManyVhosts(t *testing.T) {
	old, now := mustLoad(t, manyVhosts(5000, "")), mustLoad(t, manyVhosts(5000, "vhost x {}"))
	require.Equal(t, "Y vhost.x: → vhost x {…}", showChanges(Diff(old, now)))
}

func BenchmarkDiff(b *testing.B) {
	old, err := load(manyVhosts(5000, ""))
	require.NoError(b, err)
	now, err := load(manyVhosts(5000, "vhost x {}"))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		Diff(old, now)
	}
}

// The longest way: what all vhosts depend on has changed.
func BenchmarkDiffDeep(b *testing.B) {
	old, err := load(manyVhosts(5000, ""))
	require.NoError(b, err)
	now, err := load(manyVhosts(5000, "chunk_size 5000;"))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		Diff(old, now)
	}
}
