package sysctl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// freshNetns returns a new network namespace. It skips only where that is not
// permitted and CI is not set.
func freshNetns(t *testing.T) *netns.Handle {
	t.Helper()
	h, err := netns.New()
	if err != nil {
		if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
			t.Skipf("cannot make a network namespace: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func openProc(t *testing.T) *Dir {
	t.Helper()
	d, err := OpenDir("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func inNetns(t *testing.T, h *netns.Handle, fn func() error) {
	t.Helper()
	if err := h.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// One tree opened once serves every namespace: the thread decides.
func TestDirFollowsThread(t *testing.T) {
	t.Parallel()
	d, a, b := openProc(t), freshNetns(t), freshNetns(t)
	const key = "net.ipv4.tcp_fin_timeout"
	before, err := d.Read(key)
	if err != nil {
		t.Fatal(err)
	}
	inNetns(t, a, func() error { return d.Write(key, "23") })
	inNetns(t, b, func() error { return d.Write(key, "24") })
	for h, want := range map[*netns.Handle]string{a: "23", b: "24"} {
		inNetns(t, h, func() error {
			if got, err := d.Read(key); got != want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
			return nil
		})
	}
	if after, err := d.Read(key); after != before || err != nil {
		t.Errorf("own namespace: got %q, %v, want %q", after, err, before)
	}
}

// What the catalogue says about each parameter holds on the running kernel.
func TestCatalogueAgainstKernel(t *testing.T) {
	t.Parallel()
	d, h := openProc(t), freshNetns(t)
	env, err := HostEnv(d)
	if err != nil {
		t.Fatal(err)
	}
	if env.HashBuckets == 0 || env.RAMBytes == 0 {
		t.Errorf("got %+v, want memory and hash size", env)
	}
	bare := env
	bare.HashBuckets = 0
	if got, _ := bare.ehash(); got != env.HashBuckets {
		// The kernel's command line can set it.
		t.Logf("hash size: %d follows from memory, the kernel has %d", got, env.HashBuckets)
	}
	checked, exact := 0, 0
	for _, s := range All() {
		key := s.Key.WithInterface("lo")
		s, _ := Lookup(key)
		host, hostErr := d.Read(key)
		var child string
		var childErr error
		inNetns(t, h, func() error {
			child, childErr = d.Read(key)
			return nil
		})
		if !s.existsHere(t, env, hostErr) {
			continue
		}
		checked++
		s.checkScope(t, env, d, h, childErr)
		value := host
		if childErr == nil && s.Scope == ScopeNetns {
			value = child
		}
		if _, err := s.Normalise(value); err != nil {
			t.Errorf("%s: value %q: %v", key, value, err)
		}
		if s.checkDefault(t, env, value, host) {
			exact++
		}
	}
	t.Logf("%d parameters present, %d with a default that was computed", checked, exact)
	if checked < 140 || exact < 110 {
		t.Errorf("got %d present and %d defaults, want at least 140 and 110", checked, exact)
	}
}

// existsHere compares presence, and says whether the parameter is there.
func (s Spec) existsHere(t *testing.T, env Env, err error) bool {
	t.Helper()
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		t.Errorf("%s: %v", s.Key, err)
		return false
	}
	switch want := s.Exists(env.Kernel); {
	case absent && want == Yes && s.Module == "":
		t.Errorf("%s: absent, but the catalogue says that %v has it", s.Key, env.Kernel)
	case !absent && want == No:
		t.Errorf("%s: present, but the catalogue says that %v does not have it", s.Key, env.Kernel)
	}
	return !absent
}

// checkScope compares what a child namespace sees with the scope.
func (s Spec) checkScope(t *testing.T, env Env, d *Dir, h *netns.Handle, childErr error) {
	t.Helper()
	scope, known := s.ScopeAt(env.Kernel)
	if !known {
		return
	}
	absent := errors.Is(childErr, fs.ErrNotExist)
	// fs and vm belong to the host and are seen everywhere.
	if !strings.HasPrefix(string(s.Key), "net.") {
		return
	}
	if absent != (scope == ScopeHost) {
		t.Errorf("%s: scope %v, but in another namespace: %v", s.Key, scope, childErr)
		return
	}
	if absent || s.ReadOnly {
		return
	}
	path, err := s.Key.Path()
	if err != nil {
		t.Fatal(err)
	}
	inNetns(t, h, func() error {
		info, err := os.Stat(filepath.Join(ProcSys, path))
		if err != nil {
			return err
		}
		if writable := info.Mode()&0o200 != 0; writable != (scope == ScopeNetns) {
			t.Errorf("%s: scope %v, mode in another namespace %v", s.Key, scope, info.Mode())
		}
		return nil
	})
}

// checkDefault compares the default with the value of a fresh namespace, or with
// the host's where it is the host's own or inherited from it. It says whether
// there was a default to compare.
func (s Spec) checkDefault(t *testing.T, env Env, value, host string) bool {
	t.Helper()
	d, ok := s.Default.At(env)
	if !ok {
		return false
	}
	if s.Key == "net.ipv4.tcp_ehash_entries" {
		value = host
	}
	if value == d.Value {
		return true
	}
	if !d.Exact {
		got, errA := s.Numbers(value)
		want, errB := s.Numbers(d.Value)
		if errA == nil && errB == nil && near(got, want, 0.02) {
			return true
		}
	}
	// An administrator may have changed what is the host's or inherited.
	if s.Scope != ScopeNetns || s.Inherits {
		t.Logf("%s: the host has %q, the default would be %q", s.Key, value, d.Value)
		return true
	}
	t.Errorf("%s: a fresh namespace has %q, the default is said to be %q", s.Key, value, d.Value)
	return true
}

func near(got, want []int64, tolerance float64) bool {
	for i := range got {
		if diff := float64(got[i] - want[i]); max(diff, -diff) > tolerance*float64(want[i]) {
			return false
		}
	}
	return len(got) == len(want)
}

// Every TCP parameter of the running kernel is in the catalogue.
func TestKernelAgainstCatalogue(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(ProcSys, "net/ipv4/tcp_*"))
	if err != nil || len(names) < 50 {
		t.Fatalf("got %d names, %v", len(names), err)
	}
	for _, n := range names {
		if _, ok := Lookup(Key("net.ipv4." + filepath.Base(n))); !ok {
			t.Errorf("%s is not in the catalogue", n)
		}
	}
}

func TestReadAllTellsFailuresApart(t *testing.T) {
	t.Parallel()
	d, h := openProc(t), freshNetns(t)
	keys := []Key{"net.core.somaxconn", "net.ipv4.tcp_mem", "net.ipv4.route.flush", "net.core.nosuch", "bad"}
	var v Values
	inNetns(t, h, func() error {
		v = d.ReadAll(keys)
		return nil
	})
	if v.Value["net.core.somaxconn"] == "" || len(v.Value)+len(v.Err) != len(keys) {
		t.Errorf("got %v", v)
	}
	var absent *KeyError
	if err := v.Err["net.ipv4.tcp_mem"]; !errors.As(err, &absent) || absent.Kind != FailedAbsent {
		t.Errorf("host parameter in another namespace: got %v, want absent", err)
	}
	if err := v.Err["bad"]; !errors.Is(err, ErrBadKey) {
		t.Errorf("got %v, want ErrBadKey", err)
	}
}

func TestWriteTellsFailuresApart(t *testing.T) {
	t.Parallel()
	d, h := openProc(t), freshNetns(t)
	tests := []struct {
		key   Key
		value string
		want  Failure
	}{
		{"net.ipv4.tcp_keepalive_probes", "256", FailedRefused},
		{"net.core.nosuch", "1", FailedAbsent},
		{"net.ipv4.tcp_mem", "1 2 3", FailedAbsent},
		{"net.ipv4.tcp_available_congestion_control", "x", FailedDenied},
	}
	for _, tt := range tests {
		var err error
		inNetns(t, h, func() error {
			err = d.Write(tt.key, tt.value)
			return nil
		})
		var e *KeyError
		if !errors.As(err, &e) || e.Kind != tt.want || e.Op != "write" {
			t.Errorf("%s = %s: got %v, want kind %d", tt.key, tt.value, err, tt.want)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	d, h := openProc(t), freshNetns(t)
	inNetns(t, h, func() error {
		keys, err := d.Expand("net.ipv4.conf.*.rp_filter")
		if err != nil {
			return err
		}
		got := map[Key]bool{}
		for _, k := range keys {
			got[k] = true
		}
		for _, want := range []Key{"net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter", "net.ipv4.conf.lo.rp_filter"} {
			if !got[want] {
				t.Errorf("got %v, want %s among them", keys, want)
			}
		}
		return nil
	})
}

// The tree cannot be left, not even through a link inside it.
func TestDirCannotBeLeft(t *testing.T) {
	t.Parallel()
	outside, root := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "net")); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if v, err := d.Read("net.secret"); err == nil {
		t.Errorf("got %q through a link to the outside", v)
	}
	if _, err := d.Read(Key("../" + filepath.Base(outside) + ".secret")); err == nil {
		t.Error("read a parent folder")
	}
}

// The relevant parameters are all readable where the catalogue says, and few
// enough to be read in every snapshot.
func TestRelevantAreReadable(t *testing.T) {
	t.Parallel()
	d, h := openProc(t), freshNetns(t)
	own, host := Relevant()
	if len(own) < 40 || len(host) < 8 {
		t.Errorf("got %d and %d, want more", len(own), len(host))
	}
	check := func(keys []Key) {
		for k, err := range d.ReadAll(keys).Err {
			if s, _ := Lookup(k); s.Module == "" && s.Added.At(hostRelease(t, d)) == Yes {
				t.Errorf("%s: %v", k, err)
			}
		}
	}
	inNetns(t, h, func() error {
		check(own)
		return nil
	})
	check(host)
}

func hostRelease(t *testing.T, d *Dir) Release {
	t.Helper()
	env, err := HostEnv(d)
	if err != nil {
		t.Fatal(err)
	}
	return env.Kernel
}

func BenchmarkReadRelevant(b *testing.B) {
	d, err := OpenDir("")
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	own, _ := Relevant()
	b.Run("n="+strconv.Itoa(len(own)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v := d.ReadAll(own); len(v.Value) == 0 {
				b.Fatal(v.Err)
			}
		}
	})
}
