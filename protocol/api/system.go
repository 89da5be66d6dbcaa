package api

import (
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/srsgo/srs/stream"
)

// rusage is getrusage(2), in its order.
type rusage struct {
	Utime    int64 `json:"ru_utime"` // seconds
	Stime    int64 `json:"ru_stime"` // seconds
	MaxRSS   int64 `json:"ru_maxrss"`
	Ixrss    int64 `json:"ru_ixrss"`
	Idrss    int64 `json:"ru_idrss"`
	Isrss    int64 `json:"ru_isrss"`
	Minflt   int64 `json:"ru_minflt"`
	Majflt   int64 `json:"ru_majflt"`
	Nswap    int64 `json:"ru_nswap"`
	Inblock  int64 `json:"ru_inblock"`
	Oublock  int64 `json:"ru_oublock"`
	Msgsnd   int64 `json:"ru_msgsnd"`
	Msgrcv   int64 `json:"ru_msgrcv"`
	Nsignals int64 `json:"ru_nsignals"`
	Nvcsw    int64 `json:"ru_nvcsw"`
	Nivcsw   int64 `json:"ru_nivcsw"`
}

// sampled is what all samples begin with.
type sampled struct {
	OK bool  `json:"ok"`
	At int64 `json:"sample_time"` // ms
}

func (m *Module) serveRusages(w http.ResponseWriter, _ *http.Request) {
	type data struct {
		sampled
		rusage
	}
	var d data
	if x := m.system.rusage.Load(); x != nil {
		d = data{sampled{true, x.at.UnixMilli()}, x.rusage}
	}
	reply(w, dataReply[data]{m.head, d})
}

func (m *Module) serveSelf(w http.ResponseWriter, _ *http.Request) {
	x := m.system.self.Load()
	ok := x != nil
	if !ok {
		x = &selfSample{at: time.UnixMilli(0)}
	}
	o := object{{"ok", ok}, {"sample_time", x.at.UnixMilli()}, {"percent", float(x.percent)},
		{"pid", x.pid}, {"comm", x.comm}, {"state", x.state}}
	for i, name := range selfColumns {
		o = append(o, member{name, x.columns[i]})
	}
	reply(w, dataReply[object]{m.head, o})
}

func (m *Module) serveSystem(w http.ResponseWriter, _ *http.Request) {
	type data struct {
		sampled
		Percent float `json:"percent"`
		User    int64 `json:"user"`
		Nice    int64 `json:"nice"`
		Sys     int64 `json:"sys"`
		Idle    int64 `json:"idle"`
		IOWait  int64 `json:"iowait"`
		IRQ     int64 `json:"irq"`
		SoftIRQ int64 `json:"softirq"`
		Steal   int64 `json:"steal"`
		Guest   int64 `json:"guest"`
	}
	var d data
	if x := m.system.cpu.Load(); x != nil {
		t := x.ticks
		d = data{sampled{true, x.at.UnixMilli()}, float(x.percent), t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8]}
	}
	reply(w, dataReply[data]{m.head, d})
}

// active is memory that is not free, and used what is not the system's cache either, in KB.
func (x *memorySample) active() int64 { return x.kbytes[0] - x.kbytes[1] }
func (x *memorySample) used() int64   { return x.active() - x.kbytes[2] - x.kbytes[3] }
func (x *memorySample) ram() float    { return float(fraction(x.used(), x.kbytes[0])) }
func (x *memorySample) swap() float   { return float(fraction(x.kbytes[4]-x.kbytes[5], x.kbytes[4])) }

func (m *Module) serveMemory(w http.ResponseWriter, _ *http.Request) {
	type data struct {
		sampled
		RAM       float `json:"percent_ram"`
		Swap      float `json:"percent_swap"`
		Active    int64 `json:"MemActive"`
		InUse     int64 `json:"RealInUse"`
		NotInUse  int64 `json:"NotInUse"`
		Total     int64 `json:"MemTotal"`
		Free      int64 `json:"MemFree"`
		Buffers   int64 `json:"Buffers"`
		Cached    int64 `json:"Cached"`
		SwapTotal int64 `json:"SwapTotal"`
		SwapFree  int64 `json:"SwapFree"`
	}
	var d data
	if x := m.system.memory.Load(); x != nil {
		k := x.kbytes
		d = data{sampled{true, x.at.UnixMilli()}, x.ram(), x.swap(), x.active(), x.used(), k[0] - x.used(),
			k[0], k[1], k[2], k[3], k[4], k[5]}
	}
	reply(w, dataReply[data]{m.head, d})
}

// summary is the server at a glance.
type summary struct {
	OK     bool          `json:"ok"`
	NowMS  int64         `json:"now_ms"`
	Self   summarySelf   `json:"self"`
	System summarySystem `json:"system"`
}

