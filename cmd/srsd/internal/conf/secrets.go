package conf

import "slices"

// minSecret is the length from which a secret can be told from other text, in bytes.
const minSecret = 6

// Secrets lists the values in force that are not to be shown, for whoever has to look for them in other
// texts. Those of less than 6 characters are left out: they would be found in every sentence.
func (f *File) Secrets() []string {
	list := f.Root().secrets(nil, "")
	slices.Sort(list)
	return slices.Compact(list)
}

// secrets appends those in the block at a path relative to the scope.
func (s *Scope) secrets(list []string, path string) []string {
	for _, it := range schema.children[join(s.path, path)] {
		rel := join(path, it.Name())
		switch {
		case it.Path == "vhost":
			for _, v := range s.file.vhosts {
				list = v.secrets(list, "")
			}
		case it.Kind == Block && it.Repeat:
			for _, b := range s.Blocks(rel) {
				list = b.secrets(list, "")
			}
		case it.Kind == Block:
			list = s.secrets(list, rel)
		case it.Secret:
			for _, w := range s.words(it, rel) {
				if len(w) >= minSecret {
					list = append(list, w)
				}
			}
		}
	}
	return list
}
