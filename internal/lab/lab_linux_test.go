package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

func TestMain(m *testing.M) {
	Main()
	if text, ok := os.LookupEnv(forsakenRole); ok {
		os.Exit(playForsaken(text))
	}
	os.Exit(m.Run())
}

// skipWithoutPrivilege skips where namespaces may not be made, but never in CI.
func skipWithoutPrivilege(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newBench(t *testing.T) *Bench {
	t.Helper()
	b, err := NewBench()
	skipWithoutPrivilege(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// begin starts a fault that ends with the test.
func begin(t *testing.T, f Fault, o Options) *Running {
	t.Helper()
	r, err := Start(t.Context(), f, o)
	skipWithoutPrivilege(t, err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func find(t *testing.T, name string) Fault {
	t.Helper()
	f, ok := Find(name)
	if !ok {
		t.Fatalf("no fault %q", name)
	}
	return f
}

// timeout bounds what a test waits for.
func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// waitFor polls a condition until it holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := timeout(t)
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("still waiting for %s", what)
		case <-time.After(pollEvery):
		}
	}
}

// alive reports whether a process exists that is not merely waiting to be reaped.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func comm(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	f := Fault{Name: "x", Families: []Family{IPv4}}
	for name, o := range map[string]Options{
		"a family it cannot": {Family: IPv6}, "a negative size": {Size: -1}, "a negative rate": {PerSecond: -1},
	} {
		if _, err := Start(t.Context(), f, o); err == nil || !strings.HasPrefix(err.Error(), "lab: x") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

func TestStartReportsFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	boom := errors.New("boom")
	f := Fault{Name: "x", Run: func(context.Context, *Stage) error { return boom }}
	if _, err := Start(t.Context(), f, Options{Bench: b}); !errors.Is(err, boom) {
		t.Errorf("got error %v, want boom", err)
	}
	f.Run = func(ctx context.Context, s *Stage) error {
		return s.Until(ctx, "the impossible", func() (bool, error) { return false, nil })
	}
	_, err := Start(t.Context(), f, Options{Bench: b, Patience: 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "the impossible: not standing after 50ms") {
		t.Errorf("got error %v, want patience to end", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, f, Options{Bench: b}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
}

// What an actor cannot do is told by the actor itself.
func TestActorTellsWhyItFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := Fault{Name: "x", Run: func(ctx context.Context, s *Stage) error {
		if _, err := s.StartServer(ctx, Server{Backlog: 1}); err != nil {
			return err
		}
		_, err := s.StartServer(ctx, Server{Backlog: 1}) // the same port
		return err
	}}
	_, err := Start(t.Context(), f, Options{Bench: b})
	if err == nil || !strings.Contains(err.Error(), "server ended: listen on 0.0.0.0:8080: bind: address already in use") {
		t.Errorf("got error %v", err)
	}
}

// A fault whose actor dies ends, and says so.
func TestFaultEndsWithItsActor(t *testing.T) {
	t.Parallel()
	r, err := Start(t.Context(), find(t, "harmless-idle"), Options{})
	skipWithoutPrivilege(t, err)
	process, err := os.FindProcess(r.ServerPID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err == nil || !strings.Contains(err.Error(), "server ended: signal: killed") {
		t.Errorf("got error %v", err)
	}
}

func TestMaxDurationEndsTheFault(t *testing.T) {
	t.Parallel()
	r, err := Start(t.Context(), find(t, "harmless-idle"), Options{MaxDuration: time.Second})
	skipWithoutPrivilege(t, err)
	if err := r.Wait(); err != nil {
		t.Error(err)
	}
	if alive(r.ServerPID) || alive(r.ClientPID) {
		t.Error("an actor lives on")
	}
}

// After Close neither a process nor a namespace is left.
func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	r, err := Start(t.Context(), find(t, "harmless-idle"), Options{Size: 10})
	skipWithoutPrivilege(t, err)
	cookie := r.Server.ID().Cookie
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second time: %v", err)
	}
	if alive(r.ServerPID) || alive(r.ClientPID) {
		t.Error("an actor lives on")
	}
	handles, _ := netns.All()
	for _, h := range handles {
		if h.ID().Cookie == cookie {
			t.Errorf("namespace %v lives on, with %v", h.ID(), h.PIDs())
		}
		_ = h.Close()
	}
}

func TestBenchesDoNotMeet(t *testing.T) {
	t.Parallel()
	a, b := newBench(t), newBench(t)
	if a.Server.Same(b.Server) || a.Server.Same(a.Client) {
		t.Error("namespaces are the same")
	}
	if err := SetSysctl(a.Server, "net.core.somaxconn", "77"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		ns   *netns.Handle
		same bool
	}{{"set", a.Server, true}, {"its client", a.Client, false}, {"another", b.Server, false}} {
		got, err := Sysctl(test.ns, "net.core.somaxconn")
		if err != nil || (got == "77") != test.same {
			t.Errorf("%s: got %q, error %v", test.name, got, err)
		}
	}
}

func TestOwnNamespaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	self, err := netns.Self()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if err := SetSysctl(self, "net.core.somaxconn", "77"); err == nil {
		t.Error("got no error")
	}
}

// A listener gets a new limit only when its process calls listen() again.
func TestActorsTakeOrders(t *testing.T) {
	t.Parallel()
	r := begin(t, find(t, "accept-queue-overflow-stale-somaxconn"), Options{})
	l, err := r.stage.Listener()
	if err != nil || l.SendQueue != 128 {
		t.Fatalf("got limit %d, error %v, want 128", l.SendQueue, err)
	}
	server := r.ServerActor()
	spec := server.Server()
	spec.Backlog, spec.AcceptPerSecond = 300, 0
	if err := server.UpdateServer(spec); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "another limit and an empty queue", func() bool {
		l, err := r.stage.Listener()
		return err == nil && l.SendQueue == 300 && l.ReceiveQueue < 10
	})
	if err := server.UpdateClient(Client{}); err == nil {
		t.Error("a server took a client's part")
	}
	client := r.ClientActor()
	pause := client.Client()
	pause.Paused = true
	if err := client.UpdateClient(pause); err != nil {
		t.Fatal(err)
	}
	last, same := -1, 0
	waitFor(t, "the client to pause", func() bool {
		if attempts := client.Status().Attempts; attempts != last {
			last, same = attempts, 0
		}
		same++
		return same > 10
	})
}

func TestContradictingFaultsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	begin(t, find(t, "accept-queue-overflow-somaxconn"), Options{Bench: b})
	_, err := Start(t.Context(), find(t, "accept-queue-overflow-application-backlog"), Options{Bench: b})
	const want = "accept-queue-overflow-application-backlog wants net.core.somaxconn=4096, " +
		"but accept-queue-overflow-somaxconn has set it to 128 on this bench"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// Two faults share a bench: each has its own listener and its own culprit.
func TestTwoFaultsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stalled := begin(t, find(t, "accept-queue-overflow-application-not-accepting"), Options{Bench: b, Seed: 1})
	leak := begin(t, find(t, "close-wait-leak-descriptor-leak"), Options{Bench: b, Seed: 2})
	if stalled.Port == leak.Port || stalled.ServerPID == leak.ServerPID || stalled.Server != leak.Server {
		t.Errorf("got ports %d and %d, processes %d and %d", stalled.Port, leak.Port, stalled.ServerPID, leak.ServerPID)
	}
	verify(t, stalled)
	verify(t, leak)
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	c, err := StartCrowd(t.Context(), find(t, "close-wait-leak-stuck-reader"), CrowdOptions{
		Namespaces: 5, Listeners: 20, Options: Options{Seed: 7},
	})
	skipWithoutPrivilege(t, err)
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range c.PIDs {
			if alive(pid) {
				t.Errorf("process %d lives on", pid)
			}
		}
	}()
	verify(t, c.Running)
	for i, ns := range c.Namespaces {
		sockets, err := Sockets(ns, Listen)
		if err != nil {
			t.Fatal(err)
		}
		want := 20
		if i == c.Faulty {
			want++
		}
		if len(sockets) != want || ns.Same(c.Running.Server) != (i == c.Faulty) {
			t.Errorf("namespace %d: got %d listeners, want %d", i, len(sockets), want)
		}
		if got, err := netns.Open(strconv.Itoa(c.PIDs[i])); err != nil || !got.Same(ns) {
			t.Errorf("namespace %d: process %d lives elsewhere: %v", i, c.PIDs[i], err)
		} else {
			_ = got.Close()
		}
	}
}

func TestPlayPartRefusesNonsense(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"{": "unexpected end", "{}": "no part"} {
		var out strings.Builder
		if code := playPart(text, strings.NewReader(""), &out); code != 1 || !strings.Contains(out.String(), want) {
			t.Errorf("%q: got code %d and %q, want 1 and %q", text, code, out.String(), want)
		}
	}
}
