package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// faultsAtOnce bounds how many faults stand at the same time. Most of their life
// is waiting, so there may be more of them than processors.
const faultsAtOnce = 5

// scene is what the kernel showed of a fault over a little more than a second.
type scene struct {
	*testing.T
	r      *Running
	grown  Counters // of the server namespace
	client Counters // growth in the client namespace
	before []Socket // of the server namespace, in all states
	after  []Socket
	remote []Socket // of the client namespace, at the end
	told   [2]Status
	asked  [2]Status // told by the client
}

// TestSignatures makes each fault and looks for its signature in the kernel.
func TestSignatures(t *testing.T) {
	t.Parallel()
	signatures := allSignatures()
	slots := make(chan struct{}, faultsAtOnce)
	var all sync.WaitGroup
	for _, f := range All() {
		if signatures[f.Name] == nil {
			t.Errorf("%s: no signature to look for", f.Name)
			continue
		}
		for _, family := range f.InFamilies() {
			all.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				t.Run(f.Name+"/"+family.String(), func(t *testing.T) {
					began := time.Now()
					r := begin(t, f, Options{Family: family, Seed: 1})
					t.Logf("stands after %v", time.Since(began).Round(time.Millisecond))
					verify(t, r)
				})
			})
		}
	}
	all.Wait()
}

// A fault made over both families at once: IPv4 clients, an IPv6 listener.
func TestSignaturesDualStack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"accept-queue-overflow-application-backlog", "syn-flood-cookies-off", "close-wait-leak-stuck-reader",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := begin(t, find(t, name), Options{Family: DualStack})
			verify(t, r)
			sockets, err := Sockets(r.Server, Listen)
			if err != nil || len(sockets) != 1 || sockets[0].Local.Addr() != netip.IPv6Unspecified() {
				t.Errorf("got listeners %v, error %v, want one of IPv6", sockets, err)
			}
		})
	}
}

// verify watches a fault and looks for its signature.
func verify(t *testing.T, r *Running) {
	t.Helper()
	s := watch(t, r)
	pid, ns := r.Culprit()
	if pid != 0 {
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil || got != ns.ID().String() {
			t.Errorf("culprit %d: lives in %s, want %s: %v", pid, got, ns.ID(), err)
		}
		if got := comm(pid); !strings.HasPrefix(got, "lab-") {
			t.Errorf("culprit %d: called %q", pid, got)
		}
	}
	l := s.listener()
	if l.Inode == 0 || r.Port != l.Local.Port() || r.Destination.Port() != l.Local.Port() {
		t.Errorf("got listener %+v, want port %d", l, r.Port)
	}
	allSignatures()[r.Fault.Name](s)
}

func watch(t *testing.T, r *Running) *scene {
	t.Helper()
	every := []State{
		Established, SynSent, SynRecv, FinWait1, FinWait2, TimeWait, CloseWait, LastAck, Listen, Closing,
	}
	s := &scene{T: t, r: r}
	count := func(ns *netns.Handle) Counters {
		c, err := ReadCounters(ns)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	list := func(ns *netns.Handle, states ...State) []Socket {
		sockets, err := Sockets(ns, states...)
		if err != nil {
			t.Fatal(err)
		}
		return sockets
	}
	server, client := count(r.Server), count(r.Client)
	s.before = list(r.Server, every...)
	s.told[0], s.asked[0] = r.ServerStatus(), r.ClientStatus()
	<-time.After(1200 * time.Millisecond) // the span to be watched
	s.told[1], s.asked[1] = r.ServerStatus(), r.ClientStatus()
	s.after = list(r.Server, every...)
	s.remote = list(r.Client, append(every, BoundInactive)...)
	s.grown, s.client = count(r.Server).Since(server), count(r.Client).Since(client)
	return s
}

func (s *scene) listener() Socket {
	s.Helper()
	for _, l := range s.after {
		if l.State == Listen && l.Local.Port() == s.r.Port {
			return l
		}
	}
	s.Fatalf("nothing listens on port %d", s.r.Port)
	return Socket{}
}

// among picks the sockets of this fault in one state.
func (s *scene) among(sockets []Socket, state State, and func(Socket) bool) []Socket {
	var out []Socket
	for _, k := range sockets {
		port := k.Local.Port() == s.r.Port || k.Remote.Port() == s.r.Port
		if k.State == state && port && (and == nil || and(k)) {
			out = append(out, k)
		}
	}
	return out
}

func (s *scene) between(what string, got, low, high int64) {
	s.Helper()
	if got < low || got > high {
		s.Errorf("%s: got %d, want %d to %d", what, got, low, high)
	}
}

func (s *scene) atLeast(what string, got, low int64) {
	s.Helper()
	s.between(what, got, low, 1<<62)
}

// grew wants a counter of the server namespace to have grown by at least low.
func (s *scene) grew(name string, low int64) {
	s.Helper()
	s.atLeast(name, s.grown[name], low)
}

// still wants counters of the server namespace not to have moved.
func (s *scene) still(names ...string) {
	s.Helper()
	for _, name := range names {
		s.between(name, s.grown[name], 0, 0)
	}
}

// setting wants a parameter of a namespace to have a value.
func (s *scene) setting(ns *netns.Handle, key, want string) {
	s.Helper()
	if got, err := Sysctl(ns, key); err != nil || got != want {
		s.Errorf("%s: got %q, error %v, want %s", key, got, err, want)
	}
}
