package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// WatchOptions says what a [Watcher] looks at. The zero value watches all network
// namespaces of the host.
type WatchOptions struct {
	// Proc is where the host's proc is mounted; "" means /proc.
	Proc string
	// Namespaces lists what to watch, at every Refresh; nil lists all that the
	// host shows. The handles belong to the watcher from then on. A namespace
	// that comes again may come as the same handle or as another; one that does
	// not come is let go, unless nothing but errors came.
	Namespaces func(context.Context) ([]*netns.Handle, []error)
	// Poll is the least time between two rounds of polls; 0 means a second.
	Poll time.Duration
	// PollShare is how much of one CPU the polls between ticks may take before
	// they come more rarely; 0 means 0.002.
	PollShare float64
	// TickDeadline bounds a tick as a whole; 0 means 5 s. Each collector has a
	// limit of its own beside.
	TickDeadline time.Duration
	// WalkDeadline bounds the walk over one namespace; 0 means 20 s.
	WalkDeadline time.Duration
	// OwnerShare is how much of one CPU the search for the owners of sockets may
	// take over time, 0 means 0.002; OwnerDeadline bounds one search, 0 means 5 s.
	OwnerShare    float64
	OwnerDeadline time.Duration
	// CensusEntries bounds how many groups and samples the censuses of all
	// namespaces keep together, each of some 200 bytes; 0 means 32,768.
	CensusEntries int
}

func (o WatchOptions) withDefaults() (WatchOptions, error) {
	if o.Poll < 0 || o.TickDeadline < 0 || o.WalkDeadline < 0 || o.OwnerDeadline < 0 ||
		o.PollShare < 0 || o.OwnerShare < 0 || o.CensusEntries < 0 {
		return o, fmt.Errorf("sockdiag: watch: a negative time, share or number in %+v", o)
	}
	setDefault(&o.Poll, time.Second)
	setDefault(&o.PollShare, 0.002)
	setDefault(&o.TickDeadline, 5*time.Second)
	setDefault(&o.WalkDeadline, 20*time.Second)
	setDefault(&o.OwnerShare, 0.002)
	setDefault(&o.OwnerDeadline, 5*time.Second)
	setDefault(&o.CensusEntries, 32768)
	return o, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Watcher watches the namespaces of a host for as long as it is open: the
// continuous counterpart of [Collect]. Refresh finds the namespaces, Poll looks at
// their listeners, Tick takes a window of counters and listeners since the tick
// before, and Walk completes that window with a walk over all sockets.
//
// The methods may be called at the same time: a walk over a million sockets holds
// up neither polls nor ticks. What hangs in the kernel is a gap until it comes
// back, and never holds up anything else for longer than its limit.
//
// Windows share maps and slices with the watcher and with each other: nobody may
// change what is in them.
type Watcher struct {
	o WatchOptions

	// What touches the kernel; tests put something else here.
	list      func(context.Context) (places []place, complete bool, errs []error)
	newSource func(place) source
	letGo     func(place)
	host      func(context.Context) hostFacts
	shared    func(context.Context) (facts.Shared, []facts.Gap)
	log       func(context.Context) ([]facts.LogLine, error)
	owners    ownerFinder
	cpu       func() float64 // seconds that the process has used
	closing   func()

	refreshing sync.Mutex // one Refresh at a time
	walking    sync.Mutex // one Walk at a time
	hurry      atomic.Bool

	state    sync.Mutex // guards what follows; held while polling and ticking
	members  []*watchedNamespace
	closed   bool
	seen     hostFacts
	listGaps []facts.Gap
	begun    time.Time // of the window under way
	last     facts.Shared
	// pollEvery is how far apart polls are, nextPoll when the next one is due.
	pollEvery time.Duration
	nextPoll  time.Time

	mu     sync.Mutex // guards what follows
	stats  WatchStats
	oldest time.Time // when the oldest census was taken
}

// place is a namespace that was listed.
type place struct {
	namespace facts.Namespace
	handle    *netns.Handle
}

// sameAs reports whether two listings mean the same namespace. The cookie tells
// best; without one, the inode does as long as our own handle is open.
func (p place) sameAs(n facts.Namespace) bool {
	return p.namespace.Cookie == n.Cookie && p.namespace.Inode == n.Inode
}

// hostFacts is what is read of the host at every Refresh.
type hostFacts struct {
	host       facts.Host
	settings   map[string]string
	showsBound bool
	gaps       []facts.Gap
}

// HurryOwners has the next Walk look for owners whatever that costs: somebody wants
// to know who it is.
func (w *Watcher) HurryOwners() { w.hurry.Store(true) }

// ownerFinder names the processes that hold sockets.
type ownerFinder interface {
	// ofListeners names those of the listeners, at next to no cost.
	ofListeners(ctx context.Context, wants []want) ([]facts.Process, []facts.Gap)
	// ofAll names those of everything that is wanted, and looks for them where it
	// has to. With each namespace that has nothing but TIME_WAIT towards some
	// destination comes its only member.
	ofAll(ctx context.Context, wants []want, only []int) ([]facts.Process, []facts.Gap)
	// hurry has the next search done at once.
	hurry()
}

// watchedNamespace is one namespace that is watched.
type watchedNamespace struct {
	member
	place   place
	lasting []facts.Gap // of the settings
	checked time.Time   // when the settings were read
	start   lastReading
	last    lastWalk
}

// lastReading is what the next window begins with.
type lastReading struct {
	at        time.Time
	counters  facts.Counters
	gauges    facts.Gauges
	listeners []facts.Listener
	polled    bool // whether the listeners are of the same moment
}

// lastWalk is what the next walk is compared with.
type lastWalk struct {
	at      time.Time // when it ended
	census  facts.Census
	traffic traffic // at the tick before
}

// WatchStats is what a watcher did so far and what that cost.
type WatchStats struct {
	Namespaces int
	// Unwalked are those without a census. CensusAge is the age of the oldest
	// census of the others.
	Unwalked  int
	CensusAge time.Duration
	// The parts of the work.
	Refresh, Poll, Tick, Walk, Owners PartCost
	// Errors counts what could not be read, by source.
	Errors map[facts.Source]uint64
	// Outstanding is how many calls have not come back from the kernel.
	Outstanding int
}

// PartCost is what one part of the work cost. CPU is that of the whole process
// while the part ran, so beside other work it is an upper bound.
type PartCost struct {
	Runs              uint64
	CPU               time.Duration // over all runs
	LastCPU, LastWall time.Duration
}

// ErrWatcherClosed says that a watcher was used after its end.
var ErrWatcherClosed = errors.New("sockdiag: watcher is closed")

// measure runs one part of the work and notes what it cost.
func (w *Watcher) measure(part func(*WatchStats) *PartCost) (done func() PartCost) {
	began, cpu := time.Now(), w.cpu()
	return func() PartCost {
		wall := time.Since(began)
		used := time.Duration((w.cpu() - cpu) * float64(time.Second))
		w.mu.Lock()
		defer w.mu.Unlock()
		p := part(&w.stats)
		p.Runs++
		p.CPU += used
		p.LastCPU, p.LastWall = used, wall
		return PartCost{Runs: 1, CPU: used, LastCPU: used, LastWall: wall}
	}
}

// failed counts what could not be read.
func (w *Watcher) failed(gaps ...facts.Gap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range gaps {
		if w.stats.Errors == nil {
			w.stats.Errors = make(map[facts.Source]uint64)
		}
		w.stats.Errors[g.Source]++
	}
}

// Stats returns what the watcher did so far. It never waits for the kernel: what it
// tells of the namespaces is as of the last tick, walk or refresh.
func (w *Watcher) Stats() WatchStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Errors = maps.Clone(s.Errors)
	if !w.oldest.IsZero() {
		s.CensusAge = time.Since(w.oldest)
	}
	return s
}

