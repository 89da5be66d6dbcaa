package apply

import (
	"slices"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// Changes are the differences of two configurations, by what a reload makes of them.
type Changes struct {
	Applied []string // in force now
	Restart []string // in force after a restart
	Ignored []string // srsd knows the directive and does not act upon it
}

// fixed are the directives that only count at the start. All others that srsd acts upon take effect at a
// reload, also those for which SRS needs a restart.
var fixed = []string{"pid", "server_id", "daemon", "work_dir", "asprocess", "srs_log_tank", "srs_log_file", "log_format",
	"utc_time", "in_docker", "disable_daemon_for_docker", "inotify_auto_reload", "auto_reload_for_docker"}

// NewChanges compares the configuration that ran with the one that took its place.
func NewChanges(old, now *conf.File) (x Changes) {
	for _, c := range conf.Diff(old, now) {
		switch {
		case slices.Contains(fixed, c.Directive):
			x.Restart = append(x.Restart, c.String())
		case block(c.Directive) || Applied(conf.Use{Path: c.Directive, Caster: casters[0]}):
			x.Applied = append(x.Applied, c.String())
		default:
			x.Ignored = append(x.Ignored, c.String())
		}
	}
	return x
}

// block tells whether a change is that of a whole block, as a vhost that came or went.
func block(directive string) bool {
	it, ok := conf.Lookup(directive)
	return ok && it.Kind == conf.Block
}
