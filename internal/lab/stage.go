package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// pollEvery is the pause between two looks at the kernel while waiting.
const pollEvery = 25 * time.Millisecond

// Stage is where one fault is made: a bench, which other faults may share, and
// what belongs to this fault alone. Its methods may be called from the goroutine
// of [Fault.Run] and from those started by [Stage.Go].
type Stage struct {
	*Bench
	// Family is the one to make the fault with.
	Family Family
	// Size and PerSecond are those of [Options], or of the fault.
	Size, PerSecond int
	// Rand is seeded by Options. It is not safe for concurrent use.
	Rand *rand.Rand

	fault  string
	port   uint16
	life   time.Duration
	ready  chan struct{}
	failed chan error // the first failure of something that should go on
	work   sync.WaitGroup

	mu     sync.Mutex
	actors []*Actor
	server *Actor
	client *Actor
	peers  []*Peer
	target netip.AddrPort
}

// SetServer changes a parameter of the server namespace. It refuses a value that
// contradicts another fault on the same bench.
func (s *Stage) SetServer(key, value string) error { return s.set(s.Bench.Server, s.fault, key, value) }

// SetClient changes a parameter of the client namespace, as SetServer does.
func (s *Stage) SetClient(key, value string) error { return s.set(s.Bench.Client, s.fault, key, value) }

// ServerPort is the port of this fault's listener.
func (s *Stage) ServerPort() uint16 { return s.port }

// Target is where clients of this fault connect, unless Aim has set another.
func (s *Stage) Target() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// StartServer starts a server process in the server namespace. Without addresses
// it listens on all of them at ServerPort. The first one started is the fault's.
func (s *Stage) StartServer(ctx context.Context, spec Server) (*Actor, error) {
	if len(spec.Listen) == 0 {
		spec.Listen = []netip.AddrPort{netip.AddrPortFrom(s.Family.Wildcard(), s.port)}
	}
	a, err := StartServer(ctx, s.Bench.Server, spec, s.life)
	if err != nil {
		return nil, err
	}
	s.keep(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		s.server = a
	}
	return a, nil
}

// StartClient starts a client process in the client namespace. Without an address
// it connects to Target. The first one started is the fault's.
func (s *Stage) StartClient(ctx context.Context, spec Client) (*Actor, error) {
	if !spec.To.IsValid() {
		spec.To = s.Target()
	}
	a, err := StartClient(ctx, s.Bench.Client, spec, s.life)
	if err != nil {
		return nil, err
	}
	s.keep(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		s.client = a
	}
	return a, nil
}

// keep ends an actor with the stage, and the stage with the actor.
func (s *Stage) keep(a *Actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actors = append(s.actors, a)
	s.work.Go(func() {
		<-a.Ended()
		s.fail(a.Err())
	})
}

// OpenPeer opens a raw peer that is closed with the stage.
func (s *Stage) OpenPeer() (*Peer, error) {
	p, err := s.Peer()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = append(s.peers, p)
	return p, nil
}

// NeedDescriptors fails unless one process may open count files and a few more.
func (s *Stage) NeedDescriptors(count int) error {
	const more = 64
	limit, err := descriptorLimit()
	if err == nil && limit < uint64(count+more) {
		err = fmt.Errorf("lab: a process of %s needs %d descriptors, but the hard limit here is %d (ulimit -Hn)",
			s.fault, count+more, limit)
	}
	return err
}

// Go runs something beside Run. An error ends the stage.
func (s *Stage) Go(fn func() error) {
	s.work.Go(func() {
		if err := fn(); err != nil {
			s.fail(err)
		}
	})
}

func (s *Stage) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Ready says that the fault stands.
func (s *Stage) Ready() { close(s.ready) }

// Keep waits until ctx ends, and fails if an actor or something begun with Go
// ends before.
func (s *Stage) Keep(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
}

// Stand is what most faults end with: Ready and then Keep.
func (s *Stage) Stand(ctx context.Context) error {
	s.Ready()
	return s.Keep(ctx)
}

// Until waits until holds reports true. It fails when ctx ends or the stage
// does; what describes the condition in the error.
func (s *Stage) Until(ctx context.Context, what string, holds func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := holds()
		if err != nil {
			return fmt.Errorf("lab: wait for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-s.failed:
			return fmt.Errorf("lab: wait for %s: %w", what, err)
		case <-ctx.Done():
			return fmt.Errorf("lab: wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// Listener returns the listener of this fault.
func (s *Stage) Listener() (Socket, error) {
	sockets, err := Sockets(s.Bench.Server, Listen)
	if err != nil {
		return Socket{}, err
	}
	i := slices.IndexFunc(sockets, func(l Socket) bool { return l.Local.Port() == s.port })
	if i < 0 {
		return Socket{}, fmt.Errorf("lab: nothing listens on port %d", s.port)
	}
	return sockets[i], nil
}

// CountServer counts the sockets of the server namespace that belong to this
// fault's port and are in one of the states.
func (s *Stage) CountServer(states ...State) (int, error) {
	sockets, err := Sockets(s.Bench.Server, states...)
	count := 0
	for _, socket := range sockets {
		if socket.Local.Port() == s.port {
			count++
		}
	}
	return count, err
}

// UntilCount waits until at least so many sockets of CountServer are there.
func (s *Stage) UntilCount(ctx context.Context, count int, states ...State) error {
	return s.Until(ctx, fmt.Sprintf("%d sockets in %v", count, states), func() (bool, error) {
		got, err := s.CountServer(states...)
		return got >= count, err
	})
}

// UntilCounter waits until a counter of the server namespace has grown by
// at least by since the call.
func (s *Stage) UntilCounter(ctx context.Context, name string, by int64) error {
	before, err := ReadCounters(s.Bench.Server)
	if err != nil {
		return err
	}
	return s.Until(ctx, fmt.Sprintf("%s to grow by %d", name, by), func() (bool, error) {
		now, err := ReadCounters(s.Bench.Server)
		return now[name]-before[name] >= by, err
	})
}

// close ends what the stage has started.
func (s *Stage) close() error {
	var errs []error
	s.mu.Lock()
	actors, peers := s.actors, s.peers
	s.mu.Unlock()
	for _, p := range peers {
		errs = append(errs, p.Close())
	}
	for _, a := range actors {
		errs = append(errs, a.Close())
	}
	s.work.Wait()
	return errors.Join(errs...)
}
