//go:build !unix

package api

func readRusage() (rusage, bool) { return rusage{}, false }
