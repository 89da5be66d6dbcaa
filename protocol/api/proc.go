package api

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
)

// The texts below /proc, as proc(5) describes them. Parsers take them as they come and give an
// error for what is no such text; numbers beyond 63 bits become negative, as SRS shows them.

// selfColumns names what follows the state in /proc/self/stat, up to where SRS knows it.
var selfColumns = strings.Fields(`ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime cutime
	cstime priority nice num_threads itrealvalue starttime vsize rss rsslim startcode endcode startstack kstkesp kstkeip
	signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy delayacct_blkio_ticks
	guest_time cguest_time`)

// The columns that are reckoned with, as indices of selfColumns.
const (
	selfUtime     = 10
	selfStime     = 11
	selfStartTime = 18
	selfRSS       = 20
)

// selfStat is /proc/self/stat.
type selfStat struct {
	pid     int64
	comm    string // with its parentheses
	state   string
	columns [41]int64
}

func parseSelfStat(s string) (selfStat, error) {
	var x selfStat
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')') // a name may have both in it
	if open < 0 || end < open {
		return x, fmt.Errorf("api: process status: no name in %.100q", s)
	}
	rest := strings.Fields(s[end+1:])
	if len(rest) < 1+len(x.columns) {
		return x, fmt.Errorf("api: process status: %d columns", len(rest))
	}
	var err error
	if x.pid, err = number(strings.TrimSpace(s[:open])); err != nil {
		return x, err
	}
	x.comm, x.state = s[open:end+1], rest[0]
	for i := range x.columns {
		if x.columns[i], err = number(rest[1+i]); err != nil {
			return x, err
		}
	}
	return x, nil
}

// number reads an integer, also one of 64 bits without sign.
func number(s string) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("api: %.40q is no number", s)
	}
	return int64(n), nil
}

// cpuStat is the first line of /proc/stat: ticks spent in user nice sys idle iowait irq softirq
// steal guest.
type cpuStat [9]int64

const cpuIdle = 3

func parseStat(s string) (cpuStat, error) {
	var x cpuStat
	line, _, _ := strings.Cut(s, "\n")
	f := strings.Fields(line)
	if len(f) < 5 || f[0] != "cpu" {
		return x, fmt.Errorf("api: processor status: %.100q", line)
	}
	for i := range min(len(x), len(f)-1) { // old kernels have fewer
		n, err := number(f[1+i])
		if err != nil {
			return x, err
		}
		x[i] = n
	}
	return x, nil
}

// busy gives which part of the time since old was not idle.
func (c cpuStat) busy(old cpuStat) float64 {
	total := int64(0)
	for i := range c {
		total += c[i] - old[i]
	}
	return fraction(total-(c[cpuIdle]-old[cpuIdle]), total)
}

// fraction gives a/b in 0..1; 0 where that makes no sense.
func fraction(a, b int64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return min(float64(a)/float64(b), 1)
}

// parseNamed reads lines of a name and a number, as /proc/meminfo and /proc/vmstat have them,
// and gives those that are wanted, in their order; what is missing is 0.
func parseNamed(s string, names ...string) ([]int64, error) {
	out, found := make([]int64, len(names)), 0
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		for i, name := range names {
			if strings.TrimSuffix(f[0], ":") != name {
				continue
			}
			n, err := number(f[1])
			if err != nil {
				return nil, err
			}
			out[i] = n
			found++
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("api: none of %s in %.100q", strings.Join(names, " "), s)
	}
	return out, nil
}

// parseDisks gives for each of the disks the milliseconds that it was busy, from
// /proc/diskstats; those that do not exist are left out.
func parseDisks(s string, disks []string) (map[string]int64, error) {
	out := map[string]int64{}
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) < 13 {
			continue
		}
		for _, d := range disks {
			if f[2] != d {
				continue
			}
			n, err := number(f[12])
			if err != nil {
				return nil, err
			}
			out[d] = n
		}
	}
	return out, nil
}

// nic is the bytes of a network interface.
type nic struct {
	name           string
	received, sent int64
}

// parseNetDev reads /proc/net/dev.
func parseNetDev(s string) ([]nic, error) {
	var out []nic
	lines := bufio.NewScanner(strings.NewReader(s))
	for lines.Scan() {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		if !ok { // the two lines of heading
			continue
		}
		f := strings.Fields(rest)
		if len(f) < 9 {
			return nil, fmt.Errorf("api: network interface: %.100q", lines.Text())
		}
		received, err := number(f[0])
		if err != nil {
			return nil, err
		}
		sent, err := number(f[8])
		if err != nil {
			return nil, err
		}
		out = append(out, nic{strings.TrimSpace(name), received, sent})
	}
	return out, lines.Err()
}

// parsePair finds a number by the name of its line and of itself, in /proc/net/sockstat, where
// the name precedes it ("TCP: inuse 4 orphan 0 tw 155"), and in /proc/net/snmp, where the names
// are a line of their own before that of the numbers.
func parsePair(s, line, name string) (int64, error) {
	var names []string
	for text := range strings.Lines(s) {
		head, rest, _ := strings.Cut(text, ":")
		if head != line {
			continue
		}
		f := strings.Fields(rest)
		for i, x := range f {
			switch {
			case x == name && i+1 < len(f):
				if n, err := number(f[i+1]); err == nil {
					return n, nil
				}
			case i < len(names) && names[i] == name:
				return number(x)
			}
		}
		names = f
	}
	return 0, fmt.Errorf("api: no %s of %s in %.100q", name, line, s)
}

// parseFloats reads the numbers that a text begins with: /proc/uptime, /proc/loadavg.
func parseFloats(s string, out ...*float) error {
	f := strings.Fields(s)
	if len(f) < len(out) {
		return fmt.Errorf("api: %d numbers are not in %.100q", len(out), s)
	}
	for i, p := range out {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return fmt.Errorf("api: %.40q is no number", f[i])
		}
		*p = float(v)
	}
	return nil
}
