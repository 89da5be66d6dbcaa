package storage

import (
	"cmp"
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

// value gives what a variable stands for; false if there is none of that name.
func (v *Vars) value(name string) (string, bool) {
	switch name {
	case "vhost":
		return v.Key.Vhost, true
	case "app":
		return v.Key.App, true
	case "stream":
		return v.Key.Name, true
	case "seq":
		return strconv.Itoa(v.Seq), true
	case "duration":
		return strconv.FormatInt(v.Duration.Milliseconds(), 10), true
	case "timestamp":
		return strconv.FormatInt(cmp.Or(v.Timestamp, v.Time.UnixMilli()), 10), true
	case "2006", "01", "02", "15", "04", "05":
		return v.Time.Format(name), true
	case "999":
		return v.Time.Format(".000")[1:], true
	}
	return "", false
}

// Expand gives the name of a file: template with its variables replaced, and cleaned as path.Clean
// does. What stands in brackets and is no variable stays. A name of a peer's may have slashes, but
// neither empty elements nor "." and ".."; brackets in it mean nothing. A result that no Storage
// takes is an error, as CheckName's.
func Expand(template string, v Vars) (string, error) {
	for _, peers := range []string{v.Key.Vhost, v.Key.App, v.Key.Name} {
		if peers != "" && (peers == "." || !fs.ValidPath(peers)) {
			return "", fmt.Errorf("storage: expand %s: %.300q is not a path below the root: %w", template, peers, fs.ErrInvalid)
		}
	}
	var b strings.Builder
	for rest := template; ; {
		literal, value, after, ok := v.next(rest)
		b.WriteString(literal)
		if !ok {
			break
		}
		b.WriteString(value)
		rest = after
	}
	name := b.String()
	// Cleaning must not take elements away: neither a template's, nor what it makes of a name.
	if strings.Contains("/"+name+"/", "/../") || strings.HasPrefix(name, "/") {
		return "", fmt.Errorf("storage: expand %s: %.300q is not a path below the root: %w", template, name, fs.ErrInvalid)
	}
	name = path.Clean(name)
	if err := CheckName(name); err != nil {
		return "", fmt.Errorf("%w, of the template %s", err, template)
	}
	return name, nil
}

// next gives what stands before the first variable of a template, its value and what comes after.
// Without a variable all is literal.
func (v *Vars) next(template string) (literal, value, after string, ok bool) {
	for i := 0; i < len(template); i++ {
		if template[i] != '[' {
			continue
		}
		if name, after, ok := strings.Cut(template[i+1:], "]"); ok {
			if value, ok := v.value(name); ok {
				return template[:i], value, after, true
			}
		}
	}
	return template, "", "", false
}

// Split parts a path with variables into the directory before the first of them, for NewDisk, and
// the template below it, for Expand. In a path without variables the template is its last element.
func Split(name string) (dir, template string) {
	name = filepath.ToSlash(name)
	literal, _, _, _ := new(Vars).next(name)
	switch i := strings.LastIndexByte(literal, '/'); i {
	case -1:
		return ".", name
	case 0:
		return "/", name[1:]
	default:
		return name[:i], name[i+1:]
	}
}