// sumUp notes how things stand; the state is held.
func (w *Watcher) sumUp() {
	var unwalked, outstanding int
	var oldest time.Time
	for _, m := range w.members {
		if o, ok := m.src.(interface{ outstanding() int }); ok {
			outstanding += o.outstanding()
		}
		switch {
		case m.last.at.IsZero():
			unwalked++
		case oldest.IsZero() || m.last.at.Before(oldest):
			oldest = m.last.at
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Namespaces, w.stats.Unwalked, w.stats.Outstanding = len(w.members), unwalked, outstanding
	w.oldest = oldest
}

// Poll looks at the listeners of all namespaces once, and returns how long to wait
// before the next time: longer where a round has become expensive. Called too
// early it does nothing.
func (w *Watcher) Poll(ctx context.Context) (wait time.Duration) {
	w.state.Lock()
	defer w.state.Unlock()
	began := time.Now()
	if early := w.nextPoll.Sub(began); early > 0 {
		return early
	}
	done := w.measure(func(s *WatchStats) *PartCost { return &s.Poll })
	open := w.open()
	sweepOver(ctx, len(open), lookLimit, func(ctx context.Context, i int) func() {
		found, err := open[i].lookAt(ctx)
		return func() { w.polled(open[i], found, err) }
	}, func(i int, err error) { w.polled(open[i], nil, err) })
	// One thread did it, so that it cost no more than it took, whatever else the
	// process does.
	cost := done()
	used := min(cost.LastCPU, cost.LastWall)
	w.pollEvery = max(w.o.Poll, time.Duration(float64(used)/w.o.PollShare))
	w.nextPoll = began.Add(w.pollEvery)
	return time.Until(w.nextPoll)
}

// lookLimit is how long a tick, or a poll, may take for one namespace, where it
// normally takes some hundred microseconds.
const lookLimit = 2 * time.Second

// open returns the namespaces that could be opened; the state is held.
func (w *Watcher) open() []*watchedNamespace {
	return slices.DeleteFunc(slices.Clone(w.members), func(m *watchedNamespace) bool { return m.failed != nil })
}

// polled notes what a poll of one namespace saw, and whether it saw anything.
func (w *Watcher) polled(m *watchedNamespace, found []facts.Listener, err error) bool {
	m.member.polled(found, err)
	if err != nil {
		w.failed(facts.Gap{Source: facts.SourceListeners})
	}
	return err == nil
}

// Close lets go of everything. What hangs in the kernel is left to end by itself.
func (w *Watcher) Close() error {
	w.state.Lock()
	defer w.state.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	for _, m := range w.members {
		w.forget(m)
	}
	w.members = nil
	w.sumUp()
	w.closing()
	return nil
}

func (w *Watcher) forget(m *watchedNamespace) {
	m.src.close()
	w.letGo(m.place)
}

// begin starts another window.
func (m *watchedNamespace) begin() {
	m.window = facts.NamespaceWindow{
		Namespace: m.place.namespace, Settings: m.window.Settings, Gaps: slices.Clone(m.lasting),
	}
	m.polls, m.pollsFailed, m.pollFailure = 0, 0, nil
	m.watches.next()
}

// find returns the watched namespace of a listed one.
func find(members []*watchedNamespace, p place) *watchedNamespace {
	i := slices.IndexFunc(members, func(m *watchedNamespace) bool { return p.sameAs(m.place.namespace) })
	if i < 0 {
		return nil
	}
	return members[i]
}
