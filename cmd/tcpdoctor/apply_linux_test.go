package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// openForTest opens a namespace of the test's own for a change.
func openForTest(t *testing.T, b *lab.Bench, state string) (*applyOptions, *applySite, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	o := &applyOptions{
		io: streams{In: strings.NewReader(""), Out: &out, Err: &out, Width: 100}, command: "test", output: "text", yes: true,
		netns: fmt.Sprintf("/proc/self/fd/%d", b.Client.Fd()), applyPlaces: applyPlaces{stateDir: state},
	}
	s, err := o.open(t.Context())
	must(t, err)
	t.Cleanup(s.close)
	return o, s, &out
}

// TestApplyTwice: the second time nothing is changed, and it says so.
func TestApplyTwice(t *testing.T) {
	t.Parallel()
	b, state := bench(t), t.TempDir()
	must(t, lab.SetSysctl(b.Client, model.KeyPortRange, "20000 30000"))
	request := applyRequest{title: "test", wants: []sysctl.Want{
		{Key: model.KeyPortRange, Op: sysctl.Exactly, Value: "16384 65535", Reason: "r"},
		{Key: model.KeySomaxconn, Op: sysctl.AtLeast, Value: "9999", Reason: "r"},
	}}
	o, s, out := openForTest(t, b, state)
	must(t, o.run(t.Context(), s, request))
	if !strings.Contains(out.String(), "· 2 changes, 0 already as wanted\n") || !strings.Contains(out.String(), "\napplied and read back. To undo it: tcpdoctor change rollback ") {
		t.Errorf("got\n%s", out)
	}
	wantSetting(t, b.Client, model.KeySomaxconn, "9999")
	out.Reset()
	must(t, o.run(t.Context(), s, request))
	if !strings.HasSuffix(out.String(), "nothing to do: nothing was changed\n") {
		t.Errorf("got\n%s", out)
	}
	out.Reset()
	o.output = "json"
	must(t, o.run(t.Context(), s, request))
	if !strings.Contains(out.String(), `"changed": false,`) || strings.Contains(out.String(), "change_id") {
		t.Errorf("got\n%s", out)
	}
	all, err := s.journal.List()
	if err != nil || len(all) != 1 {
		t.Errorf("got %d entries, %v, want one", len(all), err)
	}
}

// TestApplyRefused: mistakes, a foreign hand in between, and a refusal of the
// question change nothing and end with 1.
func TestApplyRefused(t *testing.T) {
	t.Parallel()
	b := bench(t)
	o, s, out := openForTest(t, b, t.TempDir())
	before, err := lab.Sysctl(b.Client, model.KeySomaxconn)
	must(t, err)
	want := sysctl.Want{Key: model.KeySomaxconn, Op: sysctl.Exactly, Value: "9999", Lower: true, Reason: "r"}

	err = o.run(t.Context(), s, applyRequest{wants: []sysctl.Want{want, {Key: "net.ipv4.tcp_finn_timeout", Op: sysctl.Exactly, Value: "1"}}})
	if !errors.Is(err, exit(codeRefused)) || !strings.Contains(out.String(), "net.ipv4.tcp_fin_timeout may be meant") {
		t.Errorf("a misspelt name: got %v,\n%s", err, out)
	}

	p, err := s.plan(applyRequest{wants: []sysctl.Want{want}})
	must(t, err)
	must(t, lab.SetSysctl(b.Client, model.KeySomaxconn, "77"))
	d, err := o.carryOut(t.Context(), s, p)
	if err != nil || d.Changed || !strings.Contains(d.Refused, "changed by somebody else") {
		t.Errorf("a foreign hand: got %+v, %v", d, err)
	}
	wantSetting(t, b.Client, model.KeySomaxconn, "77")
	must(t, lab.SetSysctl(b.Client, model.KeySomaxconn, before))

	o.yes = false // and nobody types anything
	if err := o.run(t.Context(), s, applyRequest{wants: []sysctl.Want{want}}); !errors.Is(err, exit(codeRefused)) {
		t.Errorf("no answer: got %v, want a refusal", err)
	}
	wantSetting(t, b.Client, model.KeySomaxconn, before)
}

// TestApplyReadOnly: where the parameters cannot be written the container's own
// way is named, and the journal is empty.
func TestApplyReadOnly(t *testing.T) {
	t.Parallel()
	ctx, state := patient(t), t.TempDir()
	r := stand(ctx, t, "time-wait-overflow")
	line := fmt.Sprintf("mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec tcpdoctor fix --yes --netns %d --window 1s --state-dir %s",
		r.ServerPID, state)
	cmd := exec.CommandContext(ctx, "unshare", "-m", "sh", "-c", line)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	_ = cmd.Run() // its exit code is looked at below
	want := "tcpdoctor: write net.ipv4.tcp_max_tw_buckets: the parameter tree is mounted read-only: read-only file system; " +
		"instead, start the container with --sysctl 'net.ipv4.tcp_max_tw_buckets="
	if cmd.ProcessState.ExitCode() != codeFailed || !strings.HasPrefix(errs.String(), want) || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("got exit code %d, %q", cmd.ProcessState.ExitCode(), errs.String())
	}
	all, err := sysctl.NewJournal(sysctl.JournalOptions{Dir: state}).List()
	if err != nil || len(all) != 0 {
		t.Errorf("got %v, %v in the journal, want nothing", all, err)
	}
}
