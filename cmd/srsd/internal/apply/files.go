package apply

import (
	"fmt"
	"os"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol/files"
)

// readFiles reads what directories are served; nil without HTTP.
func readFiles(f *conf.File) (*files.Config, error) {
	r := f.Root()
	if !r.Bool("http_server.enabled") {
		return nil, nil
	}
	x := &files.Config{Dir: r.String("http_server.dir")}
	for _, v := range statics(f) {
		m := files.Mount{Vhost: v.Name, Path: v.String("http_static.mount"), Dir: v.String("http_static.dir")}
		if !strings.Contains(m.Path, "/") {
			return nil, fault(v.Scope, "http_static.mount", fmt.Sprintf("%q has no slash, as in [vhost]/hls", m.Path))
		}
		x.Mounts = append(x.Mounts, m)
	}
	return x, nil
}

// statics are the vhosts that serve a directory of their own.
func statics(f *conf.File) (list []*conf.Vhost) {
	for _, v := range f.Vhosts() {
		if v.Enabled && v.Bool("http_static.enabled") {
			list = append(list, v)
		}
	}
	return list
}

// missing tells of directories that the configuration has served and that are not there now. The root
// that every configuration has by default is one that few use.
func missing(f *conf.File) (list []string) {
	r := f.Root()
	if !r.Bool("http_server.enabled") {
		return nil
	}
	check := func(s *conf.Scope, path, whose string) {
		dir := s.String(path)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return
		}
		file, line := s.Line(path)
		list = append(list, fmt.Sprintf("%s: %s%s: %q is no directory now, what is asked for below it is 404 until it is one", at(file, line), whose, path, dir))
	}
	if r.Has("http_server.dir") {
		check(r, "http_server.dir", "")
	}
	for _, v := range statics(f) {
		check(v.Scope, "http_static.dir", "vhost.")
	}
	return list
}
