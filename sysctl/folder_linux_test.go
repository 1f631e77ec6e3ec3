package sysctl

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// here is the namespace of a tree that is an ordinary folder.
type here struct{}

func (here) Do(fn func() error) error { return fn() }
func (here) ID() netns.ID             { return netns.ID{Cookie: 1} }

// folderBench is a host whose parameters are files in a folder: a stand-in for the
// initial namespace, which tests must not write.
func folderBench(t *testing.T, values map[Key]string) (*Dir, *Target) {
	t.Helper()
	root := t.TempDir()
	for k, v := range values {
		p, err := k.Path()
		if err != nil {
			t.Fatal(err)
		}
		full := filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(v+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	target, err := NewTarget(TargetOptions{Tree: d, Namespace: here{}, Env: testEnv})
	if err != nil {
		t.Fatal(err)
	}
	return d, target
}

// In the initial namespace the choice of a congestion control makes the kernel
// allow it to everybody; undoing the choice takes that back, too. Longer values
// leave nothing behind in the folder's files.
func TestInitialNamespace(t *testing.T) {
	t.Parallel()
	d, target := folderBench(t, map[Key]string{
		keyNetdevBacklog: "1000", keyCongestion: "cubic", keyAvailable: "reno cubic bbr", keyAllowed: "reno cubic",
		"net.ipv4.tcp_wmem": "4096\t16384\t4194304", "net.core.somaxconn": "4096",
	})
	if !target.id.Initial {
		t.Fatal("not taken for the initial namespace")
	}
	kernel := &saboteur{after: func(_ int64, kind stepKind, key string, err error) error {
		if kind == stepWrite && Key(key) == keyCongestion && err == nil {
			if name, _ := d.Read(keyCongestion); name == "bbr" {
				return d.Write(keyAllowed, "reno cubic bbr")
			}
		}
		return err
	}}
	j := NewJournal(JournalOptions{Dir: fastDir(t), perform: kernel})
	p, err := target.Plan([]Want{
		{Key: keyCongestion, Op: Exactly, Value: "bbr"},
		{Key: keyNetdevBacklog, Op: AtLeast, Value: "20000"},
		{Key: "net.ipv4.tcp_wmem", Field: "max", Op: AtLeast, Value: "67108864"},
	})
	if err != nil || p.Err() != nil || len(p.Changes) != 3 {
		t.Fatalf("got %+v, %v, %v", p, err, p.Err())
	}
	r, err := p.Apply(context.Background(), j, target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.ReadRaw("net.ipv4.tcp_wmem"); err != nil || got != "4096 16384 67108864" {
		t.Errorf("tcp_wmem: got %q, %v", got, err)
	}
	e, err := r.Rollback(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[Key]string{
		keyCongestion: "cubic", keyAllowed: "reno cubic", keyNetdevBacklog: "1000", "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
	} {
		if got, err := d.ReadRaw(k); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", k, got, err, want)
		}
	}
	allowed := false
	for _, o := range e.Outcomes {
		allowed = allowed || o.Key == keyAllowed && o.Result == ResultRestored
	}
	if !allowed {
		t.Errorf("the allowed list is not reported as restored: %+v", e.Outcomes)
	}
}

// A parameter that is gone when a change is undone is reported, not fatal.
func TestUndoOfAGoneParameter(t *testing.T) {
	t.Parallel()
	const gone = "net.ipv4.conf.eth0/100.rp_filter"
	d, target := folderBench(t, map[Key]string{keyNetdevBacklog: "1000", gone: "0", "net.core.somaxconn": "4096"})
	j := NewJournal(JournalOptions{Dir: fastDir(t)})
	p, err := target.Plan([]Want{{Key: gone, Op: Exactly, Value: "2"}, {Key: "net.core.somaxconn", Op: AtLeast, Value: "8192"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Apply(context.Background(), j, target, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(d.Path(), "net/ipv4/conf/eth0.100")); err != nil {
		t.Fatal(err)
	}
	e, err := r.Rollback(context.Background())
	if err != nil || e.Phase != PhaseUndone {
		t.Fatalf("got %v, %v", e.Phase, err)
	}
	results := map[Key]Result{}
	for _, o := range e.Outcomes {
		results[o.Key] = o.Result
	}
	if results[gone] != ResultAbsent || results["net.core.somaxconn"] != ResultRestored {
		t.Errorf("got %v", results)
	}
}

// The journal cannot be made where its folder would be below a file.
func TestStateFolderBelowAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, target := folderBench(t, map[Key]string{keyNetdevBacklog: "1000", "net.core.somaxconn": "4096"})
	p, err := target.Plan([]Want{{Key: "net.core.somaxconn", Op: AtLeast, Value: "8192"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Apply(context.Background(), NewJournal(JournalOptions{Dir: filepath.Join(file, "x")}), target, ApplyOptions{})
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line", err)
	}
	if v, err := d.Read("net.core.somaxconn"); v != "4096" {
		t.Errorf("got %s, %v, want nothing changed", v, err)
	}
}
