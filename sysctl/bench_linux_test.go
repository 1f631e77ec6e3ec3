package sysctl

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// bench is a namespace of its own with a journal of its own.
type bench struct {
	t       testing.TB
	ns      *netns.Handle
	tree    *Dir
	target  *Target
	journal *Journal
	dir     string
	env     []string // what guards and callers need to find the bench
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, ns: freshNetns(t), tree: openProc(t), dir: fastDir(t)}
	target, err := NewTarget(TargetOptions{Tree: b.tree, Namespace: b.ns, Name: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	if target.id.Cookie == 0 || target.id.Initial || target.id.BootID == "" {
		t.Fatalf("identity: got %+v, want a cookie in a namespace that is not the initial one", target.id)
	}
	b.target = target
	b.journal = b.newJournal(nil)
	return b
}

// fastDir returns a temporary folder in memory where there is one: the tests sync
// thousands of files.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tcpdoctor-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// newJournal is what a new process would open.
func (b *bench) newJournal(p performer) *Journal {
	return NewJournal(JournalOptions{Dir: b.dir, Command: "test", perform: p})
}

// find is a Finder for the one namespace of the bench.
func (b *bench) find(id Identity) (*Target, func(), error) {
	if id.Is(b.target.id) != nil {
		return nil, nil, nil
	}
	return b.target, nil, nil
}

func (b *bench) raw(k Key) string {
	b.t.Helper()
	var out string
	err := b.ns.Do(func() (err error) {
		out, err = b.tree.ReadRaw(k)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) set(k Key, value string) {
	b.t.Helper()
	if err := b.ns.Do(func() error { return b.tree.Write(k, value) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) snapshot(keys []Key) map[Key]string {
	b.t.Helper()
	out := map[Key]string{}
	err := b.ns.Do(func() error {
		for _, k := range keys {
			raw, err := b.tree.ReadRaw(k)
			if err != nil {
				return err
			}
			out[k] = raw
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) plan(wants []Want) Plan {
	b.t.Helper()
	p, err := b.target.Plan(wants)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := p.Err(); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// twenty is a profile of twenty keys, one of which makes the kernel change others.
func twenty() []Want {
	var out []Want
	for line := range strings.SplitSeq(`net.core.somaxconn 8192
net.ipv4.tcp_fin_timeout 30
net.ipv4.tcp_rmem 4096 131072 67108864
net.ipv4.tcp_wmem 4096 16384 67108864
net.ipv4.tcp_keepalive_time 600
net.ipv4.tcp_keepalive_intvl 30
net.ipv4.tcp_keepalive_probes 5
net.ipv4.tcp_syn_retries 3
net.ipv4.tcp_synack_retries 3
net.ipv4.tcp_slow_start_after_idle 0
net.ipv4.tcp_notsent_lowat 131072
net.ipv4.tcp_mtu_probing 1
net.ipv4.tcp_tw_reuse 1
net.ipv4.tcp_retries2 8
net.ipv4.ip_local_port_range 16384 65535
net.ipv4.ip_local_reserved_ports 30000-32767
net.ipv4.ip_unprivileged_port_start 1000
net.ipv4.ip_forward 1
net.ipv4.conf.all.rp_filter 2
net.ipv4.tcp_max_tw_buckets 400000`, "\n") {
		key, value, _ := strings.Cut(line, " ")
		out = append(out, Want{Key: Key(key), Op: Exactly, Value: value, Lower: true, Reason: "twenty"})
	}
	return out
}

// touched are all keys that twenty changes, directly or not.
func touched() []Key {
	keys := []Key{"net.ipv4.conf.all.forwarding", "net.ipv4.conf.default.forwarding", "net.ipv4.conf.lo.forwarding", keyRedirectsAll}
	for _, w := range twenty() {
		keys = append(keys, w.Key)
	}
	slices.Sort(keys)
	return keys
}
