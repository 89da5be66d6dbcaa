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

	// Texts stand in for files, by the names under which they are read; under "" is what the
	// environment-only mode begins with.
	Texts map[string][]byte
	// Keep is the configuration that runs: where the text has "******" for a secret, as
	// [File.Effective] writes it, the secret is taken from there. Without it, or where it has none
	// at that place, such a text is an error.
	Keep *File

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
	if o.ReadFile == nil {
		o.ReadFile = readFile
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

// Load reads and checks a configuration. The error is an [Errors] with all that is wrong: what cannot
// be parsed, and what is wrong with the rest.
func Load(o Options) (*File, error) {
	o = o.withDefaults()
	f := &File{env: newEnvironment(o.Environ)}
	o.locate(f.env)
	keep := o.Keep
	o.Keep = nil // not to hold all that ever ran
	f.options = o
	x := &findings{}
	root := f.read(x)
	if len(f.texts) == 0 {
		return nil, x.errors
	}
	transform(root, x)
	f.root = &Directive{Block: true, Children: root, File: f.Path()}
	f.docker = o.Docker() || f.Root().Bool("in_docker")
	if len(root) == 0 {
		if !x.broken {
			x.errorf(where{file: f.Path()}, "the configuration is empty")
		}
		return nil, x.errors
	}
	f.unhide(x, keep)
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

// locate finds the file that counts.
func (o *Options) locate(env environment) {
	if o.EnvOnly = o.EnvOnly || env["SRS_ENV_ONLY"] != ""; o.EnvOnly {
		o.Path = ""
		return
	}
	if o.Path == "" {
		o.Path = DefaultPath
	}
	if name := env["SRS_CONFIG_FILE"]; name != "" {
		o.Path = name
	}
}

// envOnlyText is all there is without a file: a vhost for the variables to work on.
const envOnlyText = "vhost " + DefaultVhost + " {\n}\n"

// read parses the file that counts, and those it includes.
func (f *File) read(x *findings) []*Directive {
	p := &parser{x: x, texts: map[string][]byte{}}
	p.read = func(name string) ([]byte, error) {
		if text, ok := f.options.Texts[textKey(name)]; ok {
			return text, nil
		}
		if name == "" {
			return []byte(envOnlyText), nil
		}
		return f.options.ReadFile(name)
	}
	root := p.file(f.Path(), nil, 0)
	f.files, f.texts = p.files, p.texts
	return root
}

// inDocker looks where SRS looks.
func inDocker() bool {
	b, err := os.ReadFile("/proc/1/cgroup")
	return err == nil && strings.Contains(string(b), "/docker")
}
