package raw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// refusal is why an update cannot be, with the code that the answer has.
type refusal struct {
	code int
	why  string
}

func (r *refusal) Error() string { return r.why }

func badValue(format string, args ...any) error {
	return &refusal{CodeParams, fmt.Sprintf(format, args...)}
}

func notAllowed(format string, args ...any) error {
	return &refusal{CodeNotAllowed, fmt.Sprintf(format, args...)}
}

// change is an update that was understood.
type change struct {
	edit func(*conf.File) (*conf.File, error)
	// only says whether a difference to the old configuration is what the update is for.
	only func(conf.Change) bool
}

// update carries out rpc=update and gives the code of the answer.
func (b *Backend) update(ctx context.Context, q url.Values) int {
	b.applying.Lock()
	defer b.applying.Unlock()
	old := b.cfg.Current()
	persist, err := persists(q)
	if err != nil {
		return b.failed(q, err)
	}
	c, err := understand(old, q)
	if err != nil {
		return b.failed(q, err)
	}
	now, err := edited(old, c)
	if err != nil {
		return b.failed(q, err)
	}
	disk := b.onDisk(old)
	var files written
	if persist && !now.EnvOnly() {
		if files, err = b.prepare(disk, now.Texts()); err != nil {
			return b.failed(q, &refusal{CodePersistence, err.Error()})
		}
		defer files.discard()
	}
	if maps.EqualFunc(old.Texts(), now.Texts(), bytes.Equal) {
		now = old // but it may have to be written still
	} else if err := b.cfg.Apply(context.WithoutCancel(ctx), now); err != nil { // what began goes on without the one who asked
		code, text := b.cfg.Describe(err)
		return b.failed(q, &refusal{code, text})
	}
	for _, x := range conf.Diff(old, now) {
		b.cfg.Logger.Info("raw api: updated", "path", x.Path, "old", x.Old, "new", x.New)
	}
	b.last, b.disk = now, disk
	if err := files.commit(disk); err != nil {
		return b.failed(q, &refusal{CodePersistence, "in force, but not written: " + err.Error()})
	}
	return 0
}

func (b *Backend) failed(q url.Values, err error) int {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{CodeParams, err.Error()}
	}
	return b.refuse(q, r.code, r.why)
}

// edited gives the new configuration, once it is sure that nothing but what the update is for is different.
func edited(old *conf.File, c change) (*conf.File, error) {
	now, err := c.edit(old)
	if errors.Is(err, conf.ErrFixed) {
		return nil, notAllowed("%v", err)
	}
	if err != nil {
		return nil, err
	}
	if list := now.StartErrors(); len(list) > 0 {
		return nil, list
	}
	for _, x := range conf.Diff(old, now) {
		if !c.only(x) {
			return nil, notAllowed("it would also change %s", x.Path)
		}
	}
	return now, nil
}

// persists reads the parameter persist: SRS knows no choice, and writes.
func persists(q url.Values) (bool, error) {
	switch p := q.Get("persist"); p {
	case "", "on", "true", "1":
		return true, nil
	case "off", "false", "0":
		return false, nil
	default:
		return false, badValue("persist is %.100q, not on or off", p)
	}
}

// understand reads an update.
func understand(f *conf.File, q url.Values) (change, error) {
	scope, value := q.Get("scope"), q.Get("value")
	switch scope {
	case "vhost":
		return vhostChange(f, value, q.Get("param"), q.Get("data"))
	case "dvr":
		return dvrChange(f, value, q.Get("param"), q.Get("data"))
	}
	read := directives[scope]
	if read == nil {
		return change{}, notAllowed("unknown scope")
	}
	words, err := read(value)
	if err != nil {
		return change{}, err
	}
	return change{
		edit: func(f *conf.File) (*conf.File, error) { return f.Set("", scope, words...) },
		only: func(c conf.Change) bool {
			// The vhosts without a chunk_size of their own have the global one.
			return c.Directive == scope || scope == "chunk_size" && c.Directive == "vhost.chunk_size"
		},
	}, nil
}

// directives are the scopes that are directives, and how their values are read. The bounds are SRS's.
var directives = map[string]func(value string) (words []string, err error){
	"listen": func(value string) (words []string, err error) {
		for port := range strings.SplitSeq(value, ",") {
			word, err := whole(3, 65534)(port)
			if err != nil {
				return nil, err
			}
			words = append(words, word...)
		}
		return words, nil
	},
	"pid":             path(".pid", "./", "/tmp/", "/var/"),
	"chunk_size":      whole(128, 65535),
	"ff_log_dir":      path("", "./", "/tmp/", "/var/"),
	"srs_log_tank":    oneOf("file", "console"),
	"srs_log_level":   oneOf("verbose", "info", "trace", "warn", "error"),
	"srs_log_file":    path(".log", "./", "/tmp/", "/var/"),
	"max_connections": whole(10, 65535),
	"utc_time": func(value string) ([]string, error) {
		switch value {
		case "true":
			return []string{"on"}, nil
		case "false":
			return []string{"off"}, nil
		}
		return nil, badValue("%.100q is not true or false", value)
	},
	"pithy_print_ms": whole(100, 300000),
}

