package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// TestReloadOfARunningAgent sends SIGHUP with settings that are wrong, then with
// some that are good. The incident that is open stays so.
func TestReloadOfARunningAgent(t *testing.T) {
	w := newWatcher(t, "")
	told := filepath.Join(w.dir, "told")
	w.run(t)
	startFault(t, "close-wait-leak-descriptor-leak")
	await(t, "the finding", func() bool { return slices.Contains(w.findings(t), "open close-wait-leak") })

	good := fmt.Sprintf(quickAlerts, w.address) + fmt.Sprintf("receivers: {command: [{argv: [/bin/sh, -c, 'cat >>%s']}]}\n", told)
	w.configure(t, strings.Replace(good, "tick:", "tik:", 1))
	w.hangUp(t)
	await(t, "the refusal", func() bool { return strings.Contains(w.log.String(), "the old ones stay in force") })
	if !strings.Contains(w.log.String(), "did you mean agent.tick?") {
		t.Errorf("it does not say what is wrong:\n%s", w.log)
	}
	ticksPass(t, w, 2)
	w.configure(t, good)
	w.hangUp(t)
	await(t, "the new settings", func() bool { return strings.Contains(w.log.String(), "new settings are in force") })
	ticksPass(t, w, 3)
	if got := w.findings(t); !slices.Contains(got, "open close-wait-leak") {
		t.Errorf("got %q, want that the incident is still open", got)
	}
	startFault(t, "time-wait-overflow")
	await(t, "news for the new receiver", func() bool {
		text, _ := os.ReadFile(told)
		return strings.Contains(string(text), "time-wait-overflow") && !strings.Contains(string(text), "close-wait-leak")
	})
}

