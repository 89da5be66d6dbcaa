// Package cli reads srsd's command line the way SRS reads its own.
package cli

import (
	"fmt"
	"io"
)

// Version is srsd's version.
const Version = "0.1.0"

// Signature is how srsd names itself to peers, in SRS's form.
const Signature = "srsd/" + Version + "(Go)"

// Action is what the command line asks for.
type Action uint8

// The actions.
const (
	Help Action = iota // what no arguments ask for
	ShowVersion
	ShowSignature
	Test // -t: check the configuration and end
	Dump // -T: as Test, and print the configuration in force
	Run
	Doctor // look at the configuration and the machine
	Demo   // run without a configuration and publish the built-in clip
)

// Options is a command line.
type Options struct {
	Action  Action
	Config  string // of -c; empty: the default
	EnvOnly bool   // -e
}

// Parse reads arguments, without the program's name. As in SRS, those that begin with "-" are read
// letter by letter, so that -tc FILE, --help and --version work, and a bare word asks for help.
func Parse(args []string) (Options, error) {
	var o Options
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "-demo" || arg == "--demo" {
			o.Action = Demo
			continue
		}
		if arg == "-doctor" || arg == "--doctor" {
			o.Action = Doctor
			continue
		}
		if arg == "" || arg[0] != '-' {
			o.Action = Help
			return o, nil
		}
		for _, c := range []byte(arg[1:]) {
			switch c {
			case '-':
			case '?', 'h':
				o.Action = Help
				return o, nil
			case 'v', 'V':
				o.Action = ShowVersion
				return o, nil
			case 'g', 'G':
				o.Action = ShowSignature
				return o, nil
			case 't':
				if o.Action != Dump {
					o.Action = Test
				}
			case 'T':
				o.Action = Dump
			case 'e':
				o.EnvOnly = true
				o.atLeast(Run)
			case 'c':
				if i++; i >= len(args) {
					return o, fmt.Errorf("option -c requires a file")
				}
				o.Config = args[i]
				o.atLeast(Run)
			default:
				return o, fmt.Errorf("invalid option %q, run with -h for help", c)
			}
		}
	}
	return o, nil
}

// atLeast runs unless something else was asked for already.
func (o *Options) atLeast(a Action) {
	if o.Action == Help {
		o.Action = a
	}
}

// WriteHelp writes the help.
func WriteHelp(w io.Writer) {
	fmt.Fprint(w, `srsd/`+Version+`, a streaming server that runs on the configuration of SRS

Usage: srsd <-c FILE | -e | -demo> | -t [-c FILE] | -T [-c FILE] | -doctor [-c FILE] | -h | -v | -g

Options:
   -c FILE      The configuration, in the format of srs.conf. Default: conf/srs.conf
   -e           No file: the configuration is the environment, SRS_*
   -t           Test the configuration, say which directives are applied, and exit
   -T           As -t, and print the configuration in force as a file that can be
                read again, with ****** for each secret
   -doctor      Look at the configuration and this machine, say what to mend, and exit:
                with 1 if the server would not work
   -demo        No configuration: publish a built-in clip as live/livestream and
                print where it plays
   -v, -V       Print the version and exit
   -g, -G       Print the signature and exit
   -?, -h       Print this help and exit

Environment:
   SRS_CONFIG_FILE   The configuration, instead of that of -c
   SRS_ENV_ONLY      As -e, if set to anything
   SRS_<DIRECTIVE>   Any directive: SRS_LISTEN, SRS_VHOST_HTTP_REMUX_ENABLED, ...
   SRSD_LOG_FORMAT   What lines of the log look like: srs, text or json

Signals:
   SIGHUP            Reload the configuration
   SIGUSR1           Open the log file anew
   SIGUSR2           Start the program's file as it is now in this one's place
   SIGTERM, SIGINT   Stop
   SIGQUIT           Stop once all clients have left, or drain_timeout is over

For example:
   srsd -demo
   srsd -t -c conf/srs.conf
   srsd -c conf/srs.conf
   SRS_LISTEN=1935 SRS_HTTP_SERVER_ENABLED=on SRS_VHOST_HTTP_REMUX_ENABLED=on srsd -e
`)
}