// whole reads a number in digits alone.
func whole(least, most int) func(string) ([]string, error) {
	return func(value string) ([]string, error) {
		n, err := strconv.Atoi(value)
		if err != nil || strconv.Itoa(n) != value || n < least || n > most {
			return nil, badValue("%.100q is not a number from %d to %d", value, least, most)
		}
		return []string{value}, nil
	}
}

func oneOf(words ...string) func(string) ([]string, error) {
	return func(value string) ([]string, error) {
		if !slices.Contains(words, value) {
			return nil, badValue("%.100q is not one of %s", value, strings.Join(words, ", "))
		}
		return []string{value}, nil
	}
}

// path reads the name of a file or directory below one of a few, or /dev/null if no suffix is asked for.
func path(suffix string, below ...string) func(string) ([]string, error) {
	return func(value string) ([]string, error) {
		if value == "/dev/null" && suffix == "" {
			return []string{value}, nil
		}
		starts := slices.ContainsFunc(below, func(b string) bool { return strings.HasPrefix(value, b) })
		if !plain(value) || !starts || !strings.HasSuffix(value, suffix) || slices.Contains(strings.Split(value, "/"), "..") {
			return nil, badValue("%.100q is not a path below %s that ends in %q", value, strings.Join(below, ", "), suffix)
		}
		return []string{value}, nil
	}
}

// plain says whether a text of a request can stand in a configuration as one word that means nothing else.
func plain(s string) bool {
	return s != "" && len(s) <= 1024 && utf8.ValidString(s) && !conf.IsHidden(s) && !strings.ContainsAny(s, `;{}"'#\$`) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
}

func vhostChange(f *conf.File, name, action, data string) (change, error) {
	v := vhost(f, name)
	var edit func(*conf.File) (*conf.File, error)
	needs := func(v *conf.Vhost, enabled bool) error {
		if v == nil || v.Enabled != enabled {
			return badValue("there is no vhost %.100q that is %s", name, map[bool]string{true: "enabled", false: "disabled"}[enabled])
		}
		return nil
	}
	fresh := func(name string) error {
		if !plain(name) || strings.Contains(name, "/") || vhost(f, name) != nil {
			return badValue("%.100q is no name for a vhost, or there is one", name)
		}
		return nil
	}
	var err error
	switch action {
	case "create":
		err = fresh(name)
		edit = func(f *conf.File) (*conf.File, error) { return f.AddVhost(name) }
	case "update":
		if err = needs(v, false); err == nil {
			err = fresh(data)
		}
		edit = func(f *conf.File) (*conf.File, error) { return f.RenameVhost(name, data) }
	case "delete":
		err = needs(v, false)
		edit = func(f *conf.File) (*conf.File, error) { return f.RemoveVhost(name) }
	case "disable", "enable":
		err = needs(v, action == "disable")
		word := map[string]string{"disable": "off", "enable": "on"}[action]
		edit = func(f *conf.File) (*conf.File, error) { return f.Set(name, "enabled", word) }
	default:
		err = notAllowed("unknown param")
	}
	return change{edit, func(c conf.Change) bool {
		return c.Directive == "vhost" && (c.Path == "vhost."+name || c.Path == "vhost."+data) ||
			c.Directive == "vhost.enabled" && c.Path == "vhost."+name+".enabled"
	}}, err
}

func dvrChange(f *conf.File, name, action, stream string) (change, error) {
	v := vhost(f, name)
	if v == nil || !v.Bool("dvr.enabled") {
		return change{}, notAllowed("vhost %.100q has no dvr", name)
	}
	app, leaf, ok := strings.Cut(stream, "/")
	if !plain(stream) || !ok || app == "" || leaf == "" {
		return change{}, badValue("%.100q is no app/stream", stream)
	}
	apply := v.List("dvr.dvr_apply")
	switch has := slices.Contains(apply, stream); {
	case action != "enable" && action != "disable":
		return change{}, notAllowed("unknown param")
	case action == "enable" && !has:
		if len(apply) == 1 && (apply[0] == "all" || apply[0] == "none") {
			apply = nil
		}
		apply = append(apply, stream)
	case action == "disable":
		apply = slices.DeleteFunc(apply, func(s string) bool { return s == stream })
		if len(apply) == 0 {
			apply = []string{"none"}
		}
	}
	return change{
		edit: func(f *conf.File) (*conf.File, error) {
			if slices.Equal(apply, v.List("dvr.dvr_apply")) {
				return f, nil
			}
			return f.Set(name, "dvr.dvr_apply", apply...)
		},
		only: func(c conf.Change) bool {
			return c.Directive == "vhost.dvr.dvr_apply" && c.Path == "vhost."+name+".dvr.dvr_apply"
		},
	}, nil
}