type summarySelf struct {
	Version    string `json:"version"`
	PID        int    `json:"pid"`
	PPID       int    `json:"ppid"`
	Argv       string `json:"argv"`
	Cwd        string `json:"cwd"`
	MemKB      int64  `json:"mem_kbyte"`
	MemPercent float  `json:"mem_percent"`
	CPUPercent float  `json:"cpu_percent"`
	Uptime     int64  `json:"srs_uptime"` // seconds
}

type summarySystem struct {
	CPUPercent  float  `json:"cpu_percent"`
	DiskRead    int64  `json:"disk_read_KBps"`
	DiskWrite   int64  `json:"disk_write_KBps"`
	DiskBusy    float  `json:"disk_busy_percent"`
	RAM         int64  `json:"mem_ram_kbyte"`
	RAMPercent  float  `json:"mem_ram_percent"`
	Swap        int64  `json:"mem_swap_kbyte"`
	SwapPercent float  `json:"mem_swap_percent"`
	CPUs        int    `json:"cpus"`
	CPUsOnline  int    `json:"cpus_online"`
	Uptime      float  `json:"uptime"`    // seconds
	Idle        float  `json:"ilde_time"` // seconds; SRS's spelling
	Load1       float  `json:"load_1m"`
	Load5       float  `json:"load_5m"`
	Load15      float  `json:"load_15m"`
	NetAt       int64  `json:"net_sample_time"` // ms
	NetRecv     int64  `json:"net_recv_bytes"`
	NetSend     int64  `json:"net_send_bytes"`
	NetRecvIn   int64  `json:"net_recvi_bytes"`
	NetSendIn   int64  `json:"net_sendi_bytes"`
	SRSAt       int64  `json:"srs_sample_time"` // ms
	SRSRecv     uint64 `json:"srs_recv_bytes"`
	SRSSend     uint64 `json:"srs_send_bytes"`
	Conns       int64  `json:"conn_sys"`
	Established int64  `json:"conn_sys_et"`
	TimeWait    int64  `json:"conn_sys_tw"`
	UDP         int64  `json:"conn_sys_udp"`
	Clients     int    `json:"conn_srs"`
}

// summaryEvery is how old a summary may be: it is made once for all who ask, and so is the walk
// through all sessions that it needs.
const summaryEvery = time.Second

func (m *Module) serveSummaries(w http.ResponseWriter, _ *http.Request) {
	replyBytes(w, m.summary.get(summaryEvery, func([]byte) []byte {
		return encode(dataReply[summary]{m.head, m.summarize()})
	}))
}

// hubStats gives the figures of all streams, at most a second old.
func (m *Module) hubStats() stream.HubStats {
	return m.hub.get(summaryEvery, func(stream.HubStats) stream.HubStats { return m.host.Hub.Stats() })
}

// Summaries gives what /api/v1/summaries has as data, for the JSON of others; nil before the start.
func (m *Module) Summaries() any {
	if m.host == nil {
		return nil
	}
	return m.summarize()
}

func (m *Module) summarize() summary {
	now, hub := time.Now(), m.hubStats()
	s := &m.system
	x := summary{NowMS: now.UnixMilli()}
	x.Self = summarySelf{Version: m.version(), PID: os.Getpid(), PPID: os.Getppid(), Argv: maskArgs(os.Args)}
	x.Self.Cwd, _ = os.Getwd() // else it shows none
	x.System = summarySystem{CPUs: runtime.NumCPU(), CPUsOnline: runtime.NumCPU(), SRSAt: now.UnixMilli(),
		SRSRecv: hub.Received, SRSSend: hub.Sent, Clients: hub.Clients}
	self, cpu, mem, disk, net := s.self.Load(), s.cpu.Load(), s.memory.Load(), s.disk.Load(), s.net.Load()
	x.OK = self != nil && cpu != nil && mem != nil && net != nil
	started := s.start
	if self != nil {
		started = self.started
		x.Self.MemKB = self.columns[selfRSS] * int64(os.Getpagesize()/1024)
		x.Self.CPUPercent = float(self.percent)
	}
	x.Self.Uptime = int64(now.Sub(started).Seconds())
	y := &x.System
	if cpu != nil {
		y.CPUPercent = float(cpu.percent)
	}
	if mem != nil {
		x.Self.MemPercent = float(fraction(x.Self.MemKB, mem.kbytes[0]))
		y.RAM, y.RAMPercent, y.Swap, y.SwapPercent = mem.kbytes[0], mem.ram(), mem.kbytes[4], mem.swap()
	}
	if disk != nil {
		y.DiskRead, y.DiskWrite, y.DiskBusy = disk.inKBps, disk.outKBs, float(disk.percent)
	}
	if net != nil {
		y.Uptime, y.Idle, y.Load1, y.Load5, y.Load15 = net.uptime, net.idle, net.load1, net.load5, net.load15
		y.NetAt, y.NetRecv, y.NetSend, y.NetRecvIn, y.NetSendIn = net.at.UnixMilli(), net.received, net.sent, net.receivedIn, net.sentIn
		y.Conns = net.established + net.timeWait + net.udp
		y.Established, y.TimeWait, y.UDP = net.established, net.timeWait, net.udp
	}
	return x
}
