package prediction

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// Sample is what was measured in one window.
type Sample struct {
	// Window is what diagnose would have seen: both namespaces, the judged one
	// first.
	Window facts.Window
	// Judged is the side whose settings are changed.
	Judged lab.Side
	// Told is what clients and visitors made of it.
	Told Told
	// Late is the longest time for which a goroutine had to wait for its turn.
	Late time.Duration
	// Age is how long the load had been going on when the window ended.
	Age time.Duration

	port  uint16
	notes map[string]float64
}

// Told is what the clients and visitors of a load counted in a window.
type Told struct {
	Seconds float64
	// Attempts are the connects of client processes, and the rest what came
	// of them. GaveUp had no answer, NoPort no local port, Broken were
	// connected and then reset.
	Attempts, Connected, GaveUp, NoPort, Broken float64
	// Begun are the SYNs of visitors, Reset those that got a reset.
	Begun, Reset float64
	// Accepted is what the server process took.
	Accepted float64
}

// told sums up what all clients and visitors have counted since their start.
func (s *Scene) told() Told {
	s.mu.Lock()
	defer s.mu.Unlock()
	var t Told
	for _, c := range s.clients {
		got := c.Status()
		t.Attempts += float64(got.Attempts)
		t.Connected += float64(got.Connected)
		t.GaveUp += float64(got.GaveUp + got.Failed + got.Refused)
		t.NoPort += float64(got.NoPort)
		t.Broken += float64(got.Broken)
	}
	for _, v := range s.visitors {
		t.Begun += float64(v.begun.Load())
		t.Reset += float64(v.reset.Load())
	}
	if s.server != nil {
		t.Accepted = float64(s.server.Status().Accepted)
	}
	return t
}

// since is what was counted between two sums.
func (t Told) since(before Told, seconds float64) Told {
	return Told{
		Seconds: seconds, Attempts: t.Attempts - before.Attempts, Connected: t.Connected - before.Connected,
		GaveUp: t.GaveUp - before.GaveUp, NoPort: t.NoPort - before.NoPort, Broken: t.Broken - before.Broken,
		Begun: t.Begun - before.Begun, Reset: t.Reset - before.Reset, Accepted: t.Accepted - before.Accepted,
	}
}

// sample takes a window while the load's event happens. Nil where the trial has
// failed.
func (s *Scene) sample(ctx context.Context, l Load, window time.Duration) *Sample {
	if s.Failed() {
		return nil
	}
	event := make(chan struct{})
	go func() {
		defer close(event)
		if l.Event != nil {
			l.Event(ctx, s)
		}
	}()
	other := lab.ClientSide
	if l.Judged == lab.ClientSide {
		other = lab.ServerSide
	}
	s.takeLate()
	began, before := time.Now(), s.told()
	w, err := sockdiag.Collect(ctx, sockdiag.Options{
		Window: window, NoProcesses: true,
		Namespaces: []*netns.Handle{s.side(l.Judged), s.side(other)},
	})
	told := s.told().since(before, time.Since(began).Seconds())
	age := time.Since(s.began)
	s.Fail(err)
	<-event
	late := s.takeLate()
	if l.Finish != nil {
		l.Finish(ctx, s)
	}
	if s.Failed() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	got := &Sample{Window: w, Judged: l.Judged, Told: told, Late: late, Age: age, port: s.Port, notes: maps.Clone(s.notes)}
	clear(s.notes)
	return got
}

// View returns what the model makes of the judged namespace.
func (s *Sample) View() *model.Namespace { return &model.NewView(s.Window).Namespaces[0] }

// At returns what was seen on one side.
func (s *Sample) At(side lab.Side) *facts.NamespaceWindow {
	if side == s.Judged {
		return &s.Window.Namespaces[0]
	}
	return &s.Window.Namespaces[1]
}

// Seconds is the time between the two readings of the kernel's counters.
func (s *Sample) Seconds() float64 {
	n := s.At(s.Judged)
	return n.End.AtSeconds - n.Start.AtSeconds
}

// Rate returns by how much a counter of one side rose per second.
func (s *Sample) Rate(side lab.Side, counter string) float64 {
	n := s.At(side)
	rose, _ := facts.Delta(n.Start.Counters, n.End.Counters, counter)
	return float64(rose) / s.Seconds()
}

// Mean returns how many sockets one side had in a state, the mean of both ends of
// the window.
func (s *Sample) Mean(side lab.Side, states ...facts.State) float64 {
	n := s.At(side)
	start, end := n.Start.Census.States(), n.End.Census.States()
	var sum uint64
	for _, state := range states {
		sum += start[state] + end[state]
	}
	return float64(sum) / 2
}

// Listener returns the load's listener at the end of the window, and what the
// polls saw of it.
func (s *Sample) Listener() (facts.Listener, facts.Watch, error) {
	for _, n := range s.Window.Namespaces {
		for _, l := range n.End.Census.Listeners {
			if l.Local.Port() != s.port {
				continue
			}
			for _, w := range n.Watches {
				if w.Cookie == l.Cookie {
					return l, w, nil
				}
			}
		}
	}
	return facts.Listener{}, facts.Watch{}, fmt.Errorf("prediction: no listener on port %d", s.port)
}

// Note returns a value that the load has measured itself in this window.
func (s *Sample) Note(name string) (float64, bool) {
	v, ok := s.notes[name]
	return v, ok
}
