package files

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	index     = "index.html"
	wellKnown = ".well-known" // RFC 8615: certificates are proved there, for one
	// maxPath is the longest path that systems take.
	maxPath = 4096
)

// errPath is that of a path which no file may have.
var errPath = errors.New("not allowed")

// fileName gives the name below a mount's directory for the rest of a request's path. Both have
// slashes; the name is one that fs.ValidPath takes and every system has as that file alone.
func fileName(rest string) (string, error) {
	if len(rest) > maxPath {
		return "", errPath
	}
	name := strings.Trim(rest, "/")
	for seg := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(seg, ".") && !(seg == wellKnown && strings.HasPrefix(name, wellKnown)) {
			return "", errPath
		}
	}
	if strings.HasSuffix(rest, "/") {
		name += "/" + index
	}
	name = path.Clean("./" + name) // several slashes are one, as everywhere in file systems
	if _, err := filepath.Localize(name); err != nil {
		return "", errPath
	}
	return name, nil
}

// open opens a file or a directory below dir, and nothing else: os.Root follows no link out of dir,
// and a FIFO or a device is neither waited for nor read.
//
// dir is opened each time. It costs three system calls, and what is served is always what is there.
func open(dir, name string) (*os.File, fs.FileInfo, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(filepath.FromSlash(name), openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errPath}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// hasIndex tells whether a directory has an index.html.
func hasIndex(dir, name string) bool {
	f, info, err := open(dir, path.Join(name, index))
	if err != nil {
		return false
	}
	defer f.Close()
	return info.Mode().IsRegular()
}
