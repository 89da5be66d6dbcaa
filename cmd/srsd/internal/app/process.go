package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/cli"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/cmd/srsd/internal/daemon"
	"github.com/srsgo/srs/cmd/srsd/internal/demo"
	"github.com/srsgo/srs/cmd/srsd/internal/pithy"
	"github.com/srsgo/srs/cmd/srsd/internal/raw"
	"github.com/srsgo/srs/cmd/srsd/internal/srslog"
	"github.com/srsgo/srs/cmd/srsd/internal/watch"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// process is a running srsd.
type process struct {
	load    conf.Options
	dir     string // where the process was started
	console *slog.Logger
	ready   *daemon.Ready
	demo    bool

	out     *srslog.Output
	level   slog.LevelVar
	secrets atomic.Pointer[[]string] // that no line may have
	log     *slog.Logger
	pid     *daemon.PIDFile // nil in a demo

	program    *daemon.Program
	inherited  *protocol.Inherited
	supervisor *daemon.Supervisor
	pidLater   string // the pid file that the process before this one still has

	parent  int // with asprocess
	cfg     atomic.Pointer[apply.Config]
	srv     *protocol.Server
	raw     *raw.Backend
	reloads chan struct{} // to do on the goroutine of the signals
	changes atomic.Pointer[apply.Changes]
	watcher atomic.Pointer[watch.Watcher]
}

// run is the server's life. It gives the code to end with.
func run(o conf.Options, console *slog.Logger, isDemo bool) int {
	p := &process{load: o, console: console, demo: isDemo, ready: daemon.OpenReady()}
	p.pin()
	var err error
	if p.program, err = daemon.ThisProgram(); err != nil {
		return p.fail(codeOther, err)
	}
	if p.inherited, err = protocol.Inherit(); err != nil {
		return p.fail(codeOther, err)
	}
	f, err := loadToRun(p.load)
	if err != nil {
		p.failed(err.Error())
		return logErrors(console, err)
	}
	// Who was started with sockets is in the background already, or has one who looks after it, as has
	// who is to tell a supervisor how it does.
	if f.Daemon() && !isDemo && !p.ready.Child() && p.inherited == nil && !daemon.Supervised() {
		return background(f, console)
	}
	// From here on no signal ends the process by itself: once the pid file is there, they come.
	signals, stop := daemon.Signals()
	defer stop()
	defer p.close()
	if code := p.prepare(f); code != 0 {
		return code
	}
	if code := p.start(f); code != 0 {
		return code
	}
	return p.serve(signals)
}

// loadToRun reads a configuration on which the server can run: option -t takes some more.
func loadToRun(o conf.Options) (*conf.File, error) {
	f, err := conf.Load(o)
	if err != nil {
		return nil, err
	}
	if start := f.StartErrors(); len(start) > 0 {
		return nil, start
	}
	return f, nil
}

// background leaves the server to a process of its own.
func background(f *conf.File, console *slog.Logger) int {
	if r := f.Root(); r.String("srs_log_tank") == "file" {
		file := r.String("srs_log_file")
		if !filepath.IsAbs(file) {
			file = filepath.Join(r.String("work_dir"), file)
		}
		console.Info("srsd goes to the background, its log is " + file)
	}
	said, code, err := daemon.Detach()
	if err != nil {
		console.Error(err.Error())
		return codeOther
	}
	if code != 0 {
		console.Error(said)
	}
	return code
}

// pin has relative paths read from where the process was started, also after it went to work_dir and
// is told to reload.
func (p *process) pin() {
	dir, err := os.Getwd()
	if err != nil {
		return
	}
	p.dir = dir
	p.load.ReadFile = func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return os.ReadFile(name)
	}
}

// fail tells why the start failed, where somebody reads it.
func (p *process) fail(code int, err error) int {
	text := describe(code) + " : " + err.Error()
	if p.log != nil {
		p.log.Error(describe(code), "err", err)
	}
	if p.out == nil || p.out.IsFile() {
		p.console.Error(text)
	}
	p.failed(text)
	return code
}

// prepare makes the process what the configuration wants: its directory, log and pid file.
func (p *process) prepare(f *conf.File) int {
	r := f.Root()
	if dir := r.String("work_dir"); dir != "" {
		if err := os.Chdir(dir); err != nil {
			return p.fail(codeOther, fmt.Errorf("work_dir: %w", err))
		}
	}
	if err := p.openLog(f); err != nil {
		return p.fail(codeOther, err)
	}
	p.openSupervisor()
	if p.demo {
		return 0
	}
	if code := p.lockPID(r.String("pid")); code != 0 {
		return code
	}
	if r.Bool("asprocess") {
		if p.parent = os.Getppid(); p.parent == 1 {
			return p.fail(codeOrphaned, errors.New("asprocess: there is no parent process to follow"))
		}
	}
	return 0
}

