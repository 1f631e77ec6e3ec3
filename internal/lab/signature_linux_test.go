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

// watchAtMost bounds how long a fault is watched for its signature. On an idle
// machine a fraction of a second will do.
const watchAtMost = 20 * time.Second

// scene is what the kernel showed of a fault over a while.
type scene struct {
	r      *Running
	grown  Counters // of the server namespace
	client Counters // growth in the client namespace
	before []Socket // of the server namespace, in all states
	after  []Socket
	remote []Socket // of the client namespace, at the end
	told   [2]Status
	asked  [2]Status // told by the client

	problems []string
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

// verify watches a fault until its signature has shown.
func verify(t *testing.T, r *Running) {
	t.Helper()
	pid, ns := r.Culprit()
	if pid != 0 {
		if got, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil || got != ns.ID().String() {
			t.Errorf("culprit %d: lives in %s, want %s: %v", pid, got, ns.ID(), err)
		}
		if got := comm(pid); !strings.HasPrefix(got, "lab-") {
			t.Errorf("culprit %d: called %q", pid, got)
		}
	}
	server, client := look(t, r.Server), look(t, r.Client)
	told, asked := r.ServerStatus(), r.ClientStatus()
	began := time.Now()
	for tick := time.Tick(200 * time.Millisecond); ; {
		<-tick
		s := &scene{r: r, before: server.sockets, told: [2]Status{told, r.ServerStatus()}, asked: [2]Status{asked, r.ClientStatus()}}
		now, there := look(t, r.Server), look(t, r.Client)
		s.grown, s.client = now.counters.Since(server.counters), there.counters.Since(client.counters)
		s.after, s.remote = now.sockets, there.sockets
		if l := s.listener(); l.Inode == 0 || r.Port != l.Local.Port() || r.Destination.Port() != l.Local.Port() {
			t.Errorf("got listener %+v, want port %d", l, r.Port)
		}
		allSignatures()[r.Fault.Name](s)
		if len(s.problems) == 0 {
			t.Logf("shows after %v", time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > watchAtMost {
			t.Fatalf("no signature after %v:\n%s", watchAtMost, strings.Join(s.problems, "\n"))
		}
	}
}

// sight is what one namespace shows at one time.
type sight struct {
	counters Counters
	sockets  []Socket
}

func look(t *testing.T, ns *netns.Handle) sight {
	t.Helper()
	counters, err := ReadCounters(ns)
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := Sockets(ns, Established, SynSent, SynRecv, FinWait1, FinWait2, TimeWait, CloseWait,
		LastAck, Listen, Closing, BoundInactive)
	if err != nil {
		t.Fatal(err)
	}
	return sight{counters, sockets}
}

// listener is that of the fault; the zero value if there is none.
func (s *scene) listener() Socket {
	for _, l := range s.after {
		if l.State == Listen && l.Local.Port() == s.r.Port {
			return l
		}
	}
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

// miss notes what is not as it should be, or not yet.
func (s *scene) miss(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func (s *scene) between(what string, got, low, high int64) {
	if got < low || got > high {
		s.miss("%s: got %d, want %d to %d", what, got, low, high)
	}
}

func (s *scene) atLeast(what string, got, low int64) {
	if got < low {
		s.miss("%s: got %d, want at least %d", what, got, low)
	}
}

// grew wants a counter of the server namespace to have grown by at least low.
func (s *scene) grew(name string, low int64) { s.atLeast(name, s.grown[name], low) }

// still wants counters of the server namespace not to have moved.
func (s *scene) still(names ...string) {
	for _, name := range names {
		s.between(name, s.grown[name], 0, 0)
	}
}

// setting wants a parameter of a namespace to have a value.
func (s *scene) setting(ns *netns.Handle, key, want string) {
	if got, err := Sysctl(ns, key); err != nil || got != want {
		s.miss("%s: got %q, error %v, want %s", key, got, err, want)
	}
}
