package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userTick is the unit of times in /proc: 1/100 s on every architecture Go runs on.
const userTick = 10 * time.Millisecond

// usage is a set of processes at one moment.
type usage struct {
	at      time.Time
	cpu     map[int]time.Duration // by pid, all threads
	rss     int64                 // bytes, shared pages counted once per process
	private int64                 // bytes that only these processes hold; 0 if not asked for
	cores   map[int]coreTimes
	tool    time.Duration
}

// coreTimes is one core's line in /proc/stat.
type coreTimes struct{ total, idle, softirq, steal time.Duration }

// sampler measures the server's processes and the cores.
type sampler struct {
	pids, cpus []int
}

// take reads everything. A process that is gone counts nothing; private memory is slow to find and only
// read when asked for.
func (s *sampler) take(private bool) usage {
	u := usage{at: time.Now(), cpu: map[int]time.Duration{}, cores: map[int]coreTimes{}}
	page := int64(os.Getpagesize())
	for _, root := range s.pids {
		for _, pid := range tree(root, nil) {
			if _, seen := u.cpu[pid]; seen {
				continue
			}
			cpu, err := cpuOf(pid)
			if err != nil {
				continue
			}
			u.cpu[pid] = cpu
			var size, rss int64
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
			fmt.Sscan(string(b), &size, &rss)
			u.rss += rss * page
			if private {
				u.private += privateOf(pid)
			}
		}
	}
	if len(s.cpus) > 0 {
		b, _ := os.ReadFile("/proc/stat")
		u.cores = parseCores(b, s.cpus)
	}
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) == nil {
		u.tool = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	return u
}

// tree lists a process and its descendants.
func tree(pid int, out []int) []int {
	out = append(out, pid)
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		for _, f := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				out = tree(child, out)
			}
		}
	}
	return out
}

// cpuOf gives the CPU time that a process has used (proc(5), /proc/pid/stat, fields 14 and 15).
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(b)
}

func parseStat(b []byte) (time.Duration, error) {
	i := bytes.LastIndexByte(b, ')') // the name before it may hold anything
	f := strings.Fields(string(b[i+1:]))
	if i < 0 || len(f) < 13 {
		return 0, fmt.Errorf("proc stat: %d fields", len(f))
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("proc stat: %w", err)
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("proc stat: %w", err)
	}
	return time.Duration(user+system) * userTick, nil
}

// privateOf gives the bytes that only this process has mapped.
func privateOf(pid int) (sum int64) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(b)) {
		var kb int64
		if f := strings.Fields(line); len(f) == 3 && strings.HasPrefix(f[0], "Private_") {
			fmt.Sscan(f[1], &kb)
			sum += kb << 10
		}
	}
	return sum
}

// parseCores reads the lines of some cores in /proc/stat.
func parseCores(b []byte, cpus []int) map[int]coreTimes {
	out := map[int]coreTimes{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		for _, cpu := range cpus {
			if len(f) < 9 || f[0] != "cpu"+strconv.Itoa(cpu) {
				continue
			}
			var v [8]time.Duration // user nice system idle iowait irq softirq steal
			var t coreTimes
			for i := range v {
				n, _ := strconv.ParseInt(f[i+1], 10, 64)
				v[i] = time.Duration(n) * userTick
				t.total += v[i]
			}
			t.idle, t.softirq, t.steal = v[3]+v[4], v[6], v[7]
			out[cpu] = t
		}
	}
	return out
}

// cpuPercent gives the share of one core that the server used between two samples, in percent.
// Processes that are not in the first sample count from the second on.
func (u usage) cpuPercent(before usage) float64 {
	var used time.Duration
	for pid, t := range u.cpu {
		if b, ok := before.cpu[pid]; ok {
			used += t - b
		}
	}
	return percent(used, u.at.Sub(before.at))
}

func (u usage) toolPercent(before usage) float64 {
	return percent(u.tool-before.tool, u.at.Sub(before.at))
}

// coreReports compares the cores of two samples.
func (u usage) coreReports(before usage, cpus []int) (out []coreReport) {
	for _, cpu := range cpus {
		a, b := before.cores[cpu], u.cores[cpu]
		all := b.total - a.total
		out = append(out, coreReport{CPU: cpu, Busy: percent(all-(b.idle-a.idle), all),
			SoftIRQ: percent(b.softirq-a.softirq, all), Steal: percent(b.steal-a.steal, all)})
	}
	return out
}

func percent(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return round(float64(part) / float64(whole) * 100)
}
