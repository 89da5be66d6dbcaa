package conf

import (
	"slices"
	"strings"
)

// environment is what the process was given. As in the C library, the first of two equal names counts.
type environment map[string]string

func newEnvironment(list []string) environment {
	env := environment{}
	for _, kv := range list {
		name, value, ok := strings.Cut(kv, "=")
		if _, twice := env[name]; ok && !twice {
			env[name] = value
		}
	}
	return env
}

// override returns the value of the first non-empty variable of a row and its name.
func (e environment) override(it *Item) (words []string, name string) {
	for _, name := range it.Env {
		v := e[name]
		if it.Kind.several() {
			if words := strings.Fields(v); len(words) > 0 {
				return words, name
			}
		} else if v != "" {
			return []string{v}, name
		}
	}
	return nil, ""
}

// resolve gives a word that starts with $ the value of that variable, or "*" if it has none.
func (e environment) resolve(word string) string {
	name, ok := strings.CutPrefix(word, "$")
	if !ok {
		return word
	}
	if v := e[name]; v != "" {
		return v
	}
	return "*"
}

// otherNames are variables that belong to no directive.
var otherNames = []string{"SRS_ENV_ONLY", "SRS_CONFIG_FILE", "SRS_DEVICE_IP", "SRS_PLATFORM", "SRS_REGION", "SRS_SOURCE"}

// check looks at every variable that begins with SRS_, or SRSD_ for what only srsd has. A name nobody knows is no error, as others
// use the prefix too: Kubernetes gives SRS_SERVICE_HOST to all that run beside a service "srs". One
// that is nearly right gets a warning.
func (e environment) check(x *findings) {
	all := slices.Clone(otherNames)
	for name := range schema.byEnv {
		all = append(all, name)
	}
	slices.Sort(all)
	var names []string
	for name, value := range e {
		if (strings.HasPrefix(name, "SRS_") || strings.HasPrefix(name, "SRSD_")) && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		p := where{name: name}
		it := schema.byEnv[name]
		switch {
		case name == "SRS_CHUNK_SIZE":
			x.warnf(p, "it is not read, not even for the global chunk_size; SRS_VHOST_CHUNK_SIZE is")
		case it != nil:
			e.checkValue(x, p, it)
		case slices.Contains(otherNames, name):
		default:
			if near := nearest(name, all, 2); near != "" {
				x.warnf(p, "unknown variable, did you mean %s?", near)
			}
		}
	}
}

func (e environment) checkValue(x *findings, p where, it *Item) {
	words := []string{e[p.name]}
	if it.Kind.several() {
		if words = strings.Fields(e[p.name]); len(words) == 0 {
			return
		}
	}
	if slices.ContainsFunc(words, func(w string) bool { return isHidden(it, nil, w) }) {
		x.errorf(p, "%s stands for a secret that is not known here, write the secret itself", hidden)
		return
	}
	fault, warning := it.check(words)
	if fault != "" {
		x.errorf(p, "%s", fault)
	}
	if warning != "" {
		x.warnf(p, "%s", warning)
	}
}
