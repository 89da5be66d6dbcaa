//go:build !linux

package daemon

// Reloading tells that the configuration is being read anew. IsReady ends that.
func Reloading() string { return "RELOADING=1" }
