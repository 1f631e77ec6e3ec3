package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

const fixPort = 8080

func everywhere() []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), fixPort)}
}

func upstream(b *lab.Bench) netip.AddrPort {
	return netip.AddrPortFrom(b.ServerAddr(lab.IPv4), fixPort)
}

// until polls a condition with a deadline.
func until(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// midway starts a fix of a fault and returns once the change is made and is being
// measured, with the ID of the change.
func midway(ctx context.Context, t *testing.T, state, pid string, more ...string) (*exec.Cmd, io.Reader, string) {
	t.Helper()
	args := append([]string{"fix", "--state-dir", state, "--netns", pid, "--yes", "--window", "3s"}, more...)
	cmd := exec.CommandContext(ctx, "tcpdoctor", args...)
	errs, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	r := bufio.NewReader(errs)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended before it had changed anything: %v", err)
		}
		if rest, ok := strings.CutPrefix(line, "applied change "); ok {
			id, _, _ := strings.Cut(rest, ";")
			return cmd, r, id
		}
	}
}

func entryOf(t *testing.T, state, id string) sysctl.Entry {
	t.Helper()
	e, err := sysctl.NewJournal(sysctl.JournalOptions{Dir: state}).Get(id)
	must(t, err)
	return e
}

// TestFixKilled kills the program while it measures: the guard undoes the change
// at its deadline.
func TestFixKilled(t *testing.T) {
	t.Parallel()
	ctx, state := patient(t), t.TempDir()
	r := stand(ctx, t, "time-wait-overflow")
	cmd, _, id := midway(ctx, t, state, strconv.Itoa(r.ServerPID), "--confirm-within", "6s")
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	if value, err := lab.Sysctl(r.Server, model.KeyMaxTWBuckets); err != nil || value == "256" {
		t.Errorf("got %q, %v right after the kill, want the new value", value, err)
	}
	until(ctx, t, "the guard", func() bool { return entryOf(t, state, id).Phase == sysctl.PhaseUndone })
	wantSetting(t, r.Server, model.KeyMaxTWBuckets, "256")
	if e := entryOf(t, state, id); e.Failure != "not confirmed in time" {
		t.Errorf("got failure %q", e.Failure)
	}
}

// TestFixInterrupted takes the change back at once.
func TestFixInterrupted(t *testing.T) {
	t.Parallel()
	ctx, state := patient(t), t.TempDir()
	r := stand(ctx, t, "time-wait-overflow")
	cmd, errs, id := midway(ctx, t, state, strconv.Itoa(r.ServerPID))
	must(t, cmd.Process.Signal(syscall.SIGINT))
	said, err := io.ReadAll(errs)
	must(t, err)
	_ = cmd.Wait() // its exit code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != codeFailed || string(said) != "tcpdoctor: interrupted; what had been changed is undone\n" {
		t.Errorf("got exit code %d, %q", code, said)
	}
	wantSetting(t, r.Server, model.KeyMaxTWBuckets, "256")
	if e := entryOf(t, state, id); e.Phase != sysctl.PhaseUndone {
		t.Errorf("got phase %s", e.Phase)
	}
}

// clamped is a server whose backlog somaxconn cuts to 32, and clients that come in
// bursts which 33 do not bear.
func clamped(ctx context.Context, t *testing.T, b *lab.Bench) (*lab.Actor, lab.Server) {
	t.Helper()
	must(t, lab.SetSysctl(b.Server, model.KeySomaxconn, "32"))
	spec := lab.Server{Comm: "clamped", Backlog: 1024, Listen: everywhere(), AcceptPerSecond: 400}
	server, err := lab.StartServer(ctx, b.Server, spec, 0)
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	client, err := lab.StartClient(ctx, b.Client, lab.Client{
		Comm: "bursts", To: upstream(b), PerSecond: 200, Burst: 150, Pending: 600, GiveUp: 800 * time.Millisecond,
	}, 0)
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	must(t, client.Until(ctx, "refused clients", func(s lab.Status) bool { return s.GaveUp > 50 }))
	return server, spec
}

// TestFixResumeUndoes: after listen() the queue is longer, but by then the server
// accepts next to nothing.
func TestFixResumeUndoes(t *testing.T) {
	t.Parallel()
	ctx, b, state := patient(t), bench(t), t.TempDir()
	server, spec := clamped(ctx, t, b)
	f := fixRun(ctx, t, state, "--netns", strconv.Itoa(server.PID()), "--yes", "--window", "4s")
	if len(f.Changes) != 1 || f.Changes[0].Cases[0].Outcome != fix.Waiting {
		t.Fatalf("got exit code %d and\n%s", f.code, f.out)
	}
	spec.Backlog, spec.AcceptPerSecond = 40, 10
	must(t, server.UpdateServer(spec))
	again := fixRun(ctx, t, state, "--resume", f.ChangeID, "--window", "4s")
	if again.code != codeRefused || again.Changed || again.Changes[0].Phase != sysctl.PhaseUndone || again.Changes[0].Cases[0].Outcome.Keep() {
		t.Errorf("got exit code %d and\n%s", again.code, again.out)
	}
	wantSetting(t, b.Server, model.KeySomaxconn, "32")
}

