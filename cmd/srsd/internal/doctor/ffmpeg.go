package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// ffmpegTime is how long a program may take to tell its version.
const ffmpegTime = 5 * time.Second

// usedPrograms lists the programs that the vhosts run, with the encoders that each must have.
func usedPrograms(f *conf.File) map[string]map[string]bool {
	list := map[string]map[string]bool{}
	use := func(b *conf.Scope) {
		name := b.String("ffmpeg")
		if !b.Bool("enabled") || name == "" {
			return
		}
		if list[name] == nil {
			list[name] = map[string]bool{}
		}
		for _, e := range b.Blocks("engine") {
			if !e.Bool("enabled") {
				continue
			}
			for _, codec := range [...]string{e.String("vcodec"), e.String("acodec")} {
				if codec != "" && codec != "copy" && codec != "vn" && codec != "an" {
					list[name][codec] = true
				}
			}
		}
	}
	for _, v := range f.Vhosts() {
		if v.Enabled {
			for _, block := range [...]string{"ingest", "transcode"} {
				for _, b := range v.Blocks(block) {
					use(b)
				}
			}
		}
	}
	return list
}

// checkFFmpeg runs each program once.
func checkFFmpeg(ctx context.Context, s *System, f *conf.File, r *report) {
	used := usedPrograms(f)
	if len(used) == 0 {
		if path, err := s.LookPath("ffmpeg"); err == nil {
			r.ok("no ingest or transcode uses it; there is %s", path)
		} else {
			r.ok("no ingest or transcode uses it, and it is not installed")
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		path := name
		if strings.Contains(name, "/") {
			path = inWorkDir(f, name)
		}
		found, err := s.LookPath(path)
		if err != nil {
			mend := "install it, or correct ffmpeg in the ingest or transcode block"
			if other, err := s.LookPath("ffmpeg"); err == nil {
				mend = "set ffmpeg in the ingest or transcode block to " + other
			}
			r.fail(mend, "%s: %v", name, err)
			continue
		}
		s.checkProgram(ctx, r, found, slices.Sorted(maps.Keys(used[name])))
	}
}

func (s *System) checkProgram(ctx context.Context, r *report, path string, encoders []string) {
	const other = "install another ffmpeg"
	ctx, cancel := context.WithTimeout(ctx, ffmpegTime)
	defer cancel()
	out, err := s.Run(ctx, path, "-hide_banner", "-version")
	if err != nil {
		r.fail(other, "%s does not tell its version: %v", path, err)
		return
	}
	version, _, _ := strings.Cut(string(out), "\n")
	if len(encoders) == 0 {
		r.ok("%s: %.80s", path, version)
		return
	}
	if out, err = s.Run(ctx, path, "-hide_banner", "-encoders"); err != nil {
		r.fail(other, "%s does not tell its encoders: %v", path, err)
		return
	}
	has := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if w := strings.Fields(line); len(w) > 1 {
			has[w[1]] = true
		}
	}
	missing := slices.DeleteFunc(encoders, func(e string) bool { return has[e] })
	if len(missing) > 0 {
		r.fail(other+", one that is built with "+strings.Join(missing, ", "), "%s has no encoder %s", path, strings.Join(missing, ", "))
		return
	}
	r.ok("%s", fmt.Sprintf("%s: %.80s, with the encoders that are used", path, version))
}
