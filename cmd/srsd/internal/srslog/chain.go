package srslog

import (
	"errors"
	"strings"

	"github.com/srsgo/srs/stream"
)

// maxLinks bounds the links of an error that are told apart.
const maxLinks = 32

// links gives what each error in a chain adds to the text of those it wraps, the outermost first, as
// SRS separates the places that an error came through. An error that changes the text of what it wraps
// is one link.
func links(err error) []string { return appendLinks(nil, err) }

func appendLinks(list []string, err error) []string {
	text := err.Error()
	if len(list) >= maxLinks {
		return append(list, text)
	}
	for _, inner := range wrapped(err) {
		if inner == nil {
			continue
		}
		own, rest, found := strings.Cut(text, inner.Error())
		if !found || inner.Error() == "" {
			continue
		}
		list = appendLink(list, own)
		list = appendLinks(list, inner)
		text = rest
	}
	return appendLink(list, text)
}

// appendLink leaves out what only joins two texts.
func appendLink(list []string, s string) []string {
	if s = strings.Trim(s, ": \n"); s != "" {
		list = append(list, s)
	}
	return list
}

// wrapped gives the errors below one.
func wrapped(err error) []error {
	switch x := err.(type) {
	case interface{ Unwrap() []error }:
		return x.Unwrap()
	case interface{ Unwrap() error }:
		return []error{x.Unwrap()}
	}
	return nil
}

func isShutdown(err error) bool { return errors.Is(err, stream.ErrShutdown) }
