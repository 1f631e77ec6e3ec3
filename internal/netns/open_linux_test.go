package netns

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenByPIDAndPath(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	h := newNamespace(t)
	pid := holder(t, h).Process.Pid
	for _, spec := range []string{strconv.Itoa(pid), "/proc/" + strconv.Itoa(pid) + "/ns/net"} {
		got, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Same(h) || got.ID() != h.ID() || got.IsSelf() || got.Name() != "" {
			t.Errorf("%s: got %+v named %q, want %+v without a name", spec, got.ID(), got.Name(), h.ID())
		}
		_ = got.Close()
	}
	own, err := Open(strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if !own.IsSelf() {
		t.Error("own process ID: got another namespace")
	}
}

func TestOpenByName(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	f := finder{proc: "/proc", names: []string{t.TempDir()}}
	h := newNamespace(t)
	bindNamespace(t, h, filepath.Join(f.names[0], "db1"))
	for _, spec := range []string{"db1", filepath.Join(f.names[0], "db1")} {
		got, err := f.open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Same(h) || got.Name() != "db1" {
			t.Errorf("%s: got %+v named %q", spec, got.ID(), got.Name())
		}
		_ = got.Close()
	}
	_, err := f.open("db7")
	want := `no namespace named "db7" (there are: db1); a pid or a path works too`
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	if unknown, ok := errors.AsType[*UnknownError](err); !ok || unknown.Name != "db7" {
		t.Errorf("got %T, want *UnknownError", err)
	}
}

// bindNamespace gives a namespace a name, as `ip netns add` would.
func bindNamespace(t *testing.T, h *Handle, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := h.Do(func() error { return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	f := finder{proc: "/proc", names: []string{filepath.Join(t.TempDir(), "none")}}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, spec, want string }{
		{"empty", "", "netns: open: empty name"},
		{"unknown", "db7", `no namespace named "db7" (none has a name); a pid or a path works too`},
		{"no process", "4194305", "netns: no process 4194305, and no namespace of that name"},
		{"no such path", "/nowhere/db7", "netns: open /nowhere/db7: no such file or directory"},
		{"not a namespace", pipe, "netns: " + pipe + " is not a namespace"},
		{"another kind", "/proc/self/ns/uts", "netns: /proc/self/ns/uts is not a network namespace"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h, err := f.open(test.spec)
			if err == nil {
				_ = h.Close()
				t.Fatal("got no error")
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error %q, want %q", err, test.want)
			}
		})
	}
}
