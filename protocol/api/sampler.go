package api

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// How often the system is looked at, as SRS does. Requests read what was seen last.
const (
	rusageEvery = 3 * time.Second
	systemEvery = 6 * time.Second // processors, memory, disks
	netEvery    = 9 * time.Second
)

// sampler is what was seen of the system. Each sample is replaced whole; nil until the first one
// went well, which it never does where there is no /proc.
type sampler struct {
	start  time.Time // of the module
	rusage atomic.Pointer[rusageSample]
	self   atomic.Pointer[selfSample]
	cpu    atomic.Pointer[cpuSample]
	memory atomic.Pointer[memorySample]
	disk   atomic.Pointer[diskSample]
	net    atomic.Pointer[netSample]
}

type (
	rusageSample struct {
		at time.Time
		rusage
	}
	selfSample struct {
		at      time.Time
		percent float64
		started time.Time // the process
		selfStat
	}
	cpuSample struct {
		at      time.Time
		percent float64
		ticks   cpuStat
	}
	memorySample struct {
		at     time.Time
		kbytes [6]int64 // MemTotal MemFree Buffers Cached SwapTotal SwapFree
	}
	diskSample struct {
		at             time.Time
		in, out        int64 // KB since the system's start
		busy           map[string]int64
		inKBps, outKBs int64
		percent        float64
	}
	netSample struct {
		at                                 time.Time
		received, sent, receivedIn, sentIn int64
		established, timeWait, udp         int64
		uptime, idle, load1, load5, load15 float
	}
)

// sample looks at the system until ctx ends.
func (m *Module) sample(ctx context.Context) error {
	t := time.NewTicker(rusageEvery)
	defer t.Stop()
	for n := 0; ; n++ {
		m.system.look(time.Duration(n)*rusageEvery, m.cfg.Load().Disks)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// look takes the samples that are due after so long.
func (s *sampler) look(after time.Duration, disks []string) {
	if r, ok := readRusage(); ok {
		s.rusage.Store(&rusageSample{time.Now(), r})
	}
	if after%systemEvery == 0 {
		s.lookSelf()
		s.lookCPU()
		s.lookMemory()
		s.lookDisks(disks)
	}
	if after%netEvery == 0 {
		s.lookNet()
	}
}

// proc reads a file below /proc; what cannot be read is empty, which no parser takes.
func proc(name string) string {
	f, err := os.Open("/proc/" + name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	b, _ := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(b)
}

// userHZ is the ticks of a second in /proc, which is the same on all of Linux.
const userHZ = 100

func (s *sampler) lookSelf() {
	stat, err := parseSelfStat(proc("self/stat"))
	if err != nil {
		return
	}
	x := &selfSample{at: time.Now(), selfStat: stat, started: s.start}
	var uptime float
	if parseFloats(proc("uptime"), &uptime) == nil {
		age := float64(uptime) - float64(stat.columns[selfStartTime])/userHZ
		x.started = x.at.Add(-time.Duration(age * float64(time.Second)))
	}
	if old := s.self.Load(); old != nil {
		used := stat.columns[selfUtime] + stat.columns[selfStime] - old.columns[selfUtime] - old.columns[selfStime]
		if d := x.at.Sub(old.at).Seconds(); d > 0 && used > 0 {
			x.percent = float64(used) / userHZ / d // of one processor
		}
	}
	s.self.Store(x)
}

func (s *sampler) lookCPU() {
	ticks, err := parseStat(proc("stat"))
	if err != nil {
		return
	}
	x := &cpuSample{at: time.Now(), ticks: ticks}
	if old := s.cpu.Load(); old != nil {
		x.percent = ticks.busy(old.ticks)
	}
	s.cpu.Store(x)
}

func (s *sampler) lookMemory() {
	list, err := parseNamed(proc("meminfo"), "MemTotal", "MemFree", "Buffers", "Cached", "SwapTotal", "SwapFree")
	if err == nil {
		s.memory.Store(&memorySample{time.Now(), [6]int64(list)})
	}
}

// lookDisks takes all traffic of block devices, and the load of the busiest of the given ones.
func (s *sampler) lookDisks(disks []string) {
	list, err := parseNamed(proc("vmstat"), "pgpgin", "pgpgout")
	if err != nil {
		return
	}
	x := &diskSample{at: time.Now(), in: list[0], out: list[1]}
	if len(disks) > 0 {
		x.busy, _ = parseDisks(proc("diskstats"), disks) // else it shows none
	}
	if old := s.disk.Load(); old != nil {
		if ms := x.at.Sub(old.at).Milliseconds(); ms > 0 {
			x.inKBps, x.outKBs = (x.in-old.in)*1000/ms, (x.out-old.out)*1000/ms
			for name, busy := range x.busy {
				if before, ok := old.busy[name]; ok {
					x.percent = max(x.percent, fraction(busy-before, ms))
				}
			}
		}
	}
	s.disk.Store(x)
}

func (s *sampler) lookNet() {
	list, err := parseNetDev(proc("net/dev"))
	if err != nil || len(list) == 0 {
		return
	}
	x := &netSample{at: time.Now()}
	for _, n := range list[:min(len(list), maxNICs)] {
		switch placeOf(n.name) {
		case placePublic:
			x.received, x.sent = x.received+n.received, x.sent+n.sent
		case placePrivate:
			x.receivedIn, x.sentIn = x.receivedIn+n.received, x.sentIn+n.sent
		}
	}
	// What cannot be read stays 0.
	x.established, _ = parsePair(proc("net/snmp"), "Tcp", "CurrEstab")
	sockets := proc("net/sockstat")
	x.timeWait, _ = parsePair(sockets, "TCP", "tw")
	x.udp, _ = parsePair(sockets, "UDP", "inuse")
	_ = parseFloats(proc("uptime"), &x.uptime, &x.idle)
	_ = parseFloats(proc("loadavg"), &x.load1, &x.load5, &x.load15)
	s.net.Store(x)
}

// maxNICs bounds the interfaces that are counted. Asking for the addresses of one costs a look at
// all, and a host of containers may have thousands.
const maxNICs = 64

type place uint8

const (
	placeNone place = iota // no address
	placePrivate
	placePublic
)

// placeOf tells where an interface leads, by its addresses.
func placeOf(name string) place {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return placeNone
	}
	addrs, _ := i.Addrs() // none then
	p := placeNone
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			if ip := prefix.Addr(); ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() {
				p = max(p, placePrivate)
			} else {
				p = placePublic
			}
		}
	}
	return p
}
