package notify

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script makes a program of the test.
func script(t *testing.T, text string) string {
	t.Helper()
	path := file(t, "script", "#!/bin/sh\n"+text)
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandGetsDocument(t *testing.T) {
	noneLeft(t)
	t.Setenv("TCPDOCTOR_SECRET", "x")
	t.Setenv("NOTIFY_SOCKET", "/run/x")
	out := t.TempDir()
	c := newCommand("c", CommandConfig{Argv: []string{script(t, `cat >"$1/body"; env >"$1/env"; printf '%s\n' "$@" >"$1/args"`), out, "$(id) ; *"}})
	a := over(sample(1))
	if err := c.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var got Document
	if err := json.Unmarshal([]byte(read("body")), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Document{Schema: Schema, Alert: a}, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if got, want := read("args"), out+"\n$(id) ; *\n"; got != want {
		t.Errorf("got arguments %q, want %q", got, want)
	}
	env := read("env")
	for _, want := range []string{
		"TCPDOCTOR_ALERT_ID=accept-queue-overflow\n", "TCPDOCTOR_ALERT_STATUS=resolved\n", "TCPDOCTOR_ALERT_SEVERITY=critical\n",
		"TCPDOCTOR_ALERT_SUBJECT=listener 0.0.0.0:1001 nginx\n", "TCPDOCTOR_ALERT_UID=a1\n", "TCPDOCTOR_ALERT_ENDS_AT=" + stamp(a.EndsAt) + "\n",
		"TCPDOCTOR_ALERT_DESCRIPTION=listen(511) was cut to 128\nby net.core.somaxconn\n", "PATH=",
	} {
		if !strings.Contains(env, want) {
			t.Errorf("no %q in\n%s", want, env)
		}
	}
	for _, unwanted := range []string{"TCPDOCTOR_SECRET", "NOTIFY_SOCKET"} {
		if strings.Contains(env, unwanted) {
			t.Errorf("%s was handed on", unwanted)
		}
	}
}

func TestCommandFails(t *testing.T) {
	noneLeft(t)
	unreadable := file(t, "data", "no program")
	for name, c := range map[string]struct {
		argv  []string
		tries int
		text  string
	}{
		"exit 1":      {[]string{script(t, "echo broken >&2; exit 1")}, triesUndecided, `exit status 1: "broken"`},
		"exit 75":     {[]string{script(t, "exit 75")}, triesUnlimited, "exit status 75"},
		"exit 65":     {[]string{script(t, "exit 65")}, triesRefused, "exit status 65"},
		"by a signal": {[]string{script(t, "kill -SEGV $$")}, triesUndecided, "signal: segmentation fault"},
		"missing":     {[]string{"/does/not/exist"}, triesUndecided, "no such file"},
		"no program":  {[]string{unreadable}, triesUndecided, "permission denied"},
		"prints much": {[]string{script(t, "yes 'much' | head -c 3000000; exit 1")}, triesUndecided, `much\nmuch`},
		"reads not":   {[]string{script(t, "exec <&-; exit 1")}, triesUndecided, "exit status 1"},
	} {
		err := newCommand("c", CommandConfig{Argv: c.argv}).Send(t.Context(), sample(1))
		if err == nil || asFailure(err).tries != c.tries || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 1000 {
			t.Errorf("%s: got %v, want %q", name, err, c.text)
		}
	}
}

// TestCommandEndsWithAllItStarted: when its time is over nothing is left of it.
func TestCommandEndsWithAllItStarted(t *testing.T) {
	noneLeft(t)
	for name, text := range map[string]string{
		"foreground": `echo $$ >"$1"; sleep 300 & echo $! >>"$1"; wait`,
		"stubborn":   `trap '' TERM INT HUP; echo $$ >"$1"; while :; do sleep 1; done`,
		"reads on":   `echo $$ >"$1"; tail -f /dev/null`,
	} {
		t.Run(name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			c := newCommand("c", CommandConfig{Common: Common{Timeout: 300 * time.Millisecond}, Argv: []string{script(t, text), pids}})
			begun := time.Now()
			err := c.Send(t.Context(), sample(1))
			if err == nil || asFailure(err).tries != triesUndecided || !strings.Contains(err.Error(), "killed after 300ms") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			for _, pid := range numbers(t, pids) {
				await(t, "end of process "+strconv.Itoa(pid), func() bool { return gone(pid) })
			}
		})
	}
}

// gone reports whether a process is gone, or waits for a parent that does not
// take note of children it never had.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(text), ") Z ")
}

func numbers(t *testing.T, path string) []int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for field := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// TestCommandLeavesSomethingRunning: the command ended well; what it left
// running holds nothing up.
func TestCommandLeavesSomethingRunning(t *testing.T) {
	noneLeft(t)
	pids := filepath.Join(t.TempDir(), "pids")
	c := newCommand("c", CommandConfig{Argv: []string{script(t, `sleep 300 & echo $! >"$1"; exit 0`), pids}})
	begun := time.Now()
	if err := c.Send(t.Context(), sample(1)); err != nil {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, pid := range numbers(t, pids) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// TestCommandStopped: a command that runs when all is to end is killed.
func TestCommandStopped(t *testing.T) {
	noneLeft(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	c := newCommand("c", CommandConfig{Argv: []string{script(t, "sleep 300")}})
	if err := c.Send(ctx, sample(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
