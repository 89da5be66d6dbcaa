package conf

import (
	"regexp"
	"strings"
)

const hidden = "******"

// Effective returns the configuration in force as srs.conf text: what the file, the environment and
// the defaults come to, with old names replaced. Secrets are shown as "******".
func (f *File) Effective() string {
	p := &printer{}
	p.block(f.Root(), "", 0)
	return p.String()
}

type printer struct{ strings.Builder }

// block writes what is in the block at a path relative to the scope.
func (p *printer) block(s *Scope, path string, depth int) {
	for _, it := range schema.children[join(s.path, path)] {
		rel := join(path, it.Name())
		switch {
		case it.Path == "vhost":
			for _, v := range s.file.vhosts {
				p.repeated(it, v.Scope, depth)
			}
		case it.Kind == Block && it.Repeat:
			for _, b := range s.Blocks(rel) {
				p.repeated(it, b, depth)
			}
		case it.Kind == Block:
			inner := &printer{}
			inner.block(s, rel, depth+1)
			if inner.Len() > 0 {
				p.open(it.Name(), nil, depth)
				p.WriteString(inner.String())
				p.close(depth)
			}
		case it.Kind == Free:
			if list := s.all(rel); len(list) > 0 {
				writeDirective(&p.Builder, list[0], depth, maskUnknown)
			}
		case it.Repeat:
			for _, words := range s.Each(rel) {
				p.line(it, words, depth)
			}
		case it.Note == "" || s.Has(rel): // nobody needs the defaults of what has no effect
			p.line(it, s.words(it, rel), depth)
		}
	}
	p.unknown(s, path, depth)
}

// repeated writes one of several blocks.
func (p *printer) repeated(it *Item, b *Scope, depth int) {
	p.open(it.Name(), b.dir.Args, depth)
	p.block(b, "", depth+1)
	p.close(depth)
}

// words returns the value in force of any kind as it would be written; nil for an empty one.
func (s *Scope) words(it *Item, path string) []string {
	if it.Kind.several() {
		return s.List(path)
	}
	if w := s.String(path); w != "" {
		return []string{w}
	}
	return nil
}

// unknown writes the names that only a block without checks can have.
func (p *printer) unknown(s *Scope, path string, depth int) {
	d := s.dir
	for _, name := range strings.Split(path, ".") {
		if path != "" && d != nil {
			d = d.Child(name)
		}
	}
	if d == nil {
		return
	}
	for _, c := range d.Children {
		if schema.byPath[join(join(s.path, path), c.Name)] == nil {
			writeDirective(&p.Builder, c, depth, maskUnknown)
		}
	}
}

func (p *printer) line(it *Item, words []string, depth int) {
	if len(words) == 0 {
		return
	}
	d := &Directive{Name: it.Name(), Args: words}
	show := mask
	if it.Secret {
		show = func(*Directive, string) string { return hidden }
	}
	writeDirective(&p.Builder, d, depth, show)
}

func (p *printer) open(name string, args []string, depth int) {
	indent(&p.Builder, depth)
	p.WriteString(name)
	for _, a := range args {
		p.WriteString(" " + quote(a))
	}
	p.WriteString(" {\n")
}

func (p *printer) close(depth int) {
	indent(&p.Builder, depth)
	p.WriteString("}\n")
}

var (
	secretName  = regexp.MustCompile(`(?i)passw|passphrase|secret|token$`)
	secretUser  = regexp.MustCompile(`(://[^/:@\s]*:)[^/@\s]+@`)
	secretParam = regexp.MustCompile(`(?i)([?&#](?:passw\w*|passphrase|secret\w*|\w*token|key|sign\w*)=)[^&#\s]+`)
)

// mask hides the passwords and tokens of URLs.
func mask(_ *Directive, arg string) string {
	arg = secretUser.ReplaceAllString(arg, "${1}"+hidden+"@")
	return secretParam.ReplaceAllString(arg, "${1}"+hidden)
}

// maskUnknown also hides a value that is named like a secret, where no row says whether it is one.
func maskUnknown(d *Directive, arg string) string {
	if secretName.MatchString(d.Name) {
		return hidden
	}
	return mask(d, arg)
}
