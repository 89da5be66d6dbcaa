package conf

import (
	"regexp"
	"slices"
	"strings"
)

// hidden is shown for a secret.
const hidden = "******"

// The second group of the last two is the secret.
var (
	secretName  = regexp.MustCompile(`(?i)passw|passphrase|secret|token$|key$`)
	secretUser  = regexp.MustCompile(`(://[^/:?#\s]*:)([^/?#\s]+)@`) // up to the last @, as net/url reads it
	secretParam = regexp.MustCompile(`(?i)([?&#](?:passw\w*|passphrase|secret\w*|\w*token|key|sign\w*)=)([^&#\s]+)`)
)

// shown is how an argument is shown. it is the directive's row, nil for a name that the schema does not
// have: then a value is hidden that is named like a secret.
func shown(it *Item, d *Directive, arg string) string {
	if isSecret(it, d) {
		return hidden
	}
	arg = secretUser.ReplaceAllString(arg, "${1}"+hidden+"@")
	return secretParam.ReplaceAllString(arg, "${1}"+hidden)
}

func isSecret(it *Item, d *Directive) bool {
	if it == nil {
		return secretName.MatchString(d.Name)
	}
	return it.Secret
}

// isHidden says whether an argument has the mark where the secret should be.
func isHidden(it *Item, d *Directive, arg string) bool {
	if !strings.Contains(arg, hidden) {
		return false
	}
	if isSecret(it, d) {
		return arg == hidden
	}
	for _, re := range []*regexp.Regexp{secretUser, secretParam} {
		for _, m := range re.FindAllStringSubmatch(arg, -1) {
			if m[2] == hidden {
				return true
			}
		}
	}
	return false
}

// IsHidden says whether a word has "******" where [File.Effective] writes it for a secret.
func IsHidden(word string) bool { return word == hidden || isHidden(&Item{}, nil, word) }

// unhide puts secrets where the text only has the mark for them: those that keep has at the same place.
func (f *File) unhide(x *findings, keep *File) {
	if !slices.ContainsFunc(f.root.Children, hasMark) {
		return
	}
	u := &unhider{x: x}
	var in *Directive
	if keep != nil {
		in, u.env = keep.root, keep.env
	}
	u.block("", f.root, in)
}

// hasMark says whether there is something like the mark in a directive, to pass over all that has none.
func hasMark(d *Directive) bool {
	return slices.ContainsFunc(d.Args, func(a string) bool { return strings.Contains(a, hidden) }) ||
		slices.ContainsFunc(d.Children, hasMark)
}

type unhider struct {
	x   *findings
	env environment // of the configuration that is kept
}

// block goes through a block and the one it replaces, which may be nil.
func (u *unhider) block(path string, in, kept *Directive) {
	for i, d := range in.Children {
		if len(u.x.errors) > maxErrors {
			return
		}
		if !hasMark(d) {
			continue
		}
		it := schema.byPath[join(path, d.Name)]
		var old []*Directive
		if kept != nil {
			old = named(kept.Children, d.Name)
		}
		if d.Block {
			with := counterpart(in.Children[:i], d, old)
			if it != nil && !it.Repeat && len(old) > 0 {
				with = old[0] // whatever its arguments
			}
			u.block(join(path, d.Name), d, with)
			continue
		}
		same := named(in.Children, d.Name)
		written := d.Args
		d.Args = slices.Clone(written)
		for n, arg := range written {
			if !isHidden(it, d, arg) {
				continue
			}
			old := u.values(it, old)
			var twin *Directive // the one that stands where d stands, if there are as many of both
			if len(old) == len(same) {
				twin = old[slices.Index(same, d)]
			}
			secret, ok := find(it, old, twin, written, n)
			if !ok {
				u.x.errorf(atDirective(d, join(path, d.Name)), "%s stands for a secret that is not known here, write the secret itself", hidden)
				continue
			}
			d.Args[n] = secret
		}
	}
}

func named(list []*Directive, name string) (of []*Directive) {
	for _, c := range list {
		if c.Name == name {
			of = append(of, c)
		}
	}
	return of
}

// values gives the directives that count: what a variable says, the first, or all.
func (u *unhider) values(it *Item, old []*Directive) []*Directive {
	if it != nil {
		if words, name := u.env.override(it); name != "" {
			return []*Directive{{Name: it.Name(), Args: words}}
		}
		if !it.Repeat {
			return first(old)
		}
	}
	return old
}

// find gives the argument that is shown as args[n]: that at the same place, or the only one there is.
func find(it *Item, old []*Directive, twin *Directive, args []string, n int) (string, bool) {
	if twin != nil && len(twin.Args) == len(args) && shown(it, twin, twin.Args[n]) == args[n] {
		return twin.Args[n], true
	}
	var list []string
	for _, d := range old {
		for _, a := range d.Args {
			if shown(it, d, a) == args[n] && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	if len(list) != 1 {
		return "", false
	}
	return list[0], true
}

// counterpart finds the block that d replaces: of those with the same arguments the one of the same
// number. before are the directives before d in its block.
func counterpart(before []*Directive, d *Directive, old []*Directive) *Directive {
	n := 0
	for _, c := range before {
		if c.Name == d.Name && slices.Equal(c.Args, d.Args) {
			n++
		}
	}
	for _, c := range old {
		if slices.Equal(c.Args, d.Args) {
			if n == 0 {
				return c
			}
			n--
		}
	}
	return nil
}