// TestFixBounded: where a time is set, what waits for the application is undone
// when nobody resumes in time.
func TestFixBounded(t *testing.T) {
	t.Parallel()
	ctx, b, state := patient(t), bench(t), t.TempDir()
	server, _ := clamped(ctx, t, b)
	f := fixRun(ctx, t, state, "--netns", strconv.Itoa(server.PID()), "--yes", "--window", "4s", "--confirm-within", "9s")
	if f.code != codeRefused || len(f.Changes) != 1 || f.Changes[0].Phase != sysctl.PhasePending || f.Changes[0].Deadline.IsZero() {
		t.Fatalf("got exit code %d and\n%s", f.code, f.out)
	}
	until(ctx, t, "the guard", func() bool { return entryOf(t, state, f.ChangeID).Phase == sysctl.PhaseUndone })
	wantSetting(t, b.Server, model.KeySomaxconn, "32")
	late := fixRun(ctx, t, state, "--resume", f.ChangeID)
	want := "tcpdoctor: change " + f.ChangeID + " is not in force any more: it is undone (not confirmed in time); run fix again\n"
	if late.code != codeRefused || late.errs != want {
		t.Errorf("got exit code %d, %q, want %q", late.code, late.errs, want)
	}
}

// TestFixPersist keeps the value for the next boot once it is proven, in a
// namespace with an init of its own, and warns of a file that would win.
func TestFixPersist(t *testing.T) {
	t.Parallel()
	ctx, state, root := patient(t), t.TempDir(), t.TempDir()
	r := stand(ctx, t, "time-wait-overflow")
	folder := filepath.Join(root, "etc/sysctl.d")
	must(t, os.MkdirAll(folder, 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "99-vendor.conf"), []byte("# theirs\nnet.ipv4.tcp_max_tw_buckets = 512\n"), 0o644))
	net := "--net=/proc/" + strconv.Itoa(r.ServerPID) + "/ns/net"
	// As the first process of its own /proc it is in the namespace that files are
	// about.
	cmd := exec.CommandContext(ctx, "nsenter", net, "unshare", "-pf", "--mount-proc", "--kill-child",
		"tcpdoctor", "fix", "--yes", "--persist", "--diff", "--window", "3s", "--state-dir", state, "--root", root)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, errs.String(), out.String())
	}
	path := filepath.Join(folder, "90-tcpdoctor.conf")
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), "\n# fix time-wait-overflow: ") || !strings.Contains(string(b), "\nnet.ipv4.tcp_max_tw_buckets = ") {
		t.Errorf("got %q, %v", b, err)
	}
	for _, want := range []string{
		"\n  file     " + path, "99-vendor.conf line 2 would set net.ipv4.tcp_max_tw_buckets to 512 at boot",
		"\n    + net.ipv4.tcp_max_tw_buckets = ", "\nCURED  time-wait-overflow: ",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestFixAsks answers the question on a terminal.
func TestFixAsks(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	r := stand(ctx, t, "time-wait-overflow")
	for answer, want := range map[string]int{"n": codeRefused, "y": codeOK} {
		line := "tcpdoctor fix --netns " + strconv.Itoa(r.ServerPID) + " --window 2s --state-dir " + t.TempDir()
		cmd := exec.CommandContext(ctx, "script", "-qec", line, "/dev/null")
		cmd.Stdin = strings.NewReader(answer + "\n")
		out, err := cmd.CombinedOutput()
		said := strings.ReplaceAll(string(out), "\r", "")
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(said, "fix it? [y/N] ") {
			t.Errorf("%s: got exit code %d, %v, want %d:\n%s", answer, got, err, want, said)
		}
		if answer == "n" {
			wantSetting(t, r.Server, model.KeyMaxTWBuckets, "256")
		} else {
			// For the other answer, whichever comes first.
			must(t, lab.SetSysctl(r.Server, model.KeyMaxTWBuckets, "256"))
		}
	}
}

// TestFixSeveral: two faults in one namespace, over IPv6, are two changes, each
// cured and confirmed by itself.
func TestFixSeveral(t *testing.T) {
	t.Parallel()
	ctx, b, state := patient(t), bench(t), t.TempDir()
	pid := 0
	for _, name := range []string{"time-wait-overflow", "syn-flood-cookies-off"} {
		f, _ := lab.Find(name)
		r, err := lab.Start(ctx, f, lab.Options{Bench: b, Family: lab.IPv6})
		must(t, err)
		t.Cleanup(func() { _ = r.Close() })
		pid = r.ServerPID
	}
	f := fixRun(ctx, t, state, "--netns", strconv.Itoa(pid), "--yes", "--window", "3s")
	if f.code != codeOK || len(f.Changes) != 2 || f.ChangeID != "" || len(f.Keys) != 2 {
		t.Fatalf("got exit code %d and\n%s", f.code, f.out)
	}
	for _, c := range f.Changes {
		if len(c.Cases) != 1 || c.Cases[0].Outcome != fix.Cured || c.Phase != sysctl.PhaseApplied || entryOf(t, state, c.ChangeID).Phase != sysctl.PhaseApplied {
			t.Errorf("got %+v", c)
		}
		wantWithin(t, c.Cases[0], model.FigureDrops)
	}
	only := fixRun(ctx, t, state, "--netns", strconv.Itoa(pid), "--yes", "--window", "1s", "time-wait-overflow")
	if only.code != codeOK || !only.Cured || only.Changed {
		t.Errorf("once more: got exit code %d and\n%s", only.code, only.out)
	}
}
