// Package app is srsd: what its command line asks for, from the configuration to the running server
// and its end.
package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/cmd/srsd/internal/demo"
	"github.com/srsgo/srs/cmd/srsd/internal/srslog"
	"github.com/srsgo/srs/protocol/errcode"
)

// The codes of SRS that srsd ends with besides those of package conf. The operating system keeps the
// low eight bits as the exit status.
const (
	codeListen   = 1002 // a port is taken
	codeRunning  = 1035 // another process has the pid file
	codeOrphaned = 1073 // asprocess: the parent is gone
	codeOther    = 1
)

// exit is the exit status of a code.
func exit(code int) int { return code & 0xff }

// describe writes a code as SRS does.
func describe(code int) string {
	if c, ok := errcode.Lookup(code); ok {
		return fmt.Sprintf("code=%d(%s)", c.Number, c.Name)
	}
	return fmt.Sprintf("code=%d", code)
}

// Main does what the arguments, without the program's name, ask for, and gives the exit status. All
// output goes to os.Stdout, as with SRS.
func Main(args []string) int {
	out := os.Stdout
	console := slog.New(srslog.New(out, srslog.Options{Color: func() bool { return srslog.Terminal(out) }, NoPlace: true}))
	o, err := cli.Parse(args)
	if err != nil {
		console.Error(describe(conf.CodeConfig) + " : " + err.Error())
		return exit(conf.CodeConfig)
	}
	load := conf.Options{Path: o.Config, EnvOnly: o.EnvOnly}
	switch o.Action {
	case cli.ShowVersion:
		fmt.Fprintln(out, cli.Version)
	case cli.ShowSignature:
		fmt.Fprintln(out, cli.Signature)
	case cli.Test:
		return exit(test(load, console))
	case cli.Dump:
		return exit(dump(load, out, console))
	case cli.Doctor:
		return examine(load, out)
	case cli.Demo:
		load = conf.Options{EnvOnly: true, Environ: demo.Environ(os.Environ())}
		return exit(run(load, console, true))
	case cli.Run:
		return exit(run(load, console, false))
	default:
		cli.WriteHelp(out)
	}
	return 0
}

// logErrors writes a line for each fault of a configuration and gives the code to end with.
func logErrors(l *slog.Logger, err error) int {
	var all conf.Errors
	if !errors.As(err, &all) {
		l.Error(err.Error())
		return codeOther
	}
	for _, e := range all {
		l.Error(describe(e.Code) + " : " + e.Error())
	}
	return all.Code()
}
