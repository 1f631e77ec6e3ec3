package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// TestNamespacesComeAndGo makes 500 namespaces, each with a listener, some of them
// at a time, and ends them again. Nothing of them stays.
func TestNamespacesComeAndGo(t *testing.T) {
	w := newWatcher(t, "")
	w.run(t)
	before := w.metric(t, "process_open_fds")
	const rounds, each = 10, 50
	var resident float64 // after the first round: the race detector takes memory of its own
	for round := range rounds {
		closeAll := listeningNamespaces(t, each)
		await(t, "the agent to see them", func() bool {
			text, err := w.get(t, "/api/v1/report")
			return err == nil && strings.Count(text, `"sockets": {`) > each
		})
		closeAll()
		if round == 0 {
			resident = w.metric(t, "process_resident_memory_bytes")
		}
	}
	await(t, "the agent to let go of them", func() bool { return w.metric(t, "process_open_fds") <= before+16 })
	if bytes := w.metric(t, "process_resident_memory_bytes"); bytes > 1.5*resident+(16<<20) {
		t.Errorf("got %.0f MiB resident after %d namespaces, %.0f after %d", bytes/(1<<20), rounds*each, resident/(1<<20), each)
	}
	if n := w.series(t); n > 2000 {
		t.Errorf("got %d series after %d namespaces", n, rounds*each)
	}
}

// listeningNamespaces makes namespaces, each with a socket that listens and a
// process that lives there.
func listeningNamespaces(t *testing.T, n int) (closeAll func()) {
	t.Helper()
	var ends []func()
	closeAll = func() {
		for _, end := range ends {
			end()
		}
		ends = nil
	}
	t.Cleanup(func() { closeAll() })
	for range n {
		h, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, func() { _ = h.Close() })
		inhabitant := exec.Command("sleep", "60")
		if err := h.Do(inhabitant.Start); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, func() {
			_ = inhabitant.Process.Kill()
			_ = inhabitant.Wait()
		})
		err = h.Do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			ends = append(ends, func() { _ = unix.Close(fd) })
			if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 80}); err != nil {
				return fmt.Errorf("bind: %w", err)
			}
			return unix.Listen(fd, 16)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return closeAll
}

// TestListenersComeAndGo lets a hundred listeners appear and vanish again and
// again in one namespace.
func TestListenersComeAndGo(t *testing.T) {
	w := newWatcher(t, "")
	w.run(t)
	h, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	inhabitant := exec.Command("sleep", "300")
	if err := h.Do(inhabitant.Start); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = inhabitant.Process.Kill()
		_ = inhabitant.Wait()
	}()
	for range 5 {
		var fds []int
		err := h.Do(func() error {
			for port := range 100 {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				fds = append(fds, fd)
				if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 1000 + port}); err != nil {
					return err
				}
				if err := unix.Listen(fd, 16); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		await(t, "the agent to see them", func() bool {
			text, err := w.get(t, "/metrics")
			return err == nil && strings.Count(text, "tcpdoctor_listener_accept_queue_limit{") >= 100
		})
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		ticksPass(t, w, 1)
	}
	label := model.NetnsLabels([]facts.Namespace{{Cookie: h.ID().Cookie, Inode: h.ID().Inode}})[0]
	if got := w.incidents(t, func(_, netns string) bool { return netns == label }); len(got) != 0 {
		t.Errorf("got %q about listeners that come and go", got)
	}
	if n := w.series(t); n > 2000 {
		t.Errorf("got %d series", n)
	}
}