func (w *watcher) hangUp(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// TestTwoAgents starts a second one over the same state.
func TestTwoAgents(t *testing.T) {
	w := newWatcher(t, "")
	w.run(t)
	out, err := exec.Command(w.program, append(w.args(), "--listen", freeAddress(t))...).CombinedOutput()
	code := new(exec.ExitError)
	if !errors.As(err, &code) || code.ExitCode() != codeFailed || !strings.Contains(string(out), filepath.Join(w.dir, "state")) {
		t.Errorf("the same state: got %v and %q, want exit code 3 and which folder is in use", err, out)
	}
	other := append(w.args(), "--state-dir", t.TempDir())
	out, err = exec.Command(w.program, other...).CombinedOutput()
	if !errors.As(err, &code) || code.ExitCode() != codeFailed || !strings.Contains(string(out), "address already in use") {
		t.Errorf("the same address: got %v and %q, want exit code 3 and that it is in use", err, out)
	}
}

// TestServiceManager is one: it hears that the agent is ready, goes round, reads
// its settings again, and stops.
func TestServiceManager(t *testing.T) {
	w := newWatcher(t, "")
	path := filepath.Join(w.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	heard := new(logbook)
	go func() {
		r := bufio.NewReader(conn)
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			if err != nil {
				return
			}
			fmt.Fprintf(heard, "%s\n", buf[:n])
		}
	}()
	w.run(t, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=2000000")
	for _, want := range []string{"READY=1", "WATCHDOG=1", "STATUS="} {
		await(t, want, func() bool { return strings.Contains(heard.String(), want) })
	}
	w.hangUp(t)
	await(t, "RELOADING=1, then READY=1", func() bool {
		_, after, found := strings.Cut(heard.String(), "RELOADING=1")
		return found && strings.Contains(after, "READY=1")
	})
	w.end(syscall.SIGTERM)
	if code := w.cmd.ProcessState.ExitCode(); code != codeOK {
		t.Errorf("got exit code %d after SIGTERM, want 0", code)
	}
	await(t, "STOPPING=1", func() bool { return strings.Contains(heard.String(), "STOPPING=1") })
}

// TestDiskFullAndReadOnly gives the agent a disk of one megabyte that is full, then
// one that cannot be written, each in a mount namespace of its own.
func TestDiskFullAndReadOnly(t *testing.T) {
	for name, script := range map[string]string{
		"full":      `mount -t tmpfs -o size=1m none "$0" && dd if=/dev/zero of="$0"/filler bs=4k 2>/dev/null; exec "$@"`,
		"read-only": `mount -t tmpfs -o size=1m,ro none "$0" && exec "$@"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatcher(t, "")
			state := filepath.Join(w.dir, "state")
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"-m", "--propagation", "private", "sh", "-c", script, state, w.program}, w.args()...)
			w.process = start(t, nil, needProgram(t, "unshare"), args...)
			w.ready(t)
			startFault(t, "close-wait-leak-descriptor-leak")
			await(t, "the finding", func() bool { return slices.Contains(w.findings(t), "open close-wait-leak") })
			if !strings.Contains(w.log.String(), "cannot be") {
				t.Errorf("it does not say that nothing is kept:\n%s", w.log)
			}
			ticksPass(t, w, 3)
		})
	}
}

// TestPageShowsAFault opens the page in a browser, and makes a fault.
func TestPageShowsAFault(t *testing.T) {
	browser := webtest.NeedBrowser(t)
	w := newWatcher(t, "")
	w.run(t)
	page, err := browser.Open("http://"+w.address+"/", webtest.View{})
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	startFault(t, "accept-queue-overflow-fd-limit")
	before := w.metric(t, "tcpdoctor_ticks_total")
	if err := page.WaitText("lab-few-files", waitMost); err != nil {
		t.Fatal(err)
	}
	if ticks := w.metric(t, "tcpdoctor_ticks_total") - before; ticks > 2+1 {
		t.Errorf("the page took %.0f ticks to show it, want two, and one more for looking", ticks)
	}
}

// TestCardinalityUnderAttack floods a listener from tens of thousands of
// addresses, and connects to ten thousand destinations.
func TestCardinalityUnderAttack(t *testing.T) {
	w := newWatcher(t, "")
	w.run(t)
	before, resident := w.series(t), w.metric(t, "process_resident_memory_bytes")
	r, _ := startFault(t, "syn-flood-cookies-on")
	connectWidely(t, r.Client, 10_000)
	await(t, "the finding", func() bool { return slices.Contains(w.findings(t), "open syn-flood") })
	ticksPass(t, w, 3)
	if after := w.series(t); after-before > 400 {
		t.Errorf("got %d series, %d before", after, before)
	}
	if bytes := w.metric(t, "process_resident_memory_bytes"); bytes > 2*resident+(32<<20) {
		t.Errorf("got %.0f MiB resident, %.0f before", bytes/(1<<20), resident/(1<<20))
	}
}

// series counts what /metrics tells.
func (w *watcher) series(t *testing.T) int {
	t.Helper()
	text, err := w.get(t, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// connectWidely leaves a connection in TIME_WAIT towards each of n addresses.
func connectWidely(t *testing.T, ns *netns.Handle, n int) {
	t.Helper()
	if err := lab.LoopbackUp(ns); err != nil {
		t.Fatal(err)
	}
	err := ns.Do(func() error {
		server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(server)
		if err := unix.Bind(server, &unix.SockaddrInet4{Port: 7777}); err != nil {
			return err
		}
		if err := unix.Listen(server, 16); err != nil {
			return err
		}
		to := netip.MustParseAddr("127.1.0.0")
		for range n {
			to = to.Next()
			if err := passing(server, to); err != nil {
				return fmt.Errorf("%s: %w", to, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// passing makes one connection, which the client closes first.
func passing(server int, to netip.Addr) error {
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(client, &unix.SockaddrInet4{Port: 7777, Addr: to.As4()}); err != nil {
		_ = unix.Close(client)
		return err
	}
	accepted, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
	if err != nil {
		_ = unix.Close(client)
		return err
	}
	_ = unix.Close(client)
	return unix.Close(accepted)
}
