package app

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// test is option -t. It gives the code to end with.
func test(o conf.Options, l *slog.Logger) int {
	f, err := conf.Load(o)
	if err != nil {
		code := logErrors(l, err)
		l.Info(fmt.Sprintf("config file %s test is failed", fileName(o)))
		return code
	}
	for _, w := range f.Warnings() {
		l.Warn(w.String())
	}
	for _, e := range f.StartErrors() {
		l.Warn(e.Error() + "; the server will not start")
	}
	for _, text := range apply.Notes(f) {
		l.Warn(text)
	}
	used, known := apply.Report(f)
	l.Info(fmt.Sprintf("%d directives applied, %d only known", len(used), len(known)))
	for _, u := range known {
		l.Info("only known: " + u.String())
	}
	l.Info(fmt.Sprintf("config file %s test is successful", fileName(o)))
	return 0
}

// dump is option -T: the configuration in force, as a file that could be loaded again but for its
// secrets. It gives the code to end with.
func dump(o conf.Options, out io.Writer, l *slog.Logger) int {
	f, err := conf.Load(o)
	if err != nil {
		return logErrors(l, err)
	}
	_, _ = io.WriteString(out, f.Effective())
	return 0
}

// fileName is the file that Load reads.
func fileName(o conf.Options) string {
	switch name := os.Getenv("SRS_CONFIG_FILE"); {
	case o.EnvOnly || os.Getenv("SRS_ENV_ONLY") != "":
		return "(environment)"
	case name != "":
		return name
	case o.Path != "":
		return o.Path
	}
	return conf.DefaultPath
}
