package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What Linux 5.10 writes, with other numbers.
const (
	sampleSelfStat = "17 (a (b) c) S 1 17 16 0 -1 4194560 100 2 3 0 111 22 0 0 20 0 5 0 6402 225181696 907 " +
		"18446744073709551615 94362367459328 94362370533777 140736236631920 0 0 0 0 4096 16935 0 0 0 17 1 0 0 7 0 0 1 2 3 4 5 6 7 0\n"
	sampleStat    = "cpu  100 20 30 400 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n"
	sampleMeminfo = "MemTotal:       2000 kB\nMemFree:         500 kB\nMemAvailable:    900 kB\nBuffers:          10 kB\n" +
		"Cached:          490 kB\nSwapCached:        0 kB\nSwapTotal:       100 kB\nSwapFree:         75 kB\nHugePages_Total:       0\n"
	sampleVmstat = "nr_free_pages 1\npgpgin 4000\npgpgout 5000\n"
	sampleDisks  = "   8       0 sda 1 2 3 4 5 6 7 8 9 1000 11\n   8       1 sda1 1 2 3 4 5 6 7 8 9 20 11\n 253 0 vda 1 2 3 4 5 6 7 8 0 77 1 0 0 0 0\n"
	sampleNetDev = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		"    lo: 862 10 0 0 0 0 0 0 863 10 0 0 0 0 0 0\n  eth0:1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n"
	sampleSockstat = "sockets: used 200\nTCP: inuse 9 orphan 0 tw 155 alloc 12 mem 3\nUDP: inuse 6 mem 2\nRAW: inuse 0\n"
	sampleSNMP     = "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails " +
		"EstabResets CurrEstab InSegs\nTcp: 1 200 120000 -1 10 11 12 13 14 15\n"
)

func TestParseSelfStat(t *testing.T) {
	x, err := parseSelfStat(sampleSelfStat)
	require.NoError(t, err)
	require.EqualValues(t, 17, x.pid)
	require.Equal(t, "(a (b) c)", x.comm)
	require.Equal(t, "S", x.state)
	require.Len(t, selfColumns, len(x.columns))
	by := map[string]int64{}
	for i, name := range selfColumns {
		by[name] = x.columns[i]
	}
	for name, want := range map[string]int64{"ppid": 1, "pgrp": 17, "tpgid": -1, "flags": 4194560, "utime": 111, "stime": 22, "num_threads": 5,
		"starttime": 6402, "vsize": 225181696, "rss": 907, "rsslim": -1, "startcode": 94362367459328, "sigcatch": 16935,
		"exit_signal": 17, "processor": 1, "delayacct_blkio_ticks": 7, "cguest_time": 0} {
		require.Equal(t, want, by[name], name)
	}
	require.Equal(t, []string{"utime", "stime", "starttime", "rss"},
		[]string{selfColumns[selfUtime], selfColumns[selfStime], selfColumns[selfStartTime], selfColumns[selfRSS]})
	for _, bad := range []string{"", "17", "17 (a) S", "x (a) S" + strings.Repeat(" 1", 50), "17 )a( S" + strings.Repeat(" 1", 50),
		"17 (a) S" + strings.Repeat(" x", 50), "17 (a) S" + strings.Repeat(" 99999999999999999999", 50)} {
		_, err := parseSelfStat(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestParseStat(t *testing.T) {
	x, err := parseStat(sampleStat)
	require.NoError(t, err)
	require.Equal(t, cpuStat{100, 20, 30, 400, 5, 6, 7, 8, 9}, x)
	require.InDelta(t, 0.25, cpuStat{10, 0, 15, 75}.busy(cpuStat{}), 1e-9)
	require.Zero(t, x.busy(x))
	require.Zero(t, cpuStat{}.busy(x), "counters that went back")
	for _, bad := range []string{"", "cpu", "cpu0 1 2 3 4", "cpu 1 2 x 4"} {
		_, err := parseStat(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestMemory(t *testing.T) {
	list, err := parseNamed(sampleMeminfo, "MemTotal", "MemFree", "Buffers", "Cached", "SwapTotal", "SwapFree")
	require.NoError(t, err)
	x := memorySample{kbytes: [6]int64(list)}
	require.Equal(t, memorySample{kbytes: [6]int64{2000, 500, 10, 490, 100, 75}}, x)
	require.Equal(t, []int64{1500, 1000}, []int64{x.active(), x.used()})
	require.Equal(t, []float{0.5, 0.25}, []float{x.ram(), x.swap()})
	list, err = parseNamed(sampleVmstat, "pgpgin", "pgpgout")
	require.NoError(t, err)
	require.Equal(t, []int64{4000, 5000}, list)
	_, err = parseNamed("MemTotal: x kB", "MemTotal")
	require.Error(t, err)
	_, err = parseNamed("", "MemTotal")
	require.Error(t, err)
}

func TestParseDisksAndNet(t *testing.T) {
	disks, err := parseDisks(sampleDisks, []string{"sda", "vda", "none"})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"sda": 1000, "vda": 77}, disks)
	nics, err := parseNetDev(sampleNetDev)
	require.NoError(t, err)
	require.Equal(t, []nic{{"lo", 862, 863}, {"eth0", 1000, 2000}}, nics)
	_, err = parseNetDev("lo: 1 2 3")
	require.Error(t, err)
	for _, x := range []struct {
		text, line, name string
		want             int64
	}{
		{sampleSockstat, "TCP", "tw", 155}, {sampleSockstat, "UDP", "inuse", 6}, {sampleSockstat, "TCP", "inuse", 9},
		{sampleSNMP, "Tcp", "CurrEstab", 14}, {sampleSNMP, "Tcp", "RtoAlgorithm", 1}, {sampleSNMP, "Ip", "DefaultTTL", 64},
	} {
		n, err := parsePair(x.text, x.line, x.name)
		require.NoError(t, err, x.name)
		require.Equal(t, x.want, n, x.name)
	}
	_, err = parsePair(sampleSockstat, "TCP", "none")
	require.Error(t, err)
	var a, b, c float
	require.NoError(t, parseFloats("0.22 0.19 0.26 1/2 3", &a, &b, &c))
	require.Equal(t, []float{0.22, 0.19, 0.26}, []float{a, b, c})
	require.Error(t, parseFloats("1 2", &a, &b, &c))
	require.Error(t, parseFloats("x", &a))
}

// FuzzProc holds that no text below /proc hurts.
func FuzzProc(f *testing.F) {
	for _, s := range []string{sampleSelfStat, sampleStat, sampleMeminfo, sampleVmstat, sampleDisks, sampleNetDev, sampleSockstat, sampleSNMP} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := parseSelfStat(s); err == nil && (len(x.comm) < 2 || x.state == "") {
			t.Errorf("%+v of %q", x, s)
		}
		if x, err := parseStat(s); err == nil {
			if b := x.busy(cpuStat{}); !(b >= 0 && b <= 1) {
				t.Errorf("%v busy in %q", b, s)
			}
		}
		if list, err := parseNamed(s, "MemTotal", "pgpgin"); err == nil && len(list) != 2 {
			t.Errorf("%v of %q", list, s)
		}
		if x, err := parseDisks(s, []string{"sda"}); err == nil && len(x) > 1 {
			t.Errorf("%v of %q", x, s)
		}
		_, _ = parseNetDev(s)
		_, _ = parsePair(s, "Tcp", "CurrEstab")
		var v float
		_ = parseFloats(s, &v)
	})
}
