package pithy

import (
	"fmt"
	"runtime/metrics"
	"time"
)

// usage is what the process uses.
type usage struct {
	at  time.Time
	cpu time.Duration
}

// update gives the use since the last call, as SRS writes it.
func (u *usage) update(now time.Time) string {
	cpu, d := cpuTime(), now.Sub(u.at)
	percent := 0.0
	if !u.at.IsZero() && d > 0 {
		percent = 100 * float64(cpu-u.cpu) / float64(d)
	}
	u.at, u.cpu = now, cpu
	return fmt.Sprintf("cpu=%.2f%%,%dMB", percent, memory()>>20)
}

// memory is what the Go runtime has from the system and has not given back.
func memory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}
