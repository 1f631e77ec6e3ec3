package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/fix"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// patient bounds one test.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// stand makes a fault as the lab knows it.
func stand(ctx context.Context, t *testing.T, name string) *lab.Running {
	t.Helper()
	f, ok := lab.Find(name)
	if !ok {
		t.Fatalf("no fault %s", name)
	}
	r, err := lab.Start(ctx, f, lab.Options{})
	must(t, err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return r
}

// must ends the test on an error, or passes over it where namespaces cannot be
// made.
func must(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// bench makes two namespaces for a load of the test's own.
func bench(t *testing.T) *lab.Bench {
	t.Helper()
	b, err := lab.NewBench()
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// fixed is what a run of the program said.
type fixed struct {
	code      int
	out, errs string
	fixResult
}

// fixRun runs `tcpdoctor fix` as a process of its own, as its guard is, with a
// journal of its own.
func fixRun(ctx context.Context, t *testing.T, state string, args ...string) fixed {
	t.Helper()
	cmd := exec.CommandContext(ctx, "tcpdoctor", append([]string{"fix", "--state-dir", state, "-o", "json"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	f := fixed{code: cmd.ProcessState.ExitCode(), out: out.String(), errs: errs.String()}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &f.fixResult); err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
	}
	t.Logf("fix %s: exit code %d\n%s%s", strings.Join(args, " "), f.code, f.errs, summary(f))
	return f
}

// summary is the part of a result that a reader of the test's log wants.
func summary(f fixed) string {
	var b strings.Builder
	for _, c := range f.Changes {
		for _, k := range c.Keys {
			fmt.Fprintf(&b, "  %s %s: %s → %s %s\n", k.Action, k.Key, k.Runtime, k.Desired, k.Reason)
		}
		fmt.Fprintf(&b, "  change %s: %s %s\n", c.ChangeID, c.Phase, c.Refused)
		for _, k := range c.Cases {
			if k.Judgement == nil {
				continue
			}
			fmt.Fprintf(&b, "  %s %s: %s: %s\n", k.ID, k.Cause, k.Outcome, k.Why)
			for _, x := range k.Figures {
				fmt.Fprintf(&b, "    %s\n", comparisonText(x))
			}
		}
	}
	for _, h := range f.NoSettingHelps {
		fmt.Fprintf(&b, "  no setting helps: %s\n", h.Finding.Summary)
	}
	return b.String()
}

// wantCured wants one change that cured one finding, within the range stated.
func wantCured(t *testing.T, f fixed, id, cause string, figures ...string) fixCase {
	t.Helper()
	if f.code != codeOK || !f.Cured || !f.Changed || len(f.Changes) != 1 || len(f.Changes[0].Cases) != 1 {
		t.Fatalf("got exit code %d, errors %q and\n%s", f.code, f.errs, f.out)
	}
	c := f.Changes[0].Cases[0]
	if c.ID != id || c.Cause != cause || c.Judgement == nil || c.Outcome != fix.Cured || f.Changes[0].Phase != sysctl.PhaseApplied {
		t.Errorf("got %+v, want %s (%s) cured and confirmed", c, id, cause)
	}
	for _, name := range figures {
		wantWithin(t, c, name)
	}
	for _, g := range c.Figures {
		if g.Within != nil && !*g.Within {
			t.Errorf("%s: got %s, not within the range predicted", g.Name, comparisonText(g))
		}
	}
	return c
}

// wantWithin wants a figure that was measured and lies in the range predicted.
func wantWithin(t *testing.T, c fixCase, name string) {
	t.Helper()
	for _, g := range c.Figures {
		if g.Name == name {
			if g.Before == nil || g.After == nil || g.Within == nil || !*g.Within {
				t.Errorf("got %s, want it measured and within its range", comparisonText(g))
			}
			return
		}
	}
	t.Errorf("no figure %s in %+v", name, c.Figures)
}

// wantSetting wants a parameter of a namespace to have a value.
func wantSetting(t *testing.T, ns *netns.Handle, key, want string) {
	t.Helper()
	got, err := lab.Sysctl(ns, key)
	if err != nil || strings.Join(strings.Fields(got), " ") != want {
		t.Errorf("%s: got %q, %v, want %q", key, got, err, want)
	}
}

// crampedClient leaves a client 512 ports to one destination, and lets it use up
// all of them and go on at 40 connections a second, each of which waits in
// TIME_WAIT for a minute: 2,400 ports would do.
func crampedClient(ctx context.Context, t *testing.T, b *lab.Bench) *lab.Actor {
	t.Helper()
	server, err := lab.StartServer(ctx, b.Server, lab.Server{Comm: "upstream", Backlog: 4096, Listen: everywhere()}, 0)
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	must(t, lab.SetSysctl(b.Client, model.KeyPortRange, "65024 65535"))
	spec := lab.Client{Comm: "hasty", To: upstream(b), WalkFirst: 65024, WalkLast: 65535}
	client, err := lab.StartClient(ctx, b.Client, spec, 0)
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	must(t, client.Until(ctx, "ports to run out", func(s lab.Status) bool { return s.NoPort > 0 }))
	spec.PerSecond = 40
	must(t, client.UpdateClient(spec))
	return client
}

func TestFixCuresPortExhaustion(t *testing.T) {
	t.Parallel()
	ctx, b := patient(t), bench(t)
	client := crampedClient(ctx, t, b)
	f := fixRun(ctx, t, t.TempDir(), "--netns", strconv.Itoa(client.PID()), "--yes", "--window", "3s")
	wantCured(t, f, "ephemeral-port-exhaustion", "narrow-range", model.FigureUsed, model.FigurePorts)
	wantSetting(t, b.Client, model.KeyPortRange, "16384 65535")
	wantSetting(t, b.Client, model.KeyTWReuse, "2") // not needed besides
	before := client.Status().Connected
	must(t, client.Until(ctx, "more connections", func(s lab.Status) bool { return s.Connected > before+40 }))
}

func TestFixCuresTimeWaitOverflow(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	r := stand(ctx, t, "time-wait-overflow")
	f := fixRun(ctx, t, t.TempDir(), "--netns", strconv.Itoa(r.ServerPID), "--yes", "--window", "3s")
	wantCured(t, f, "time-wait-overflow", "", model.FigureDrops, model.FigureTimeWait)
}

func TestFixCuresSynFlood(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	r := stand(ctx, t, "syn-flood-cookies-off")
	before := r.ClientStatus()
	f := fixRun(ctx, t, t.TempDir(), "--netns", strconv.Itoa(r.ServerPID), "--yes", "--window", "3s")
	wantCured(t, f, "syn-flood", "cookies-off", model.FigureDrops, model.FigureHalfOpen)
	wantSetting(t, r.Server, model.KeySyncookies, "1")
	must(t, r.ClientActor().Until(ctx, "clients to get in", func(s lab.Status) bool { return s.Connected > before.Connected+10 }))
}

// TestFixSomaxconn raises somaxconn over bursts that the longer queue can bear,
// says that the server must listen again, and is borne out once it does.
func TestFixSomaxconn(t *testing.T) {
	t.Parallel()
	ctx, b, state := patient(t), bench(t), t.TempDir()
	server, spec := clamped(ctx, t, b)
	pid := strconv.Itoa(server.PID())
	f := fixRun(ctx, t, state, "--netns", pid, "--yes", "--window", "4s")
	if f.code != codeRefused || len(f.Changes) != 1 || f.Changes[0].Phase != sysctl.PhaseApplied || !f.Changed {
		t.Fatalf("got exit code %d and\n%s", f.code, f.out)
	}
	c := f.Changes[0].Cases[0]
	if c.Outcome != fix.Waiting || c.Acting == nil || c.Acting.PID != server.PID() || f.Changes[0].Resume != "tcpdoctor fix --resume "+f.ChangeID {
		t.Errorf("got %+v, resume %q, want it to wait for process %s", c, f.Changes[0].Resume, pid)
	}
	again := fixRun(ctx, t, state, "--resume", f.ChangeID, "--window", "4s")
	if again.code != codeRefused || again.Changes[0].Cases[0].Outcome != fix.Waiting {
		t.Errorf("before listen(): got exit code %d, %s, want it to wait still", again.code, again.out)
	}
	spec.Backlog = 1023 // a changed backlog makes it listen again
	must(t, server.UpdateServer(spec))
	cured := fixRun(ctx, t, state, "--resume", f.ChangeID, "--window", "4s")
	wantCured(t, cured, "accept-queue-overflow", "somaxconn", model.FigureDrops, model.FigureQueuePeak, model.FigureQueueLimit)
	wantSetting(t, b.Server, model.KeySomaxconn, "4096")
	if third := fixRun(ctx, t, state, "--resume", f.ChangeID); third.code != codeFailed || !strings.Contains(third.errs, "does not wait for a measurement") {
		t.Errorf("resumed once more: got exit code %d, %s", third.code, third.errs)
	}
}

// TestFixNoSettingHelps: an honest answer, and nothing changed.
func TestFixNoSettingHelps(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"close-wait-leak-descriptor-leak":           "close-wait-leak",
		"accept-queue-overflow-application-backlog": "accept-queue-overflow",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, state := patient(t), t.TempDir()
			r := stand(ctx, t, name)
			pid, _ := r.Culprit()
			f := fixRun(ctx, t, state, "--netns", strconv.Itoa(pid), "--yes", "--window", "2s")
			if f.code != codeRefused || f.Changed || len(f.Changes) != 0 || len(f.NoSettingHelps) != 1 {
				t.Fatalf("got exit code %d and\n%s", f.code, f.out)
			}
			h := f.NoSettingHelps[0]
			if h.Finding.ID != want || h.Finding.Subject.PID != pid || len(h.Instead) == 0 {
				t.Errorf("got %+v, want %s of process %d and what to do instead", h, want, pid)
			}
			if left, err := os.ReadDir(state); err != nil || len(left) > 0 {
				t.Errorf("got %v, %v in the journal's folder, want nothing", left, err)
			}
		})
	}
}

// TestFixUndoesWhatDoesNotHelp: the wider range is full of ports that another
// process has bound, which nobody could see from within the narrow one.
func TestFixUndoesWhatDoesNotHelp(t *testing.T) {
	t.Parallel()
	ctx, b := patient(t), bench(t)
	for first := 16384; first <= 65023; first += 16384 { // a process may not open as many files as that
		last := min(first+16383, 65023)
		hoarder, err := lab.StartClient(ctx, b.Client, lab.Client{
			Comm: "hoarder", To: upstream(b), BindFirst: uint16(first), BindLast: uint16(last), Paused: true,
		}, 0)
		must(t, err)
		t.Cleanup(func() { _ = hoarder.Close() })
	}
	client := crampedClient(ctx, t, b)
	f := fixRun(ctx, t, t.TempDir(), "--netns", strconv.Itoa(client.PID()), "--yes", "--window", "2s")
	if f.code != codeRefused || f.Changed || len(f.Changes) != 1 || f.Changes[0].Phase != sysctl.PhaseUndone || f.Changes[0].Cases[0].Outcome != fix.Unchanged {
		t.Errorf("got exit code %d and\n%s", f.code, f.out)
	}
	wantSetting(t, b.Client, model.KeyPortRange, "65024 65535")
}
