package conf

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full sets every directive to its default, once more than a real configuration would.
var full = func() string {
	o := &printer{}
	for _, it := range schema.children[""] {
		if it.Kind == Block {
			o.example(it, 0)
		}
	}
	return "listen 1935;\n" + o.String()
}()

// example writes a block with all that can be in it.
func (p *printer) example(it *Item, depth int) {
	p.open(it.Name(), []string{"a"}, depth)
	for _, c := range schema.children[it.Path] {
		switch {
		case c.Kind == Block:
			p.example(c, depth+1)
		case c.Kind == Free:
			p.open(c.Name(), nil, depth+1)
			p.line(&Item{Path: "some"}, []string{"x y"}, depth+2)
			p.close(depth + 1)
		case c.Default != "":
			p.line(&Item{Path: c.Path}, strings.Fields(c.Default), depth+1)
		case c.Kind == String || c.Kind == List:
			p.line(&Item{Path: c.Path}, []string{"x234567890"}, depth+1)
		}
	}
	p.close(depth)
}

func TestSchemaIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, it := range Schema() {
		require.False(t, seen[it.Path], "%s is there twice", it.Path)
		seen[it.Path] = true
		if parent, _ := split(it.Path); parent != "" {
			require.True(t, seen[parent], "%s comes before its block", it.Path)
		}
		require.Contains(t, []Reload{Notify, Live, Restart}, it.Reload, it.Path)
		switch it.Kind {
		case BoolOff, BoolOn:
			require.Equal(t, it.Kind == BoolOn, it.Default == "on", it.Path)
		case Enum:
			require.NotEmpty(t, it.Enum, it.Path)
		case Int, Float:
			require.NotEmpty(t, it.Default, it.Path)
		}
		if it.Default != "" {
			fault, warning := it.check(strings.Fields(it.Default))
			require.Empty(t, fault+warning, it.Path)
		}
		for _, name := range it.Env {
			require.Regexp(t, regexp.MustCompile(`^SRSD?_[A-Z0-9_]+$`), name)
		}
	}
}

func TestDefaultsInForce(t *testing.T) {
	f := mustLoad(t, base+"stream_caster {}")
	c := f.Root().Blocks("stream_caster")[0]
	v, _ := f.Vhost("x")
	for _, it := range Schema() {
		switch {
		case it.Kind <= Free || it.Path == "listen" || strings.HasPrefix(it.Path, "vhost.ingest."), strings.HasPrefix(it.Path, "vhost.transcode."):
		case strings.HasPrefix(it.Path, "vhost."):
			require.Equal(t, it.Default, v.String(strings.TrimPrefix(it.Path, "vhost.")), it.Path)
			require.False(t, v.Has(strings.TrimPrefix(it.Path, "vhost.")), it.Path)
		case strings.HasPrefix(it.Path, "stream_caster."):
			require.Equal(t, it.Default, c.String(strings.TrimPrefix(it.Path, "stream_caster.")), it.Path)
		default:
			require.Equal(t, it.Default, f.Root().String(it.Path), it.Path)
			require.False(t, f.Root().Has(it.Path), it.Path)
		}
	}
	readAll(f)
	require.Empty(t, c.Addr("listen"))
}

// Every directive can be written, and is read back.
func TestFullFile(t *testing.T) {
	f, err := load(full)
	require.NoError(t, err)
	readAll(f)
	for _, w := range f.Warnings() {
		it, _ := Lookup(w.Directive)
		require.Equal(t, it.Note, w.Text, w)
	}
}
