package conf

import "slices"

// DefaultVhost is the vhost that serves the names that have none of their own.
const DefaultVhost = "__defaultVhost__"

// File is a loaded configuration. It never changes.
type File struct {
	options  Options // as they were found to be
	files    []string
	texts    map[string][]byte // by textKey
	root     *Directive
	env      environment
	docker   bool
	warnings []Warning
	vhosts   []*Vhost
	byName   map[string]*Vhost
}

// Vhost is one virtual host; its values are read relative to its block, as "hls.hls_fragment".
type Vhost struct {
	*Scope
	Name    string
	Enabled bool
}

// Path returns the file that was read, "" in the environment-only mode.
func (f *File) Path() string { return f.options.Path }

// Files returns all files that were read, with the included ones.
func (f *File) Files() []string { return slices.Clone(f.files) }

// EnvOnly says whether there is no file, only the environment.
func (f *File) EnvOnly() bool { return f.options.EnvOnly }

// Docker says whether the process runs in a container, or in_docker says so.
func (f *File) Docker() bool { return f.docker }

// Warnings returns what SRS accepts and the operator should know of.
func (f *File) Warnings() []Warning { return slices.Clone(f.warnings) }

// Getenv returns a variable of the environment the file was loaded with.
func (f *File) Getenv(name string) string { return f.env[name] }

// Root returns the whole configuration's scope.
func (f *File) Root() *Scope { return &Scope{file: f, dir: f.root} }

// Vhosts returns all vhosts, the disabled too, in the order of the file.
func (f *File) Vhosts() []*Vhost { return slices.Clone(f.vhosts) }

// Vhost returns the vhost that serves a name: its own, or else __defaultVhost__. A disabled vhost is
// not found, and keeps __defaultVhost__ from serving its name.
func (f *File) Vhost(name string) (*Vhost, bool) {
	v := f.byName[name]
	if v == nil {
		v = f.byName[DefaultVhost]
	}
	if v == nil || !v.Enabled {
		return nil, false
	}
	return v, true
}

// StartErrors returns the faults that SRS only finds when it starts, not when it tests a file (-t):
// an enabled stream_caster of a kind it does not have.
func (f *File) StartErrors() Errors {
	var x findings
	it := schema.byPath["stream_caster.caster"]
	for _, c := range f.Root().Blocks("stream_caster") {
		if kind := c.String("caster"); c.Bool("enabled") && !slices.Contains(it.Enum, kind) {
			file, line := c.Line("caster")
			fault, _ := it.check([]string{kind})
			x.errorf(where{file, line, it.Path}, "%s", fault)
			x.errors[len(x.errors)-1].Code = CodeCaster
		}
	}
	return x.errors
}

// indexVhosts lists the vhosts. Of two with one name SRS finds the first.
func (f *File) indexVhosts(x *findings) {
	f.byName = map[string]*Vhost{}
	for _, s := range f.Root().Blocks("vhost") {
		name, p := s.Arg(), atDirective(s.dir, "vhost")
		switch first := f.byName[name]; {
		case name == "":
			x.errorf(p, "a vhost needs a name")
		case first != nil:
			x.warnf(p, "%q is ignored, it is already at %s:%d", name, first.dir.File, first.dir.Line)
		default:
			v := &Vhost{Scope: s, Name: name, Enabled: s.Bool("enabled")}
			f.vhosts, f.byName[name] = append(f.vhosts, v), v
		}
	}
	if len(f.vhosts) == 0 {
		x.warnf(where{file: f.Path()}, "there is no vhost: no stream can be published or played")
	}
	base := f.byName[DefaultVhost]
	for _, v := range f.vhosts {
		if f.options.InheritDefault && base != nil && v != base {
			v.base = base.Scope
		}
	}
}

// AutoReload says whether to follow the files and reload when they change: where it is asked for, and
// in containers unless that is forbidden.
func (f *File) AutoReload() bool {
	r := f.Root()
	return !f.EnvOnly() && (r.Bool("inotify_auto_reload") || f.docker && r.Bool("auto_reload_for_docker"))
}

// Daemon says whether to go to the background: what daemon says, unless a container forbids it.
func (f *File) Daemon() bool {
	r := f.Root()
	return r.Bool("daemon") && !(f.docker && r.Bool("disable_daemon_for_docker"))
}
