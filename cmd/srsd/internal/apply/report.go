package apply

import (
	"fmt"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// Report lists what a configuration sets: what srsd acts upon, and what it only knows.
func Report(f *conf.File) (used, known []conf.Use) { return f.Report(Applied) }

// Warnings are one line for each thing in a configuration that has no effect, with its file, line and
// directive.
func Warnings(f *conf.File) []string {
	var list []string
	_, known := Report(f)
	for _, u := range known {
		list = append(list, u.String()+" is known and not applied yet")
	}
	list = append(list, missing(f)...)
	return append(list, Notes(f)...)
}

// Notes are the warnings about directives that are applied, for values that have no effect.
func Notes(f *conf.File) []string {
	var list []string
	for _, v := range f.Vhosts() {
		if !v.Enabled {
			continue
		}
		for _, mount := range otherFormats(remux(v.Scope)) {
			file, line := v.Line("http_remux.mount")
			list = append(list, fmt.Sprintf("%s: vhost.http_remux: mount %q: only .flv, .ts, .mp4, .aac and .mp3 are served", at(file, line), mount))
		}
	}
	for _, s := range f.Root().Blocks("stream_caster") {
		if s.Bool("enabled") && s.Addr("listen") == "" {
			file, line := s.Line("enabled")
			list = append(list, at(file, line)+": stream_caster.enabled: it has no effect without a listen port")
		}
	}
	return list
}

// at writes a place: a variable has no line.
func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
