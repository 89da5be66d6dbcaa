// Package codec joins mediacommon's codec parsers to the library's core: it reads
// and builds the decoder configurations that [stream.Track] holds, fills in what a
// track's configuration or first frame tells (size, rate, channels), and brings
// access units into the form that package stream's payload table promises.
//
// Functions do not change what they are given, unless they say so, and keep no
// reference to it except where a result is documented to share it. Input may come
// from strangers: nothing here panics, and what is allocated is bounded by the size
// of the input.
package codec
