package storage

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/stream"
)

// Vars are what the variables of a path's template stand for.
type Vars struct {
	Key      stream.Key    // [vhost] [app] [stream]
	Seq      int           // [seq]
	Duration time.Duration // [duration], in milliseconds
	Time     time.Time     // [2006] [01] [02] [15] [04] [05] [999], in its own location
	// Timestamp is [timestamp]; 0 is Time in milliseconds since 1970.
	Timestamp int64
}

// variables are the names that templates know, with the layouts of time.Format for those of time.
var variables = map[string]func(v *Vars) string{
	"vhost":    func(v *Vars) string { return v.Key.Vhost },
	"app":      func(v *Vars) string { return v.Key.App },
	"stream":   func(v *Vars) string { return v.Key.Name },
	"seq":      func(v *Vars) string { return strconv.Itoa(v.Seq) },
	"duration": func(v *Vars) string { return strconv.FormatInt(v.Duration.Milliseconds(), 10) },
	"timestamp": func(v *Vars) string {
		if v.Timestamp == 0 {
			return strconv.FormatInt(v.Time.UnixMilli(), 10)
		}
		return strconv.FormatInt(v.Timestamp, 10)
	},
	"2006": func(v *Vars) string { return fmt.Sprintf("%04d", v.Time.Year()) },
	"01":   func(v *Vars) string { return v.Time.Format("01") },
	"02":   func(v *Vars) string { return v.Time.Format("02") },
	"15":   func(v *Vars) string { return v.Time.Format("15") },
	"04":   func(v *Vars) string { return v.Time.Format("04") },
	"05":   func(v *Vars) string { return v.Time.Format("05") },
	"999":  func(v *Vars) string { return v.Time.Format(".000")[1:] },
}

// Expand gives the name of a file: template with its variables replaced, and cleaned as path.Clean
// does. What stands in brackets and is no variable stays. A name of a peer's may have slashes, but
// neither empty elements nor "." and ".."; brackets in it mean nothing. A result that no Storage
// takes is an error, as CheckName's.
func Expand(template string, v Vars) (string, error) {
	for _, peers := range []string{v.Key.Vhost, v.Key.App, v.Key.Name} {
		if peers != "" && (peers == "." || !fs.ValidPath(peers)) {
			return "", fmt.Errorf("storage: expand %s: %w name %.300q: not a path below the root", template, fs.ErrInvalid, peers)
		}
	}
	var b strings.Builder
	for rest := template; ; {
		literal, name, after := next(rest)
		b.WriteString(literal)
		if name == "" {
			break
		}
		b.WriteString(variables[name](&v))
		rest = after
	}
	name := b.String()
	// Only a template may have these: what it makes of an empty name, as of none at all, is cleaned.
	if strings.Contains("/"+name+"/", "/../") || strings.HasPrefix(name, "/") {
		return "", fmt.Errorf("storage: expand %s: %w name %.300q: not a path below the root", template, fs.ErrInvalid, name)
	}
	name = path.Clean(name)
	if err := CheckName(name); err != nil {
		return "", fmt.Errorf("storage: expand %s: %w", template, err)
	}
	return name, nil
}

// next gives what stands before the first variable of a template, its name and what comes after.
// Without a variable all is literal.
func next(template string) (literal, name, after string) {
	for i := 0; i < len(template); i++ {
		if template[i] != '[' {
			continue
		}
		if name, after, ok := strings.Cut(template[i+1:], "]"); ok && variables[name] != nil {
			return template[:i], name, after
		}
	}
	return template, "", ""
}

// Split parts a path with variables into the directory before the first of them, for NewDisk, and
// the template below it, for Expand. In a path without variables the template is its last element.
func Split(name string) (dir, template string) {
	name = filepath.ToSlash(name)
	literal, _, _ := next(name)
	i := strings.LastIndexByte(literal, '/')
	switch i {
	case -1:
		return ".", name
	case 0:
		dir = "/"
	default:
		dir = name[:i]
	}
	return dir, strings.TrimLeft(name[i:], "/")
}