func (p *process) openLog(f *conf.File) (err error) {
	r := f.Root()
	if r.String("srs_log_tank") == "file" {
		if p.out, err = srslog.OpenFile(r.String("srs_log_file"), rotation(f)); err != nil {
			return err
		}
	} else {
		p.out = srslog.NewOutput(os.Stdout)
	}
	p.setLog(f)
	p.log = slog.New(srslog.NewFormat(r.String("log_format"), p.out, srslog.Options{
		Level: &p.level, UTC: r.Bool("utc_time"), Color: p.out.Terminal, GOPCache: p.gopCache,
		Secrets: func() []string { return *p.secrets.Load() },
	}))
	p.out.OnLoss(func(lines int64, err error) {
		p.log.Warn("the log could not be written for a while", "lost", lines, "err", err)
	})
	slog.SetDefault(p.log)
	return nil
}

// rotation is what keeps the log file from growing.
func rotation(f *conf.File) srslog.Rotation {
	r := f.Root()
	return srslog.Rotation{MaxSize: int64(r.Int("srs_log_max_size")) << 20, MaxFiles: r.Int("srs_log_max_files")}
}

// gopCache is what the configuration of the moment says of a stream's GOP cache.
func (p *process) gopCache(k stream.Key) (on bool, frames int) {
	s, _ := p.cfg.Load().Settings(k)
	return !s.NoCache, max(s.CacheFrames, 0)
}

// setLog has the log follow what the configuration says of it that can change at run time.
func (p *process) setLog(f *conf.File) {
	secrets := f.Secrets()
	p.secrets.Store(&secrets)
	p.out.SetRotation(rotation(f))
	p.level.Set(srslog.ParseLevel(f.Root().String("srs_log_level"), f.Root().String("srs_log_level_v2")))
}

// start brings the server up.
func (p *process) start(f *conf.File) int {
	r := f.Root()
	attrs := []any{"pid", os.Getpid(), "cpus", runtime.GOMAXPROCS(0), "go", runtime.Version()}
	id := "" // a random one
	if !p.demo {
		var err error
		if id, err = daemon.ServerID(r.String("server_id"), r.String("pid")); err != nil {
			p.log.Warn(err.Error())
		}
		attrs = append(attrs, "server", id)
	}
	if f.Path() != "" {
		attrs = append(attrs, "config", f.Path())
	}
	p.log.Info(cli.Signature+" starts", attrs...)
	p.warn(f)
	cfg, err := apply.New(f, p.log, nil)
	if err != nil {
		return p.fail(codeOther, err)
	}
	cfg.Commit(nil)
	sc := cfg.Server()
	sc.Inherited, sc.ServerID = p.inherited, id
	p.openRaw()
	p.srv = protocol.NewServer(sc, p.modules(cfg)...)
	p.srv.Hub().SetSettings(cfg.Settings)
	p.cfg.Store(cfg)
	if err := p.srv.Start(context.Background()); err != nil {
		code := codeOther
		if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			code = codeListen
		}
		return p.fail(code, err)
	}
	for _, l := range cfg.Server().HTTP {
		p.log.Info(l.Name+" listens", "addrs", l.Listen, "https", l.CertFile != "")
	}
	p.log.Info("the server is up")
	p.serving()
	return 0
}

// warn tells what the configuration has that the operator should know of.
func (p *process) warn(f *conf.File) {
	for _, w := range f.Warnings() {
		p.log.Warn(w.String())
	}
	for _, text := range apply.Warnings(f) {
		p.log.Warn(text)
	}
}

func (p *process) modules(cfg *apply.Config) []protocol.Module {
	list := cfg.Modules(p.control())
	if p.demo {
		list = append(list, demo.New(demo.Config{Addresses: demo.AddressesOf(cfg.File().Root()), Out: os.Stdout}))
	}
	return list
}

// uploadTime bounds how long the end waits for files that are on their way to a bucket: what does not get
// there is sent by the next start.
const uploadTime = 10 * time.Second

func (p *process) close() {
	if cfg := p.cfg.Load(); cfg != nil {
		ctx, cancel := context.WithTimeout(context.Background(), uploadTime)
		cfg.CloseUploads(ctx)
		cancel()
	}
	if p.pid != nil {
		_ = p.pid.Close()
	}
	if p.supervisor != nil {
		_ = p.supervisor.Close()
	}
	if p.out != nil {
		_ = p.out.Close()
	}
}

// serve does what signals ask for until one ends the server.
func (p *process) serve(signals <-chan os.Signal) int {
	printer := pithy.Start(p.srv.Hub(), p.log, pithySource{&p.cfg})
	defer printer.Stop()
	orphaned, enough := p.followParent()
	defer enough()
	defer p.watch()()
	defer p.supervisor.Watch(func() { p.srv.Conns(); p.srv.Hub().Sessions() })()
	for {
		select {
		case s := <-signals:
			if p.handle(daemon.KindOf(s), signals) {
				p.log.Info("srsd ended")
				return 0
			}
		case <-p.reloads:
			_ = p.reload(context.Background())
		case <-orphaned:
			p.log.Error(describe(codeOrphaned) + " : asprocess: the parent process is gone")
			p.stop()
			return codeOrphaned
		}
	}
}

// pithySource gives pithy what the configuration of the moment says.
type pithySource struct{ cfg *atomic.Pointer[apply.Config] }

func (s pithySource) Interval() time.Duration {
	return s.cfg.Load().File().Root().Duration("pithy_print_ms")
}

func (s pithySource) Vhost(name string) apply.Pithy { return s.cfg.Load().Pithy(name) }
