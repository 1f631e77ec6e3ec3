package prediction

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// sceneLife bounds the processes of a trial whatever happens.
const sceneLife = 5 * time.Minute

// Scene is a trial under way: a bench, and what goes on in it.
//
// Its operations keep the first failure, see [Scene.Failed], and do nothing after
// it, so that a load reads as a plain list of what happens.
type Scene struct {
	*lab.Bench
	// Family is the version of IP to run with.
	Family lab.Family
	// Port is that of the server's listener.
	Port uint16

	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	err      error
	server   *lab.Actor
	backlog  int // what the application passes to listen()
	actors   []*lab.Actor
	clients  []*lab.Actor
	visitors []*Group
	peers    []*lab.Peer
	hosts    []*Host
	notes    map[string]float64
	cohort   cohort // of loads that have one
	began    time.Time
	late     time.Duration // the longest time that something had to wait for its turn
}

// newScene makes the bench of a trial.
func newScene(f lab.Family, cancel context.CancelCauseFunc) (*Scene, error) {
	bench, err := lab.NewBench()
	if err != nil {
		return nil, err
	}
	return &Scene{Bench: bench, Family: f, Port: bench.Port(), cancel: cancel, notes: map[string]float64{}, began: time.Now()}, nil
}

// clockEvery is how often a scene looks whether it is late.
const clockEvery = 10 * time.Millisecond

// watchClock notes by how much a goroutine that only waits is late: on a machine
// that has too much to do, a load is not what it is said to be.
func (s *Scene) watchClock(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		s.noteLate(now.Sub(last) - clockEvery)
		last = now
	}
}

// noteLate notes that something happened later than it should have.
func (s *Scene) noteLate(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = max(s.late, by)
}

// takeLate returns how late the scene has been since the last call.
func (s *Scene) takeLate() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.late
	s.late = 0
	return late
}

// Fail ends the trial. A nil error does nothing.
func (s *Scene) Fail(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.cancel(err)
	}
}

// Failed reports whether the trial has ended before its time.
func (s *Scene) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

// side returns a side's namespace.
func (s *Scene) side(of lab.Side) *netns.Handle {
	if of == lab.ClientSide {
		return s.Bench.Client
	}
	return s.Bench.Server
}

// Set changes a parameter on one side.
func (s *Scene) Set(of lab.Side, key string, value any) {
	if !s.Failed() {
		s.Fail(lab.SetSysctl(s.side(of), key, fmt.Sprint(value)))
	}
}

// Target is where clients connect.
func (s *Scene) Target() netip.AddrPort {
	return netip.AddrPortFrom(s.ServerAddr(s.Family), s.Port)
}

// Serve starts the server, on the server's side and on all addresses unless the
// part says otherwise.
func (s *Scene) Serve(ctx context.Context, spec lab.Server) { s.ServeOn(ctx, lab.ServerSide, spec) }

