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

// TestRecorderFullDisk: without room there is no recording, and nothing is
// harmed or left behind.
func TestRecorderFullDisk(t *testing.T) {
	dir, inside := onDisk(t, "1m")
	if !inside {
		return
	}
	folder := filepath.Join(dir, RecordingFolder)
	r := NewRecorder(folder, RecorderOptions{})
	for n := range 20 {
		if err := r.Add(seen(n, began().Add(time.Duration(n)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	record(t, r, "first")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want a full disk", err)
	}
	if err := r.Add(seen(20, began().Add(20*time.Minute))); err != nil {
		t.Fatal(err)
	}
	if name, err := r.Write("second"); name != "" || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %q, %v, want a full disk", name, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 7 {
		t.Errorf("got %d files, %v, want those of the first recording", len(entries), err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if name := record(t, r, "second"); name != "second.rec" || len(recordings(t, folder)) != 2 {
		t.Errorf("got %q", name)
	}
}

// TestReadWhileWritten reads a history over and over while another goroutine
// commits to it: whatever is read is what was there after some tick.
func TestReadWhileWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), DefaultFile)
	s := open(t, path, Options{Hold: -1})
	commit(t, s, load(0))
	// Three ticks for every look: else, on a busy machine, none would be quick
	// enough ever.
	look, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		n := 0
		for range look {
			for range 3 {
				n++
				if err := s.Commit(load(n)); err != nil {
					stopped <- err
					return
				}
			}
		}
		stopped <- nil
	}()
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := r.LastTick(); err != nil || at.Before(began()) {
		t.Errorf("got %v, %v as the last tick", at, err)
	}
	last := 0
	for range 100 {
		select {
		case look <- struct{}{}:
		case err := <-stopped:
			t.Fatal(err)
		}
		all, unreadable, err := r.Incidents(Query{})
		if err != nil || unreadable != 0 {
			t.Fatalf("got %d unreadable, %v", unreadable, err)
		}
		for i, in := range all {
			if in.UID != uidOf(3*(len(all)-1-i)) {
				t.Fatalf("got %s as number %d of %d", in.UID, i, len(all))
			}
		}
		if len(all) < last {
			t.Fatalf("got %d incidents after %d", len(all), last)
		}
		last = len(all)
		samples, err := r.Series("n", began(), began().Add(time.Hour), 1000)
		if err != nil || len(samples) == 0 {
			t.Fatalf("got %d samples, %v", len(samples), err)
		}
	}
	close(look)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if last < 3 {
		t.Errorf("got %d incidents in all, too few to tell", last)
	}
}
