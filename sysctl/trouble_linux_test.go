package sysctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

const childFile = "TCPDOCTOR_TEST_FILE"

// tryChild applies twenty keys in its own namespace and says what came of it in
// one line, with a second line that shows whether anything is changed.
func tryChild() error {
	h, err := netns.Self()
	if err != nil {
		return err
	}
	tree, err := OpenDir("")
	if err != nil {
		return err
	}
	keys := touched()
	before := tree.ReadAll(keys).Value
	err = tryApply(h, tree)
	fmt.Println(err)
	for k, v := range tree.ReadAll(keys).Value {
		if before[k] != v {
			fmt.Printf("%s changed\n", k)
		}
	}
	readOnly, roErr := tree.ReadOnly()
	fmt.Println("tree read-only:", readOnly, roErr)
	return nil
}

func tryApply(h *netns.Handle, tree *Dir) error {
	target, err := NewTarget(TargetOptions{Tree: tree, Namespace: h})
	if err != nil {
		return err
	}
	p, err := target.Plan(twenty())
	if err != nil {
		return err
	}
	o := ApplyOptions{}
	if path := os.Getenv(childFile); path != "" {
		if o.File, err = PlanFile(path, []Line{{Key: "net.core.somaxconn", Value: "8192"}}, nil); err != nil {
			return err
		}
	}
	j := NewJournal(JournalOptions{Dir: os.Getenv(childDir), Command: "child"})
	_, err = p.Apply(context.Background(), j, target, o)
	return err
}

// On a host that does not let it, an apply says so in one line and changes
// nothing.
func TestTroubleIsOneLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		script string // runs before the child, in its own mount namespace
		uid    uint32
		file   bool
		want   string
	}{
		{"nothing wrong", "", 0, true, "<nil>"},
		{"read-only tree", "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys", 0, false, "mounted read-only"},
		{"full disk", `mount -t tmpfs -o size=16k none "$STATE" && { dd if=/dev/zero of="$STATE/fill" bs=1k 2>/dev/null || :; }`, 0, false, "no space left on device"},
		{"read-only state folder", `mount -t tmpfs -o ro none "$STATE"`, 0, false, "read-only file system"},
		{"unwritable configuration folder", `mount -t tmpfs -o ro none "$CONF"`, 0, true, "read-only file system"},
		{"no root", "", 65534, false, "permission denied"},
		{"no root, state folder writable", `chmod 777 "$STATE"`, 65534, false, "not permitted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := fastDir(t)
			state, conf := filepath.Join(dir, "state"), filepath.Join(dir, "conf")
			for _, d := range []string{dir, state, conf} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out := runTrouble(t, tt.script, tt.uid, tt.file, state, conf)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			t.Log(lines[0])
			if len(lines) < 2 || !strings.Contains(lines[0], tt.want) {
				t.Fatalf("got %q, want %q in its first line", out, tt.want)
			}
			if changed := lines[1 : len(lines)-1]; (len(changed) > 0) != (tt.want == "<nil>") {
				t.Errorf("got %q", changed)
			}
			if strings.HasSuffix(lines[len(lines)-1], "true <nil>") != (tt.name == "read-only tree") {
				t.Errorf("got %q", lines[len(lines)-1])
			}
			if left, err := filepath.Glob(conf + "/.*.tmp"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// runTrouble runs the child after a script, in namespaces of its own.
func runTrouble(t *testing.T, script string, uid uint32, file bool, state, conf string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if script == "" {
		script = ":"
	}
	run := `exec "$0"`
	if uid != 0 {
		// The program may lie where only root can reach it.
		run = fmt.Sprintf(`exec 9<"$0" && exec setpriv --reuid %d --regid %d --clear-groups /proc/self/fd/9`, uid, uid)
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "mount --make-rprivate / && "+script+" && "+run, exe)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	cmd.Env = append(os.Environ(), childEnv+"=try", childDir+"="+state, "STATE="+state, "CONF="+conf)
	if file {
		cmd.Env = append(cmd.Env, childFile+"="+conf+"/90-test.conf")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return string(out)
}

// Somebody else writes the very value that a later row was going to write, and
// then the change fails: that value is not ours to take back.
func TestForeignWriterOfTheSameValue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	struck := false
	s := &saboteur{before: func(_ int64, kind stepKind, target string) error {
		if kind == stepWrite && !struck {
			struck = true
			b.set("net.ipv4.tcp_retries2", "8")
		}
		return nil
	}}
	_, err := b.plan(twenty()).Apply(context.Background(), b.newJournal(s), b.target, ApplyOptions{})
	if !errors.Is(err, ErrStale) {
		t.Fatalf("got %v, want ErrStale", err)
	}
	if got := b.raw("net.ipv4.tcp_retries2"); got != "8" {
		t.Errorf("got %s, want the foreign value 8", got)
	}
	if got := b.raw("net.ipv4.ip_forward"); got != "0" {
		t.Errorf("ip_forward: got %s, want it undone", got)
	}
}

// A change is refused while its context is cancelled, and undone if that happens
// on the way.
func TestCancelledApplyIsUndone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.snapshot(touched())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &saboteur{before: func(n int64, _ stepKind, _ string) error {
		if n == 12 {
			cancel()
		}
		return nil
	}}
	_, err := b.plan(twenty()).Apply(ctx, b.newJournal(s), b.target, ApplyOptions{})
	var undone *UndoneError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &undone) {
		t.Errorf("got %v, want it cancelled and undone", err)
	}
	b.checkRestored("cancelled", before)
}
