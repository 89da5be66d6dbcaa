package doctor

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// inWorkDir gives a path as the server takes it, which goes to work_dir first.
func inWorkDir(f *conf.File, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.Root().String("work_dir"), path)
}

// place is a directory that is written to.
type place struct{ what, dir string }

// places lists them, each once.
func places(f *conf.File) []place {
	var list []place
	seen := map[string]bool{}
	add := func(what, path string) {
		// Variables begin where streams do: [app], {ts}.
		if i := strings.IndexAny(path, "[{"); i >= 0 {
			path = filepath.Dir(path[:i] + "x")
		}
		if dir := inWorkDir(f, path); !seen[dir] {
			seen[dir] = true
			list = append(list, place{what, dir})
		}
	}
	r := f.Root()
	add("pid", filepath.Dir(r.String("pid")))
	if r.String("srs_log_tank") == "file" {
		add("srs_log_file", filepath.Dir(r.String("srs_log_file")))
	}
	for _, v := range f.Vhosts() {
		if !v.Enabled {
			continue
		}
		if v.Bool("hls.enabled") {
			add("hls.hls_path", v.String("hls.hls_path"))
		}
		if v.Bool("dash.enabled") {
			add("dash.dash_path", v.String("dash.dash_path"))
		}
		if v.Bool("dvr.enabled") {
			path := v.String("dvr.dvr_path")
			if filepath.Ext(path) != "" {
				path = filepath.Dir(path)
			}
			add("dvr.dvr_path", path)
		}
	}
	return list
}

// diskLow is how little room is a reason to worry, in bytes and in percent.
const (
	diskLow        = 1 << 30
	diskLowPercent = 5
)

// checkDisk writes a file in each directory that the server writes to, or in the one where it will make
// that directory.
func checkDisk(_ context.Context, s *System, f *conf.File, r *report) {
	for _, p := range places(f) {
		dir := s.existing(p.dir)
		if _, err := s.Try(dir); err != nil {
			r.fail("let this user write there, or set another directory", "%s: %v", p.what, err)
			continue
		}
		left, total, err := s.Free(dir)
		switch {
		case err != nil:
			r.ok("%s: %s can be written", p.what, dir)
		case left < diskLow || total > 0 && left*100/total < diskLowPercent:
			r.warn("make room", "%s: %s has %d MB left of %d", p.what, dir, left/mib, total/mib)
		default:
			r.ok("%s: %s can be written, %d MB left", p.what, dir, left/mib)
		}
	}
}

// skewLimit is how far the clocks of the machine and of its disks may be apart.
const skewLimit = 2 * time.Second

// checkClock looks at the time, by which tokens, segments and logs live.
func checkClock(_ context.Context, s *System, f *conf.File, r *report) {
	now := s.Now()
	zone, _ := now.Zone()
	if f.Root().Bool("utc_time") {
		zone += ", the log has UTC"
	}
	if now.Year() < 2024 {
		r.fail("set the clock", "it is said to be %s", now.Format(time.RFC3339))
	} else {
		r.ok("it is %s (%s)", now.Format(time.RFC3339), zone)
	}
	switch synced, known := s.Synced(); {
	case !known:
		r.ok("this system does not tell whether its clock follows a time server")
	case !synced && s.docker() != "":
		r.warn("look at the host: timedatectl", "the clock follows no time server, as far as a container can see")
	case !synced:
		r.warn("run chrony or systemd-timesyncd: signed URLs and JWTs depend on the time", "the clock follows no time server")
	default:
		r.ok("the clock follows a time server")
	}
	dir := s.existing(inWorkDir(f, filepath.Dir(f.Root().String("pid"))))
	before := s.Now()
	if at, err := s.Try(dir); err == nil {
		if skew := at.Sub(before).Abs(); skew > skewLimit {
			r.warn("synchronise the file server's clock", "files in %s are %v off", dir, skew.Round(time.Second))
		}
	}
}
