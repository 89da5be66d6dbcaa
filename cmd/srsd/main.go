// Command srsd is a live-streaming server that runs on the configuration of SRS: it reads srs.conf and
// SRS_* variables, takes SRS's options and signals, and writes its log lines.
//
//	srsd -c conf/srs.conf      run on a configuration
//	srsd -t -c conf/srs.conf   check it, and say which directives are applied
//	srsd -e                    run on SRS_* variables alone
//	srsd -demo                 play a built-in clip over each protocol
//
// It is the library and little else: package [github.com/srsgo/srs/protocol] runs the modules, and
// the packages below internal turn the configuration into theirs.
package main

import (
	"os"

	"github.com/srsgo/srs/cmd/srsd/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
