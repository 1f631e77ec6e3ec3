package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// vendorConf sets one parameter below our file and one above.
func vendorConf() sysctl.Conf {
	return sysctl.Conf{Files: []sysctl.ConfFile{
		{Path: "/etc/sysctl.d/50-early.conf", Text: "net.core.somaxconn = 512\nnet.ipv4.tcp_sack = 0\n"},
		{Path: "/etc/sysctl.d/99-late.conf", Text: "# theirs\nnet.ipv4.tcp_slow_start_after_idle = 1\n"},
	}}
}

// plannedFor plans a request for a namespace that is not the initial one.
func plannedFor(r applyRequest, conf sysctl.Conf, persist bool) *applyPlan {
	st := sysctl.State{
		Env: sysctl.Env{Kernel: sysctl.Release{Major: 6, Minor: 18}, RAMBytes: 8 << 30},
		Raw: map[sysctl.Key]string{
			"net.core.somaxconn": "128", "net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_syncookies": "1",
			"net.ipv4.tcp_slow_start_after_idle": "1", "net.ipv4.tcp_sack": "1", "net.ipv4.ip_unprivileged_port_start": "1024",
			"net.ipv4.tcp_timestamps": "1",
		},
	}
	p := &applyPlan{request: r, state: st, Plan: sysctl.NewPlan(r.wants, st)}
	if persist {
		p.kept, _ = p.keep(conf)
		text, err := sysctl.RenderLines(p.kept)
		if err != nil {
			panic(err)
		}
		p.file = &sysctl.FileChange{Path: sysctl.PersistPath, After: &text}
		p.overrides = conf.Overrides(sysctl.PersistPath, &text)
	}
	p.rows = p.list(conf)
	return p
}

func mixedRequest() applyRequest {
	want := func(k sysctl.Key, op sysctl.Op, value string) sysctl.Want {
		return sysctl.Want{Key: k, Op: op, Value: value, Lower: true, Reason: "profile test: because"}
	}
	return applyRequest{
		title: "profile test",
		wants: []sysctl.Want{
			want("net.core.somaxconn", sysctl.AtLeast, "4096"), want("net.ipv4.ip_local_port_range", sysctl.Exactly, "16384 65535"),
			want("net.ipv4.tcp_syncookies", sysctl.Exactly, "1"), want("net.ipv4.tcp_slow_start_after_idle", sysctl.Exactly, "0"),
			want("net.core.netdev_max_backlog", sysctl.AtLeast, "4096"), want("net.ipv4.tcp_sack", sysctl.Exactly, "1"),
			want("net.ipv4.tcp_timestamps", sysctl.Exactly, "0"),
		},
		left: []applyLeft{{key: "net.ipv4.tcp_tw_recycle", source: "profile test", why: "gone since Linux 4.12"}},
		note: func(c sysctl.Change) []string {
			if c.Key == "net.core.somaxconn" {
				return []string{"nginx[812] must call listen() again"}
			}
			return nil
		},
	}
}

func textOptions(out *bytes.Buffer, width int) *applyOptions {
	return &applyOptions{io: streams{In: strings.NewReader(""), Out: out, Err: out, Width: width}, output: "text", diff: true, persist: true}
}

