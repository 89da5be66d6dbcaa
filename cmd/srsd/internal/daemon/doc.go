// Package daemon is what makes a program a service of a Unix system: its process in the background,
// the file with its pid, and the signals by which SRS is told what to do.
package daemon
