package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
)

// Source is where windows come from: the running kernel, or recordings.
type Source interface {
	// Refresh looks which namespaces there are.
	Refresh(ctx context.Context) error
	// Poll looks at the listeners; what it sees is in the window of the next tick.
	Poll(ctx context.Context)
	// Tick returns the window since the tick before, with counters and
	// listeners only.
	Tick(ctx context.Context) (facts.Window, error)
	// Walk completes the window of this tick with a walk over all sockets.
	Walk(ctx context.Context, w *facts.Window) error
	// HurryOwners has the next walk find out who holds sockets whatever that
	// costs.
	HurryOwners()
}

// Store is where the agent remembers: a disk, or memory where there is none.
type Store interface {
	// Commit keeps all of a tick, or nothing of it.
	Commit(history.Tick) error
	// State returns what the last tick kept for the next start; nil at first.
	State() ([]byte, error)
}

// Outbox is told when there is something to tell. It never blocks.
type Outbox interface {
	// Wake says that messages were queued.
	Wake()
	// SetActive says which alerts fire.
	SetActive([]incident.Alert)
}

// Recorder keeps the last windows, to be looked at when something was found.
type Recorder interface {
	// Add keeps a window for a while.
	Add(facts.Window) error
	// Write writes what is kept under the name of an incident, and returns what
	// the recording is called.
	Write(uid string) (string, error)
}

// Options are what an agent consists of. Config, Source and Store are needed.
type Options struct {
	Config   Config
	Source   Source
	Store    Store
	Outbox   Outbox
	Recorder Recorder
	// Publish is given what is known after every tick. It may add to it what
	// the agent does not know.
	Publish func(web.Snapshot)
	// Alive is called whenever the loop has gone round.
	Alive func(status string)
	Log   *slog.Logger
	// Version is that of the program.
	Version string
	// Clock tells the time of day and the time since boot; nil means the
	// system's. Pauses are the Go runtime's.
	Clock func() steady.Moment
}

// Agent watches one host.
type Agent struct {
	o      Options
	log    *slog.Logger
	pace   *pace
	judge  *judge
	reload chan Config

	snapshot web.Snapshot
	cpu      time.Duration // used by this process when it was last asked
	walked   bool          // whether the newest window holds a walk
	refused  history.Tick  // what the store did not take
	hurried  time.Time     // when owners were last wanted whatever it costs
	gaps     map[facts.Source]bool
}

// New makes an agent that continues where the store says the last one ended.
func New(o Options) *Agent {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = systemClock
	}
	a := &Agent{o: o, log: o.Log, reload: make(chan Config, 1), pace: newPace(o.Config.Tick, o.Config.Budget)}
	state, err := o.Store.State()
	if err == nil {
		a.judge, err = newJudge(o.Config, state)
	}
	if err != nil {
		// That is no reason not to watch.
		a.log.Warn("what the agent knew before cannot be read; it begins anew", "error", err)
		a.judge, _ = newJudge(o.Config, nil) // nothing can be wrong with nothing
	}
	if o.Outbox != nil {
		o.Outbox.SetActive(a.judge.tracker.Active())
		o.Outbox.Wake()
	}
	return a
}

// Reload has the agent go on with other settings, from the next tick on. It
// does not block.
func (a *Agent) Reload(c Config) {
	for {
		select {
		case a.reload <- c:
			return
		default:
		}
		select { // an older one that was not taken yet is obsolete
		case <-a.reload:
		default:
		}
	}
}

// Run watches until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	a.cpu = processorTime()
	next := time.Now()
	for ctx.Err() == nil {
		a.tick(ctx)
		next = next.Add(a.pace.interval)
		if now := time.Now(); next.Before(now) {
			a.snapshot.Pace.Late++
			next = now.Add(a.pace.interval)
		}
		a.wait(ctx, next)
	}
}

// pollEvery is the time between two looks at the listeners.
const pollEvery = time.Second

// wait polls the listeners until the next tick is due, and takes new settings.
func (a *Agent) wait(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-poll.C:
			a.o.Source.Poll(ctx)
			a.alive("")
		case c := <-a.reload:
			a.configure(c)
		}
	}
}

func (a *Agent) alive(status string) {
	if a.o.Alive != nil {
		a.o.Alive(status)
	}
}

// configure goes on with other settings.
func (a *Agent) configure(c Config) {
	a.o.Config = c
	a.pace.set(c.Tick, c.Budget)
	a.judge.configure(c)
	a.log.Info("new settings are in force")
}