// ServeOn starts the server on one of the sides.
func (s *Scene) ServeOn(ctx context.Context, on lab.Side, spec lab.Server) {
	if s.Failed() {
		return
	}
	if len(spec.Listen) == 0 {
		spec.Listen = []netip.AddrPort{netip.AddrPortFrom(s.Family.Wildcard(), s.Port)}
	}
	a, err := lab.StartServer(ctx, s.side(on), spec, sceneLife)
	if err != nil {
		s.Fail(err)
		return
	}
	s.keep(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server, s.backlog = a, spec.Backlog
}

// Connect starts clients on the client's side that connect to the server unless
// the part says otherwise.
func (s *Scene) Connect(ctx context.Context, spec lab.Client) {
	s.ConnectFrom(ctx, lab.ClientSide, spec)
}

// ConnectFrom starts clients on one of the sides.
func (s *Scene) ConnectFrom(ctx context.Context, from lab.Side, spec lab.Client) {
	if s.Failed() {
		return
	}
	if !spec.To.IsValid() {
		spec.To = s.Target()
	}
	a, err := lab.StartClient(ctx, s.side(from), spec, sceneLife)
	if err != nil {
		s.Fail(err)
		return
	}
	s.keep(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, a)
}

// keep ends an actor with the scene, and the scene with the actor.
func (s *Scene) keep(a *lab.Actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actors = append(s.actors, a)
	s.work.Go(func() {
		<-a.Ended()
		s.Fail(a.Err())
	})
}

// UpdateServer changes the part that the server plays.
func (s *Scene) UpdateServer(change func(*lab.Server)) {
	if s.Failed() {
		return
	}
	spec := s.server.Server()
	change(&spec)
	s.Fail(s.server.UpdateServer(spec))
}

// orderSeen is how soon an actor sees an order: it looks for one every 100 ms.
const orderSeen = 130 * time.Millisecond

// Stall keeps the server from accepting for a while, during which connections come.
// A server that goes on too late makes the scene late.
func (s *Scene) Stall(ctx context.Context, d time.Duration) {
	began := time.Now()
	s.UpdateServer(func(spec *lab.Server) { spec.Stalled = true })
	s.Pause(ctx, d)
	s.UpdateServer(func(spec *lab.Server) { spec.Stalled = false })
	if s.Failed() {
		return
	}
	before := s.server.Status().Accepted
	err := s.server.Until(ctx, "the end of a stall", func(got lab.Status) bool { return got.Accepted > before })
	s.Fail(ended(ctx, err))
	s.noteLate(time.Since(began) - d - orderSeen)
}

// orderTakes is longer than an actor needs to carry out an order.
const orderTakes = 300 * time.Millisecond

// Relisten has the server call listen() again with the backlog it is to use now.
// The lab's server calls it for a changed backlog only, hence the detour.
func (s *Scene) Relisten(ctx context.Context) {
	if s.server == nil {
		return
	}
	s.mu.Lock()
	backlog := s.backlog
	s.mu.Unlock()
	s.UpdateServer(func(spec *lab.Server) { spec.Backlog = backlog + 1 })
	s.Pause(ctx, orderTakes)
	s.UpdateServer(func(spec *lab.Server) { spec.Backlog = backlog })
	s.Pause(ctx, orderTakes)
}

// SetBacklog changes what the server passes to listen() from the next call on.
func (s *Scene) SetBacklog(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = n
}

// Listener returns the server's listener as the kernel shows it.
func (s *Scene) Listener(of lab.Side) lab.Socket {
	if s.Failed() {
		return lab.Socket{}
	}
	found, err := lab.Sockets(s.side(of), lab.Listen)
	s.Fail(err)
	for _, l := range found {
		if l.Local.Port() == s.Port {
			return l
		}
	}
	s.Fail(fmt.Errorf("prediction: nothing listens on port %d", s.Port))
	return lab.Socket{}
}

// Count counts the sockets of one side that are in one of the states, listeners'
// port or not.
func (s *Scene) Count(of lab.Side, states ...lab.State) int {
	if s.Failed() {
		return 0
	}
	found, err := lab.Sockets(s.side(of), states...)
	s.Fail(err)
	return len(found)
}

// Go runs something beside the trial until ctx ends. An error ends the trial.
func (s *Scene) Go(fn func() error) {
	s.work.Go(func() { s.Fail(fn()) })
}

// Pause waits; the end of ctx fails the trial.
func (s *Scene) Pause(ctx context.Context, d time.Duration) {
	if s.Failed() {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		s.Fail(context.Cause(ctx))
	}
}

// lookEvery is the pause between two looks at the kernel while waiting.
const lookEvery = 50 * time.Millisecond

// Until waits for a condition and fails the trial if it does not come about within
// patience. It returns how long it took.
func (s *Scene) Until(ctx context.Context, what string, patience time.Duration, holds func() bool) time.Duration {
	began := time.Now()
	for !s.Failed() && !holds() {
		if time.Since(began) > patience {
			s.Fail(fmt.Errorf("prediction: waited %v in vain for %s", patience, what))
		}
		s.Pause(ctx, lookEvery)
	}
	return time.Since(began)
}

// Note keeps a value that a load has measured itself, for [Sample.Note].
func (s *Scene) Note(name string, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[name] = value
}

// random returns a generator that gives every trial the same numbers.
func random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(1, stream)) }

// errEnded is why everything of a trial ends when it is over.
var errEnded = errors.New("prediction: the trial is over")

// close ends all that goes on, and lets go of the namespaces.
func (s *Scene) close() error {
	s.mu.Lock()
	if s.err == nil {
		s.err = errEnded
	}
	s.mu.Unlock()
	s.cancel(errEnded)
	var errs []error
	for _, p := range s.peers {
		errs = append(errs, p.Close())
	}
	for _, h := range s.hosts {
		h.close()
	}
	for _, a := range s.actors {
		errs = append(errs, a.Close())
	}
	s.work.Wait()
	// An orphan keeps its namespace alive, and asks for its retries at each timer.
	for _, side := range []lab.Side{lab.ServerSide, lab.ClientSide} {
		_ = lab.SetSysctl(s.side(side), "net.ipv4.tcp_orphan_retries", "1")
	}
	return errors.Join(append(errs, s.Bench.Close())...)
}
