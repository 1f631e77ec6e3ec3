package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tcpdoctor/tcpdoctor/internal/agent"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/notify"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// memoryLimit is what the Go runtime tries to stay below, unless GOMEMLIMIT says
// otherwise: the agent promises 64 MiB, with its program and its stacks.
const memoryLimit = 40 << 20

// daemon is a running agent and everything around it.
type daemon struct {
	o       *agentOptions
	began   settings                 // those it was started with
	now     atomic.Pointer[settings] // those in force
	log     *slog.Logger
	store   *history.Store
	aside   string // what was said of a damaged history
	outbox  outbox
	source  *liveSource
	server  *web.Server // nil where nothing listens
	agent   *agent.Agent
	service agent.Service
}

// newDaemon opens everything; nothing runs yet.
func newDaemon(ctx context.Context, o *agentOptions, s settings) (*daemon, error) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	d := &daemon{o: o, began: s, log: s.Agent.Log.logger(o.io.Err)}
	d.now.Store(&s)
	if err := d.openStore(); err != nil {
		return nil, err
	}
	if err := d.open(ctx); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *daemon) open(ctx context.Context) error {
	var err error
	if d.source, err = newLiveSource(d.began.Agent.Netns, d.began.Agent.Budget); err != nil {
		return err
	}
	if len(d.began.Agent.Listen) > 0 {
		d.server, err = web.New(web.Options{
			Listen: d.began.Agent.Listen, ConfigFile: d.began.Agent.WebConfig, History: past{d.store}, Logger: d.log, Version: version(),
		})
		if err != nil {
			return err
		}
	}
	if err := d.declare(ctx, d.began); err != nil {
		return err
	}
	options := agent.Options{
		Config: d.began.agentConfig(), Source: d.source, Store: d.store, Outbox: &d.outbox, Publish: d.publish,
		Alive: d.service.Alive, Log: d.log, Version: version(),
	}
	if r := d.began.Agent.Recordings; r.Windows > 0 {
		options.Recorder = history.NewRecorder(filepath.Join(d.began.stateDir(), history.RecordingFolder), history.RecorderOptions{
			Windows: r.Windows, Files: r.Files, DiskBytes: int64(r.MaxSize),
		})
	}
	d.agent = agent.New(options)
	return nil
}

// openStore opens the history, or begins one in memory where the disk cannot
// hold it. Another agent, or the history of a newer one, is no such reason.
func (d *daemon) openStore() error {
	dir := d.began.stateDir()
	o := history.Options{MaxBytes: int64(d.began.Agent.History.MaxSize), MaxAge: d.began.Agent.History.MaxAge, QueueMax: d.began.Agent.History.Queue}
	err := os.MkdirAll(dir, 0o750)
	if err == nil {
		d.store, err = history.Open(filepath.Join(dir, history.DefaultFile), o)
	}
	_, locked := errors.AsType[*history.LockedError](err)
	_, newer := errors.AsType[*history.NewerSchemaError](err)
	switch {
	case locked || newer:
		return err
	case err != nil:
		d.log.Error("what is found will be forgotten with this process: the history cannot be kept on disk", "error", message(err))
		o.MaxBytes = 0
		d.store = history.NewMemory(o)
		return nil
	}
	d.tellMovedAside()
	return nil
}

// tellMovedAside logs once that the history was found damaged.
func (d *daemon) tellMovedAside() {
	if aside := d.store.MovedAside(); aside != nil && aside.Error() != d.aside {
		d.aside = aside.Error()
		d.log.Warn("the history was damaged; a new one begins", "error", message(aside))
	}
}

// declare has the receivers of the settings told from now on.
func (d *daemon) declare(ctx context.Context, s settings) error {
	next, err := notify.New(s.Receivers, queue{d.store}, notify.Options{Version: version(), Logger: d.log})
	if err != nil {
		return err
	}
	if err := d.store.Declare(s.Receivers.Names()); err != nil {
		return fmt.Errorf("queues of the receivers: %w", err)
	}
	// Sending goes on until the loop has ended, and ends by itself then.
	d.outbox.use(context.WithoutCancel(ctx), next)
	return nil
}