func TestShowPlan(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := textOptions(&out, 80)
	p := plannedFor(mixedRequest(), vendorConf(), true)
	if err := o.showPlan(siteForTest(o), p); err != nil {
		t.Fatal(err)
	}
	want := `plan for namespace db7 · 4 changes, 2 already as wanted, 1 refused, 1 left out
  net.core.somaxconn                  128 → 4096
    ↳ nginx[812] must call listen() again
  net.ipv4.ip_local_port_range        32768 60999 → 16384 65535  (caution)
  net.ipv4.tcp_slow_start_after_idle  1 → 0  (caution)
  net.ipv4.tcp_timestamps             1 → 0  (dangerous: loses protection from
    old segments (PAWS), round-trip samples, tcp_tw_reuse and the options kept
    in SYN cookies)
  refused  net.core.netdev_max_backlog: belongs to the host, not to a network
           namespace of its own
  left out net.ipv4.tcp_tw_recycle: gone since Linux 4.12
  file     /etc/sysctl.d/90-tcpdoctor.conf
    ↳ but /etc/sysctl.d/99-late.conf line 2 would set
      net.ipv4.tcp_slow_start_after_idle to 1 at boot
    + # Written by tcpdoctor, which replaces the whole file. To change it, apply
      or roll
    + # back a change; values of your own belong in a file of your own.
    + # profile test: because
    + # /etc/sysctl.d/50-early.conf sets another value than the kernel's own
    + net.core.somaxconn = 4096
    + # profile test: because
    + net.ipv4.ip_local_port_range = 16384 65535
    + # profile test: because
    + # /etc/sysctl.d/50-early.conf sets another value than the kernel's own
    + net.ipv4.tcp_sack = 1
    + # profile test: because
    + net.ipv4.tcp_slow_start_after_idle = 0
    + # profile test: because
    + net.ipv4.tcp_timestamps = 0
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func siteForTest(o *applyOptions) *applySite { return &applySite{o: o, name: "namespace db7"} }

func TestPlanRows(t *testing.T) {
	t.Parallel()
	p := plannedFor(mixedRequest(), vendorConf(), true)
	got := map[sysctl.Key]string{}
	for _, r := range p.rows {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got[r.Key] = string(b)
	}
	const source = `"source":"profile test: because"`
	want := map[sysctl.Key]string{
		"net.core.somaxconn": `{"key":"net.core.somaxconn","runtime":"128","persisted":"512","desired":"4096",` + source + `,"action":"change","risk":"safe"}`,
		"net.ipv4.ip_local_port_range": `{"key":"net.ipv4.ip_local_port_range","runtime":"32768 60999","desired":"16384 65535",` +
			source + `,"action":"change","risk":"caution"}`,
		"net.ipv4.tcp_slow_start_after_idle": `{"key":"net.ipv4.tcp_slow_start_after_idle","runtime":"1","persisted":"1","desired":"0",` +
			source + `,"action":"change","risk":"caution"}`,
		"net.ipv4.tcp_timestamps": `{"key":"net.ipv4.tcp_timestamps","runtime":"1","desired":"0",` + source +
			`,"action":"change","reason":"loses protection from old segments (PAWS), round-trip samples, tcp_tw_reuse and the options kept in SYN cookies","risk":"dangerous"}`,
		"net.ipv4.tcp_syncookies": `{"key":"net.ipv4.tcp_syncookies","runtime":"1","desired":"1",` + source + `,"action":"none"}`,
		"net.ipv4.tcp_sack":       `{"key":"net.ipv4.tcp_sack","runtime":"1","persisted":"0","desired":"1",` + source + `,"action":"persist"}`,
		"net.core.netdev_max_backlog": `{"key":"net.core.netdev_max_backlog","runtime":"","desired":"4096",` + source +
			`,"action":"refused","reason":"net.core.netdev_max_backlog: belongs to the host, not to a network namespace of its own"}`,
		"net.ipv4.tcp_tw_recycle": `{"key":"net.ipv4.tcp_tw_recycle","runtime":"","desired":"","source":"profile test","action":"left","reason":"gone since Linux 4.12"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestKeepDropsStaleLines: a parameter that is to have the kernel's own default
// loses the line that an earlier change left.
func TestKeepDropsStaleLines(t *testing.T) {
	t.Parallel()
	p := plannedFor(applyRequest{wants: []sysctl.Want{{Key: "net.ipv4.tcp_syncookies", Op: sysctl.Exactly, Value: "1", Reason: "r"}}}, sysctl.Conf{}, false)
	ours := sysctl.Conf{Files: []sysctl.ConfFile{{Path: sysctl.PersistPath, Text: "net.ipv4.tcp_syncookies = 2\n"}}}
	lines, drop := p.keep(ours)
	if len(lines) != 0 || len(drop) != 1 || drop[0] != "net.ipv4.tcp_syncookies" {
		t.Errorf("got lines %v, drop %v", lines, drop)
	}
}

func TestShowResult(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 14, 25, 2, 0, time.Local)
	for _, tt := range []struct {
		d    applyResult
		want string
		code error
	}{
		{applyResult{Changed: true, ChangeID: "7c1f", Phase: sysctl.PhasePending, Deadline: at},
			"applied and read back. Undone at 14:25:02 unless: tcpdoctor change confirm 7c1f\n", nil},
		{applyResult{Changed: true, ChangeID: "7c1f", Phase: sysctl.PhaseApplied, Warnings: []string{"the disk"}},
			"applied and read back. To undo it: tcpdoctor change rollback 7c1f\n  warning: the disk\n", nil},
		{applyResult{}, "nothing to do: nothing was changed\n", nil},
		{applyResult{Changed: true, DryRun: true}, "dry run: nothing was changed\n", nil},
		{applyResult{Refused: "declined"}, "nothing changed: declined\n", exit(codeRefused)},
		{applyResult{Refused: "no space; nothing remains changed", Phase: sysctl.PhaseUndone}, "undone: no space; nothing remains changed\n", exit(codeRefused)},
	} {
		var out bytes.Buffer
		err := textOptions(&out, 100).finish(tt.d)
		if out.String() != tt.want || !errors.Is(err, tt.code) {
			t.Errorf("got %q, %v, want %q, %v", out.String(), err, tt.want, tt.code)
		}
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, " y": true, "n\n": false, "\n": false, "": false, "yup\n": false} {
		o := applyOptions{io: streams{In: strings.NewReader(answer), Err: &bytes.Buffer{}}}
		if got, err := o.consent(t.Context(), "apply?"); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", answer, got, err, want)
		}
	}
}

// TestConsentInterrupted: nobody is kept at a question.
func TestConsentInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := applyOptions{io: streams{In: never{}, Err: &bytes.Buffer{}}}
	if got, err := o.consent(ctx, "apply?"); err == nil || got {
		t.Errorf("got %v, %v, want an error", got, err)
	}
}

// never is a terminal at which nobody types.
type never struct{}

// Read waits for ever.
func (never) Read([]byte) (int, error) { select {} }

// TestSheetBreaks: words keep their spaces, lines their width where they can.
func TestSheetBreaks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := textOptions(&out, 10).sheet() // 40 at least
	s.line(2, "one  two three four five six seven eight nine ten")
	s.labelled("why", "a-word-that-is-longer-than-any-line-could-bear-to-be and more")
	want := "  one  two three four five six seven\n    eight nine ten\n" +
		"  why      a-word-that-is-longer-than-any-line-could-bear-to-be\n           and more\n"
	if s.end() != nil || out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
