//go:build race

package examples

func init() { raceFlags = []string{"-race"} }
