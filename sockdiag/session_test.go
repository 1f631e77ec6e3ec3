package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// fakeSource is a namespace whose answers take as long as a test wants.
type fakeSource struct {
	settings                    map[string]string
	openErr, walkErr, readErr   error
	pollErr                     error
	walkTakes, pollTakes        time.Duration
	all                         []facts.Socket
	queue                       func(poll int) uint32
	mu                          sync.Mutex
	events                      []string
	polls, walks, reads, closed int
	drops                       uint64
	more                        reading // what counters returns besides
}

func (f *fakeSource) note(event string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, event)
}

func (f *fakeSource) open(context.Context) (map[string]string, error) {
	f.note("open")
	if f.openErr != nil {
		return f.settings, f.openErr
	}
	if f.settings == nil {
		return map[string]string{portRangeKey: "32768 60999"}, nil
	}
	return f.settings, nil
}

func (f *fakeSource) listener() *facts.Socket {
	s := &facts.Socket{
		Cookie: 1, State: facts.Listen, Family: facts.IPv4, Inode: 11, SendQueue: 4,
		Local: netip.MustParseAddrPort("10.0.0.1:80"),
	}
	if f.queue != nil {
		s.RecvQueue = f.queue(f.polls)
	}
	return s
}

func (f *fakeSource) poll(ctx context.Context) ([]facts.Listener, error) {
	f.polls++
	if !sleepUntil(ctx, time.Now().Add(f.pollTakes)) {
		return nil, context.Cause(ctx)
	}
	if f.pollErr != nil {
		return nil, f.pollErr
	}
	return []facts.Listener{facts.ListenerOf(f.listener())}, nil
}

func (f *fakeSource) census(ctx context.Context, o facts.ReduceOptions) (facts.Census, error) {
	return facts.Reduce(f.sockets(ctx), o)
}

func (f *fakeSource) sockets(ctx context.Context) iter.Seq2[*facts.Socket, error] {
	return func(yield func(*facts.Socket, error) bool) {
		f.walks++
		f.note("walk")
		if !yield(f.listener(), nil) {
			return
		}
		for i := range f.all {
			if !yield(&f.all[i], nil) {
				return
			}
		}
		if !sleepUntil(ctx, time.Now().Add(f.walkTakes)) {
			yield(nil, ctx.Err())
			return
		}
		if f.walkErr != nil {
			yield(nil, f.walkErr)
		}
	}
}

func (f *fakeSource) counters(context.Context) (*reading, []facts.Gap, error) {
	f.note("counters")
	f.reads++
	if f.readErr != nil && f.reads > 1 {
		return nil, nil, f.readErr
	}
	f.drops += 5
	out := newReading()
	out.counters["TcpExt.ListenDrops"] = f.drops
	maps.Copy(out.counters, f.more.counters)
	maps.Copy(out.gauges, f.more.gauges)
	return out, []facts.Gap{{Source: facts.SourceConntrack, Reason: "forbidden"}}, nil
}

func (f *fakeSource) close() { f.closed++ }

// fakeSession makes a session over namespaces of inode numbers 1, 2, ...
func fakeSession(t *testing.T, o Options, sources ...*fakeSource) *session {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{options: o, budget: o.budgetFrom(time.Now()), workers: 2}
	for i, src := range sources {
		m := &member{src: src}
		m.window.Namespace.Inode = uint64(i + 1)
		s.members = append(s.members, m)
	}
	return s
}

func TestSessionOrderAndTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{walkTakes: 700 * time.Millisecond, queue: func(poll int) uint32 {
			if poll > 10 && poll <= 20 {
				return 5 // one more than the limit
			}
			return 1
		}}
		var phases []Phase
		s := fakeSession(t, Options{Window: 3 * time.Second, Progress: func(p Progress) {
			if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
				phases = append(phases, p.Phase)
			}
		}}, src)
		began := time.Now()
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 3*time.Second+2*src.walkTakes {
			t.Errorf("took %v, want the window and two walks", took)
		}
		if want := []string{"open", "walk", "counters", "counters", "walk"}; !slices.Equal(src.events, want) {
			t.Errorf("got %v, want %v", src.events, want)
		}
		if want := []Phase{PhaseStart, PhaseSampling, PhaseEnd}; !slices.Equal(phases, want) {
			t.Errorf("got phases %v, want %v", phases, want)
		}
		w := s.window
		n := w.Namespaces[0]
		if w.Seconds != 3 || n.Start.AtSeconds != 0 || n.End.AtSeconds != 3 {
			t.Errorf("got %v seconds from %v to %v, want 3 from 0", w.Seconds, n.Start.AtSeconds, n.End.AtSeconds)
		}
		if d, ok := facts.Delta(n.Start.Counters, n.End.Counters, "TcpExt.ListenDrops"); !ok || d != 5 {
			t.Errorf("got a rise of %d, want 5", d)
		}
		if len(n.Gaps) != 1 {
			t.Errorf("got gaps %v, want the one of both readings once", n.Gaps)
		}
		// A poll each 60 ms, except at the end, one before each walk, and the
		// walks themselves.
		if watch := n.Watches[0]; watch.Polls != 49+4 || watch.Full != 10 || watch.HighWater != 5 || watch.LowWater != 1 || watch.FullAtEnd {
			t.Errorf("got %+v, want 53 polls, 10 of them full", watch)
		}
		if w.Cost.Sockets != 2 {
			t.Errorf("got %d sockets, want the listener twice", w.Cost.Sockets)
		}
	})
}

func TestSessionOneInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		s := fakeSession(t, Options{}, src)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := s.window.Namespaces[0]
		if !n.Start.IsZero() || n.End.IsZero() || s.window.Seconds != 0 || s.window.SharedStart.Counters != nil {
			t.Errorf("got %+v, want an end only", n)
		}
		if src.walks != 1 || src.reads != 1 || n.Watches[0].Polls != 2 {
			t.Errorf("got %d walks, %d readings, %d polls", src.walks, src.reads, n.Watches[0].Polls)
		}
	})
}

// TestSessionUsesListeningPorts shows that connections of a port somebody
// listens on are inbound already in the first walk.
func TestSessionUsesListeningPorts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{all: []facts.Socket{{
			Cookie: 2, State: facts.Established, Family: facts.IPv4, Inode: 12,
			Local: netip.MustParseAddrPort("10.0.0.1:80"), Remote: netip.MustParseAddrPort("10.0.0.2:40000"),
		}, {
			Cookie: 3, State: facts.Established, Family: facts.IPv4, Inode: 13,
			Local: netip.MustParseAddrPort("10.0.0.1:30000"), Remote: netip.MustParseAddrPort("10.0.0.2:80"),
		}}}
		s := fakeSession(t, Options{}, src)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := s.window.Namespaces[0].End.Census
		if len(c.Locals) != 1 || len(c.Destinations) != 1 || c.Destinations[0].InRange != 0 {
			t.Errorf("got %+v and %+v, want one inbound and one outbound from a port outside the range", c.Locals, c.Destinations)
		}
	})
}

func TestSessionDeadlineCutsWalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &fakeSource{walkTakes: time.Hour}, &fakeSource{}
		s := fakeSession(t, Options{Window: time.Second, Deadline: 6 * time.Second}, slow, quick)
		began := time.Now()
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Two fifths of the five spare seconds for each walk.
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v, want 5s", took)
		}
		n := s.window.Namespaces
		if n[0].Start.Census.Complete || n[0].End.Census.Complete || !n[1].Start.Census.Complete || !n[1].End.Census.Complete {
			t.Errorf("got %+v, want only the first cut", n)
		}
		if len(n[0].Gaps) != 3 || n[0].Gaps[0].Source != facts.SourceSockets { // and conntrack
			t.Errorf("got gaps %v, want one for each walk", n[0].Gaps)
		}
		if n[0].End.Census.Sockets != 1 {
			t.Errorf("got %d sockets, want what was seen in time", n[0].End.Census.Sockets)
		}
	})
}

func TestSessionExpensivePollsAreRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{pollTakes: 50 * time.Millisecond}
		s := fakeSession(t, Options{Window: 5 * time.Second, Poll: 50 * time.Millisecond}, src)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := src.polls - 2; n < 8 || n > 11 {
			t.Errorf("got %d polls of 50 ms in 5 s, want about a tenth of the time", n)
		}
	})
}

func TestSessionCancel(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{0, 500 * time.Millisecond, 2 * time.Second, 4500 * time.Millisecond} {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), at)
				defer cancel()
				s := fakeSession(t, Options{Window: 3 * time.Second}, &fakeSource{walkTakes: time.Second})
				began := time.Now()
				err := s.run(ctx)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the context's error", err)
				}
				if took := time.Since(began); took != at {
					t.Errorf("returned after %v, want %v", took, at)
				}
			})
		})
	}
}

func TestSessionFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := []struct {
		name   string
		first  *fakeSource
		second *fakeSource // nil: only one namespace
		source facts.Source
		gap    string // of the window
	}{
		{"may not be entered", &fakeSource{openErr: fs.ErrPermission}, nil, facts.SourceSockets, ""},
		{"no counters at the end", &fakeSource{readErr: &UnreadableError{Source: facts.SourceSNMP, Err: broken}}, nil, facts.SourceSNMP, ""},
		{
			"one of two", &fakeSource{readErr: broken}, &fakeSource{}, "",
			"namespace net:[1] is left out: netstat: broken",
		},
		{"both of two", &fakeSource{readErr: broken}, &fakeSource{openErr: broken}, facts.SourceNetstat, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sources := []*fakeSource{tt.first}
				if tt.second != nil {
					sources = append(sources, tt.second)
				}
				s := fakeSession(t, Options{Window: time.Second}, sources...)
				err := s.run(t.Context())
				if tt.gap == "" {
					unreadable, ok := errors.AsType[*UnreadableError](err)
					if !ok || unreadable.Source != tt.source || unreadable.Namespace != "net:[1]" {
						t.Errorf("got %v, want that %s of net:[1] is unreadable", err, tt.source)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(s.window.Namespaces) != 1 || len(s.window.Gaps) != 1 || s.window.Gaps[0].Reason != tt.gap {
					t.Errorf("got %v, want %q", s.window.Gaps, tt.gap)
				}
			})
		})
	}
}

func TestSessionGaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{
			settings: map[string]string{}, openErr: errors.New("1 of 5 cannot be read"),
			walkErr: errors.New("the kernel lost messages"), pollErr: errors.New("no"),
		}
		s := fakeSession(t, Options{Window: time.Second}, src)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := s.window.Namespaces[0]
		var got []string
		for _, g := range n.Gaps {
			got = append(got, fmt.Sprintf("%s: %s", g.Source, g.Reason))
		}
		want := []string{
			"settings: 1 of 5 cannot be read",
			"sockets: the walk at the start broke off after 1 sockets: the kernel lost messages",
			"conntrack: forbidden",
			"sockets: the walk at the end broke off after 1 sockets: the kernel lost messages",
			"listeners: 21 of 21 looks at the listeners failed: no",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got gaps\n%q\nwant\n%q", got, want)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		o       Options
		poll    time.Duration
		wantErr string
	}{
		{"default", Options{}, pollMin, ""},
		{"3 s", Options{Window: 3 * time.Second}, 60 * time.Millisecond, ""},
		{"a minute", Options{Window: time.Minute}, pollMax, ""},
		{"own distance", Options{Window: time.Second, Poll: time.Millisecond}, time.Millisecond, ""},
		{"negative window", Options{Window: -time.Second}, 0, "a window of -1s"},
		{"negative poll", Options{Poll: -1}, 0, "polls -1ns apart"},
		{"negative deadline", Options{Deadline: -1}, 0, "a deadline of -1ns"},
		{"deadline in the window", Options{Window: time.Second, Deadline: time.Second}, 0, "leaves no time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := tt.o.withDefaults()
			checkError(t, err, tt.wantErr)
			if err == nil && o.Poll != tt.poll {
				t.Errorf("got polls %v apart, want %v", o.Poll, tt.poll)
			}
		})
	}
}
