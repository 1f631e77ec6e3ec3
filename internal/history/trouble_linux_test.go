package history

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// onDisk runs a test of this package again, with a folder on a file system of
// its own of so many bytes.
func onDisk(t *testing.T, size string) (dir string, inside bool) {
	t.Helper()
	const env = "HISTORY_TEST_MOUNT"
	if dir := os.Getenv(env); dir != "" {
		return dir, true
	}
	dir = t.TempDir()
	line := fmt.Sprintf("mount -t tmpfs -o size=%s none %s && exec %s -test.run='^%s$' -test.v", size, dir, os.Args[0], t.Name())
	cmd := exec.Command("unshare", "-rm", "sh", "-c", line)
	cmd.Env = append(os.Environ(), env+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil && os.Getenv("CI") == "" && strings.Contains(string(out), "unshare") {
		t.Skipf("needs root or unprivileged namespaces: %s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir, false
}

// TestFullDisk: what cannot be written is an error and stays in memory, all that
// was written before stays, and all is written once there is room.
func TestFullDisk(t *testing.T) {
	dir, inside := onDisk(t, "1m")
	if !inside {
		return
	}
	path := filepath.Join(dir, DefaultFile)
	s := open(t, path, Options{Hold: -1, MaxBytes: 64 << 20})
	if err := s.Declare([]string{"r"}); err != nil {
		t.Fatal(err)
	}
	n, failed := 0, 0
	var first error
	for failed < 50 {
		n++
		if err := s.Commit(bulky(n)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) || errors.Is(err, ErrRefused) {
				t.Fatalf("tick %d: got %v, want a full disk named", n, err)
			}
			if first == nil {
				first = err
			}
			failed++
		}
		if n > 5000 {
			t.Fatal("the disk does not fill")
		}
	}
	t.Logf("full at tick %d: %v", n-50, first)
	check := func(want int) {
		t.Helper()
		all, err := s.Incidents(Query{})
		if err != nil || len(all) != want {
			t.Fatalf("got %d incidents, %v, want %d", len(all), err, want)
		}
		if waiting, _ := s.Backlog("r"); waiting != want {
			t.Fatalf("got %d messages, want %d", waiting, want)
		}
	}
	check(n)
	if stats := s.Stats(); stats.Failures != 50 || stats.HeldBytes == 0 {
		t.Errorf("got %+v", stats)
	}
	// A message that is taken meanwhile is not offered again.
	e, _, _ := s.Next("r")
	if err := s.Done("r", e.Seq); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want a full disk", err)
	}
	if next, _, _ := s.Next("r"); next.Seq != e.Seq+1 {
		t.Errorf("got message %d after %d", next.Seq, e.Seq)
	}
	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	n++
	commit(t, s, bulky(n))
	if stats := s.Stats(); stats.HeldBytes != 0 {
		t.Errorf("got %d bytes that are not on the disk", stats.HeldBytes)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if err := s.MovedAside(); err != nil {
		t.Fatal(err)
	}
	if next, _, _ := s.Next("r"); next.Seq != e.Seq+1 {
		t.Errorf("got message %d first", next.Seq)
	}
	if all, err := s.Incidents(Query{}); err != nil || len(all) != n {
		t.Errorf("got %d incidents, %v, want %d", len(all), err, n)
	}
}

// bulky is a tick with an incident that does not compress, and a message.
func bulky(n int) Tick {
	at := began().Add(time.Duration(n) * time.Minute)
	in := found(uidOf(n), at)
	noise := uint64(n)
	var text strings.Builder
	for range 300 {
		noise = noise*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&text, "%016x", noise)
	}
	in.Finding.Explanation = text.String()
	return Tick{At: at, State: []byte(uidOf(n)), Incidents: []incident.Incident{in}, Alerts: []incident.Alert{told(found(uidOf(n), at), incident.Firing, 0)}}
}

// TestReadOnlyDisk: nothing can be opened there but for reading.
func TestReadOnlyDisk(t *testing.T) {
	dir, inside := onDisk(t, "8m")
	if !inside {
		return
	}
	path := filepath.Join(dir, DefaultFile)
	s := open(t, path, Options{Hold: -1})
	commit(t, s, bulky(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v, want a read-only file system", err)
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	if all, unreadable, err := r.Incidents(Query{}); len(all) != 1 || unreadable != 0 || err != nil {
		t.Errorf("got %d, %d, %v", len(all), unreadable, err)
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), DefaultFile)
	open(t, path, Options{})
	_, err := Open(path, Options{})
	held, ok := errors.AsType[*LockedError](err)
	if !ok || held.PID != os.Getpid() || !strings.HasSuffix(held.Path, "history.lock") {
		t.Fatalf("got %v", err)
	}
	want := fmt.Sprintf("history: %s is held by process %d: one agent at a time keeps a history there", held.Path, os.Getpid())
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), DefaultFile)
	s := open(t, path, Options{})
	commit(t, s, load(3))
	s.pending.set(bucketMeta, keySchema, frame(formPlain, []byte("7")))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, Options{})
	newer, ok := errors.AsType[*NewerSchemaError](err)
	if !ok || newer.Schema != 7 || newer.Newest != schemaVersion || newer.Path != path {
		t.Errorf("got %v", err)
	}
	if _, err := OpenReadOnly(path); !errors.As(err, &newer) {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file is not as it was: %v", err)
	}
}
