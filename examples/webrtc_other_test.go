//go:build !unix

package examples

import "testing"

// The browser is driven over pipes of Unix.
const noBrowser = "needs a browser, which is driven on Unix alone"

func whip2rtmp(t *testing.T, _ string)     { t.Skip(noBrowser) }
func rtmp2whep(t *testing.T, _ string)     { t.Skip(noBrowser) }
func recordbrowser(t *testing.T, _ string) { t.Skip(noBrowser) }
