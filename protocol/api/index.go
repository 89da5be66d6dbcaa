package api

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// serveRoot lists what the server has. The console is a module of its own; without it there is
// nothing at its place.
func (m *Module) serveRoot(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/console/") {
		phrase(w, http.StatusNotFound)
		return
	}
	type v1 struct {
		Play    string `json:"play"`
		Publish string `json:"publish"`
		Nack    string `json:"nack"`
	}
	type rtc struct {
		V1 v1 `json:"v1"`
	}
	type urls struct {
		API string `json:"api"`
		RTC rtc    `json:"rtc"`
	}
	reply(w, struct {
		head
		URLs urls `json:"urls"`
	}{m.head, urls{"the api root", rtc{v1{"Play stream", "Publish stream", "Simulate the NACK"}}}})
}

func (m *Module) serveAPI(w http.ResponseWriter, _ *http.Request) {
	reply(w, struct {
		head
		URLs object `json:"urls"`
	}{m.head, object{{"v1", "the api version 1.0"}}})
}

// serveV1 lists SRS's endpoints in SRS's words, which consoles show. The OpenAPI description has
// those of ours too.
func (m *Module) serveV1(w http.ResponseWriter, _ *http.Request) {
	reply(w, struct {
		head
		URLs  object `json:"urls"`
		Tests object `json:"tests"`
	}{m.head, object{
		{"versions", "the version of SRS"},
		{"summaries", "the summary(pid, argv, pwd, cpu, mem) of SRS"},
		{"rusages", "the rusage of SRS"},
		{"self_proc_stats", "the self process stats"},
		{"system_proc_stats", "the system process stats"},
		{"meminfos", "the meminfo of system"},
		{"authors", "the license, copyright, authors and contributors"},
		{"features", "the supported features of SRS"},
		{"requests", "the request itself, for http debug"},
		{"vhosts", "manage all vhosts or specified vhost"},
		{"streams", "manage all streams or specified stream"},
		{"clients", "manage all clients or specified client, default query top 10 clients"},
		{"raw", "raw api for srs, support CUID srs for instance the config"},
		{"clusters", "origin cluster server API"},
		{"perf", "System performance stat"},
		{"tcmalloc", "tcmalloc api with params ?page=summary|api"},
	}, object{
		{"requests", "show the request info"},
		{"errors", "always return an error 100"},
		{"redirects", "always redirect to /api/v1/test/errors"},
		{"[vhost]", "http vhost for http://error.srs.com:1985/api/v1/tests/errors"},
	}})
}

func (m *Module) version() string { return cmp.Or(m.cfg.Load().Version, "0.0.0") }

func (m *Module) serveVersions(w http.ResponseWriter, _ *http.Request) {
	type version struct {
		Major    int    `json:"major"`
		Minor    int    `json:"minor"`
		Revision int    `json:"revision"`
		Version  string `json:"version"`
	}
	v := version{Version: m.version()}
	for i, s := range strings.SplitN(v.Version, ".", 3) {
		*[...]*int{&v.Major, &v.Minor, &v.Revision}[i] = leadingInt(s)
	}
	reply(w, dataReply[version]{m.head, v})
}

func (m *Module) serveAuthors(w http.ResponseWriter, _ *http.Request) {
	type authors struct {
		License      string `json:"license"`
		Contributors string `json:"contributors"`
	}
	reply(w, dataReply[authors]{m.head, authors{"MIT", "https://github.com/srsgo/srs"}})
}

// Features is what a server can do, as /api/v1/features tells it.
type Features struct {
	// Options are those that the program was built with.
	Options string
	// Build is when.
	Build time.Time
	// What depends on the modules that the server has.
	SSL, HLS, HDS, Callback, HTTP, DVR, Transcode, Ingest, Caster bool
}

func (m *Module) serveFeatures(w http.ResponseWriter, _ *http.Request) {
	type features struct {
		SSL         bool `json:"ssl"`
		HLS         bool `json:"hls"`
		HDS         bool `json:"hds"`
		Callback    bool `json:"callback"`
		API         bool `json:"api"`
		HTTPD       bool `json:"httpd"`
		DVR         bool `json:"dvr"`
		Transcode   bool `json:"transcode"`
		Ingest      bool `json:"ingest"`
		Stat        bool `json:"stat"`
		Caster      bool `json:"caster"`
		ComplexSend bool `json:"complex_send"`
		NoDelay     bool `json:"tcp_nodelay"`
		SendBuffer  bool `json:"so_sendbuf"`
		MergedRead  bool `json:"mr"`
	}
	type build struct {
		Options  string   `json:"options"`
		Options2 string   `json:"options2"`
		Build    string   `json:"build"`
		Build2   string   `json:"build2"`
		Features features `json:"features"`
	}
	f := m.cfg.Load().Features
	b := build{Options: f.Options, Options2: f.Options, Features: features{
		SSL: f.SSL, HLS: f.HLS, HDS: f.HDS, Callback: f.Callback, API: true, HTTPD: f.HTTP, DVR: f.DVR,
		Transcode: f.Transcode, Ingest: f.Ingest, Stat: true, Caster: f.Caster,
		ComplexSend: true, NoDelay: true, SendBuffer: true, MergedRead: true, // what the core always does
	}}
	if !f.Build.IsZero() {
		b.Build, b.Build2 = f.Build.Format(time.DateTime), strconv.FormatInt(f.Build.Unix(), 10)
	}
	reply(w, dataReply[build]{m.head, b})
}

// serveRequests tells how a request arrived. SRS means to show its headers, and shows itself in
// their place; so they are shown to nobody.
func (m *Module) serveRequests(w http.ResponseWriter, r *http.Request) {
	type request struct {
		URI     string `json:"uri"`
		Path    string `json:"path"`
		Method  string `json:"METHOD"`
		Headers object `json:"headers"`
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	reply(w, dataReply[request]{m.head, request{
		URI: scheme + "://" + hostname(r.Host) + r.URL.Path, Path: r.URL.Path, Method: r.Method,
		Headers: object{{"sigature", "SRS"}, {"version", m.version()},
			{"link", "https://github.com/srsgo/srs"}, {"time", time.Now().UnixMilli()}},
	}})
}
