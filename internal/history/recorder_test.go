package history

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// began is when the tests take place.
func began() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// seen is a window of a host with a name that tells which it is.
func seen(n int, at time.Time) facts.Window {
	return facts.Window{Host: facts.Host{Hostname: fmt.Sprintf("window %d", n)}, Started: at, Seconds: 10}
}

// hostname decodes a recording and says which window it is.
func hostname(t *testing.T, dir, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := facts.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return w.Host.Hostname
}

func record(t *testing.T, r *Recorder, uid string) string {
	t.Helper()
	name, err := r.Write(uid)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func recordings(t *testing.T, dir string) []Recording {
	t.Helper()
	all, err := Recordings(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), RecordingFolder)
	r := NewRecorder(dir, RecorderOptions{})
	if _, err := r.Write("early"); err == nil {
		t.Error("got a recording of nothing")
	}
	at := began()
	for n := range 100 { // every ten seconds
		if err := r.Add(seen(n, at.Add(time.Duration(n)*10*time.Second))); err != nil {
			t.Fatal(err)
		}
	}
	if name := record(t, r, "abc"); name != "abc.rec" {
		t.Errorf("got %q", name)
	}
	if name := record(t, r, "def"); name != "abc.rec" { // of the same window
		t.Errorf("got %q", name)
	}
	all := recordings(t, dir)
	if len(all) != 1 || len(all[0].Earlier) != 6 || !all[0].At.Equal(at.Add(990*time.Second)) {
		t.Fatalf("got %+v", all)
	}
	got := []string{hostname(t, dir, all[0].Name)}
	for _, e := range all[0].Earlier {
		got = append(got, hostname(t, dir, e.Name))
	}
	want := []string{"window 99", "window 96", "window 90", "window 84", "window 78", "window 72", "window 66"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 7 {
		t.Fatalf("got %v, %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want it for its owner alone", e.Name(), info.Mode(), err)
		}
	}
}

// TestRecorderReplaces: an incident that comes back has one recording.
func TestRecorderReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	many, few := NewRecorder(dir, RecorderOptions{}), NewRecorder(dir, RecorderOptions{Windows: 2})
	for n := range 10 {
		for _, r := range []*Recorder{many, few} {
			if err := r.Add(seen(n, began().Add(time.Duration(n)*time.Minute))); err != nil {
				t.Fatal(err)
			}
		}
	}
	record(t, many, "a")
	record(t, few, "a")
	if all := recordings(t, dir); len(all) != 1 || len(all[0].Earlier) != 2 || all[0].Earlier[1].Name != "a.before-2.rec" {
		t.Errorf("got %+v", all)
	}
}

func TestRecordingsAreBounded(t *testing.T) {
	t.Parallel()
	var one bytes.Buffer
	if err := facts.Encode(&one, seen(1000, began())); err != nil {
		t.Fatal(err)
	}
	size := int64(one.Len())
	for _, tt := range []struct {
		name       string
		o          RecorderOptions
		want, most int
	}{
		{"by number", RecorderOptions{Files: 5}, 5, 5},
		{"by size", RecorderOptions{DiskBytes: 30*size + size/2}, 4, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, ".recording-1.tmp"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			r := NewRecorder(dir, tt.o)
			at := began()
			for n := range 120 {
				at = at.Add(time.Minute)
				if n == 60 {
					at = at.Add(-24 * time.Hour) // what was written so far is of tomorrow
				}
				if err := r.Add(seen(n, at)); err != nil {
					t.Fatal(err)
				}
				if n%3 == 0 {
					record(t, r, fmt.Sprintf("i%03d", n))
				}
			}
			all := recordings(t, dir)
			if len(all) < tt.want || len(all) > tt.most || all[0].Name != "i117.rec" || all[len(all)-1].Name < "i100" {
				t.Errorf("got %+v", all)
			}
			var total int64
			for _, rec := range all {
				total += rec.Bytes
			}
			if tt.o.DiskBytes > 0 && total > tt.o.DiskBytes {
				t.Errorf("got %d bytes, want at most %d", total, tt.o.DiskBytes)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*.t*"))
			if err != nil || len(left) != 1 {
				t.Errorf("got %v, %v, want only what is not ours", left, err)
			}
		})
	}
}

func TestRecorderMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := NewRecorder(dir, RecorderOptions{Windows: 100, MemoryBytes: 1000})
	failed := 0
	for n := range 20 {
		w := seen(n, began().Add(time.Duration(n)*time.Minute))
		if n == 10 { // does not fit
			for i := range 20_000 {
				w.Log = append(w.Log, facts.LogLine{Text: fmt.Sprintf("%x", i*i*i)})
			}
		}
		if err := r.Add(w); err != nil {
			if !strings.Contains(err.Error(), "more than 1000 bytes") {
				t.Error(err)
			}
			failed++
		}
	}
	var total int
	for _, e := range r.earlier {
		total += len(e.b)
	}
	if failed != 1 || total > 1000 || len(r.earlier) < 2 {
		t.Errorf("got %d failures, %d windows of %d bytes", failed, len(r.earlier), total)
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	names := make(map[string]string)
	for _, uid := range []string{
		"a", "A-1_b", "", ".", "..", "../x", "a/b", "a.b", "-rf", "a b", "a\x00b", "ä", strings.Repeat("x", 100), strings.Repeat("x", 101), "a.before-1", "CON/..",
	} {
		name := fileName(uid)
		if !plainName.MatchString(name) || len(name) > stemMost || filepath.Base(name) != name {
			t.Errorf("%q: got %q", uid, name)
		}
		if other, ok := names[name]; ok {
			t.Errorf("%q and %q: both are %q", uid, other, name)
		}
		names[name] = uid
	}
	if got := fileName("A-1_b"); got != "A-1_b" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkRecorderAdd(b *testing.B) {
	w := seen(0, began())
	counters := make(facts.Counters)
	for i := range 400 {
		counters[fmt.Sprintf("TcpExt.Counter%d", i)] = uint64(i * i * i)
	}
	for range 20 { // namespaces
		n := facts.NamespaceWindow{Start: facts.Snapshot{Counters: counters}, End: facts.Snapshot{Counters: counters}}
		w.Namespaces = append(w.Namespaces, n)
	}
	r := NewRecorder(b.TempDir(), RecorderOptions{})
	n := 0
	for b.Loop() {
		w.Started = began().Add(time.Duration(n) * 10 * time.Second)
		if err := r.Add(w); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
