package conf

import (
	"os"
	"strings"
)

// DefaultPath is the file that is read when none is named.
const DefaultPath = "conf/srs.conf"

// Options say what to load, and stand in for the machine in tests. The zero value reads
// [DefaultPath] with the process's environment.
type Options struct {
	// Path is the file of option -c. The variable SRS_CONFIG_FILE replaces it.
	Path string
	// EnvOnly is option -e: no file is read. The variable SRS_ENV_ONLY does the same.
	EnvOnly bool
	// InheritDefault lets a directive that is missing in a vhost be taken from __defaultVhost__.
	// SRS does not do this, and takes the default. The switch of the vhost and its ingests never are.
	InheritDefault bool

	// Environ is the environment as NAME=value; nil means os.Environ().
	Environ []string
	// ReadFile returns a file's text; nil reads from the disk.
	ReadFile func(name string) ([]byte, error)
	// Docker says whether the process runs in a container; nil asks the cgroup of process 1.
	Docker func() bool
	// MaxFiles returns how many files the process may open, 0 for no limit; nil asks the system.
	MaxFiles func() uint64
	// LocalIPs returns how many local addresses stats.network can choose from; nil asks the system.
	LocalIPs func() int
}

// withDefaults fills what is nil in.
func (o Options) withDefaults() Options {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Docker == nil {
		o.Docker = inDocker
	}
	if o.MaxFiles == nil {
		o.MaxFiles = maxFiles
	}
	if o.LocalIPs == nil {
		o.LocalIPs = countLocalIPs
	}
	return o
}

// Load reads and checks a configuration. The error is an [Errors] with all that is wrong; a file
// that cannot be parsed has one, the first.
func Load(o Options) (*File, error) {
	o = o.withDefaults()
	f := &File{env: newEnvironment(o.Environ), inherit: o.InheritDefault}
	f.envOnly = o.EnvOnly || f.env["SRS_ENV_ONLY"] != ""
	root, err := f.read(o)
	if err != nil {
		if e, ok := err.(*Error); ok {
			return nil, Errors{e}
		}
		return nil, Errors{{Code: CodeConfig, File: f.path, Text: err.Error()}}
	}
	x := &findings{}
	transform(root, x)
	f.root = &Directive{Block: true, Children: root, File: f.path}
	f.docker = o.Docker() || f.Root().Bool("in_docker")
	if len(root) == 0 {
		x.errorf(where{file: f.path}, "the configuration is empty")
		return nil, x.errors
	}
	checkNames(x, "", f.root)
	f.env.check(x)
	f.indexVhosts(x)
	f.checkValues(x, o)
	if len(x.errors) > 0 {
		return nil, x.errors
	}
	f.warnings = x.warnings
	return f, nil
}

// read parses the file that counts. Without a file there is one empty vhost for the variables to
// work on.
func (f *File) read(o Options) ([]*Directive, error) {
	if f.envOnly {
		return []*Directive{{Name: "vhost", Args: []string{DefaultVhost}, Block: true}}, nil
	}
	f.path = o.Path
	if f.path == "" {
		f.path = DefaultPath
	}
	if name := f.env["SRS_CONFIG_FILE"]; name != "" {
		f.path = name
	}
	root, files, err := parse(f.path, o.ReadFile)
	f.files = files
	return root, err
}

// inDocker looks where SRS looks.
func inDocker() bool {
	b, err := os.ReadFile("/proc/1/cgroup")
	return err == nil && strings.Contains(string(b), "/docker")
}