// run watches until ctx ends.
func (d *daemon) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var around sync.WaitGroup
	if d.server != nil {
		around.Go(func() {
			if err := d.server.Run(ctx); err != nil {
				cancel(err)
			}
		})
		if _, err := d.server.Addrs(ctx); err != nil {
			around.Wait()
			return context.Cause(ctx)
		}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	around.Go(func() { d.reloads(ctx, hangup) })
	around.Go(func() { d.applies(ctx) })
	d.service.Ready()
	d.log.Info("watching", "netns", d.began.Agent.Netns, "every", d.began.Agent.Tick, "listen", d.began.Agent.Listen, "receivers", d.began.Receivers.Names())
	d.agent.Run(ctx)
	d.service.Stopping()
	cause := context.Cause(ctx)
	cancel(nil)
	around.Wait()
	if errors.Is(cause, context.Canceled) {
		d.log.Info("ended")
		return nil
	}
	return cause
}

// close ends what was opened, in the order in which it is needed.
func (d *daemon) close() {
	d.outbox.close()
	if d.source != nil {
		_ = d.source.Close() // what it let go of is gone either way
	}
	if err := d.store.Close(); err != nil {
		d.log.Error("the history could not be closed", "error", err)
	}
}

// reloads reads the settings again whenever a signal asks for it.
func (d *daemon) reloads(ctx context.Context, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		d.service.Reloading()
		d.reload(ctx)
		d.service.Ready()
	}
}

// reload goes on with new settings where nothing is wrong with them.
func (d *daemon) reload(ctx context.Context) {
	s, err := d.o.settings()
	if err != nil {
		d.log.Error("the new settings are wrong; the old ones stay in force", "error", message(err))
		return
	}
	for _, c := range []struct {
		key     string
		changed bool
	}{
		{"agent.listen", !slices.Equal(s.Agent.Listen, d.began.Agent.Listen)},
		{"agent.web-config", s.Agent.WebConfig != d.began.Agent.WebConfig},
		{"agent.netns", s.Agent.Netns != d.began.Agent.Netns},
		{"agent.history", s.Agent.History != d.began.Agent.History},
		{"agent.recordings", s.Agent.Recordings != d.began.Agent.Recordings},
		{"agent.log", s.Agent.Log != d.began.Agent.Log},
		{"state-dir", s.StateDir != d.began.StateDir},
	} {
		if c.changed {
			d.log.Warn("this setting is taken over when the agent is started again", "setting", c.key)
		}
	}
	if err := d.declare(ctx, s); err != nil {
		d.log.Error("the new receivers cannot be used; the old settings stay in force", "error", message(err))
		return
	}
	d.now.Store(&s)
	d.agent.Reload(s.agentConfig())
}

// publish adds what only the daemon knows to what the agent says, and shows it.
func (d *daemon) publish(s web.Snapshot) {
	d.tellMovedAside()
	if d.server == nil {
		return
	}
	s.Receivers = d.outbox.receivers()
	d.source.describe(&s)
	stats := d.store.Stats()
	s.Store.Bytes, s.Store.MaxBytes = stats.FileBytes, int64(d.began.Agent.History.MaxSize)
	s.Store.Errors += stats.Failures
	d.server.Publish(s)
}

// stateDir is where the agent remembers.
func (s *settings) stateDir() string { return cmp.Or(s.StateDir, sysctl.DefaultStateDir) }

// agentConfig is the settings as the loop takes them.
func (s *settings) agentConfig() agent.Config {
	host, _ := os.Hostname()
	return agent.Config{
		Tick: s.Agent.Tick, Budget: float64(s.Agent.Budget), Instance: cmp.Or(s.Agent.Instance, host, "localhost"),
		Thresholds: s.thresholds(), Incidents: s.Alerts.config(),
	}
}
