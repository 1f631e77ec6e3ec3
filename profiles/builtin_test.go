package profiles

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// wanted is what each profile asks for on Linux 6.18 with 24 GiB, 8 CPUs, every
// counter grown and the inputs given. A "↓" marks what may go below the kernel's
// default. The lines are the advice itself: changing one is changing advice.
var wanted = []struct {
	profile string
	inputs  map[string]string
	want    string
}{
	{"web-server", map[string]string{"accepts": "5000"}, `
		net.core.somaxconn at-least 8192
		net.ipv4.tcp_max_syn_backlog at-least 8192
		net.ipv4.tcp_syncookies exactly 1
		net.ipv4.tcp_timestamps exactly 1
		net.ipv4.tcp_slow_start_after_idle exactly 0 ↓
		net.ipv4.tcp_notsent_lowat at-most 131072 ↓
		net.ipv4.tcp_mtu_probing at-least 1
		net.ipv4.tcp_keepalive_time at-most 600 ↓
		net.ipv4.tcp_keepalive_intvl at-most 30 ↓
		net.ipv4.tcp_keepalive_probes at-most 5 ↓`},
	{"reverse-proxy", map[string]string{
		"accepts": "500000", "connects": "1000", "closes": "10000", "tracked": "200000", "listeners": "22,443,20000,40000-40002", "node-ports": "yes",
	}, `
		net.core.somaxconn at-least 65535
		net.ipv4.tcp_max_syn_backlog at-least 65535
		net.ipv4.tcp_syncookies exactly 1
		net.ipv4.tcp_timestamps exactly 1
		net.ipv4.tcp_slow_start_after_idle exactly 0 ↓
		net.ipv4.tcp_notsent_lowat at-most 131072 ↓
		net.ipv4.tcp_mtu_probing at-least 1
		net.ipv4.tcp_keepalive_time at-most 600 ↓
		net.ipv4.tcp_keepalive_intvl at-most 30 ↓
		net.ipv4.tcp_keepalive_probes at-most 5 ↓
		net.ipv4.ip_local_port_range exactly 16384 65535
		net.ipv4.ip_local_reserved_ports includes 20000,40000-40002,30000-32767
		net.ipv4.tcp_tw_reuse exactly 1
		net.ipv4.tcp_max_tw_buckets at-least 750000
		net.netfilter.nf_conntrack_max at-least 524288
		net.netfilter.nf_conntrack_buckets at-least 524288`},
	{"api-client", map[string]string{"connects": "400"}, `
		net.ipv4.ip_local_port_range exactly 16384 65535
		net.ipv4.tcp_timestamps exactly 1
		net.ipv4.tcp_syn_retries at-most 3 ↓
		net.ipv4.tcp_keepalive_time at-most 60 ↓
		net.ipv4.tcp_keepalive_intvl at-most 10 ↓
		net.ipv4.tcp_keepalive_probes at-most 6 ↓
		net.ipv4.tcp_retries2 at-most 8 ↓
		net.ipv4.tcp_slow_start_after_idle exactly 0 ↓`},
	{"database", map[string]string{"bandwidth": "10Gbit/s", "rtt": "100ms"}, `
		net.ipv4.tcp_keepalive_time at-most 120 ↓
		net.ipv4.tcp_keepalive_intvl at-most 30 ↓
		net.ipv4.tcp_keepalive_probes at-most 4 ↓
		net.ipv4.tcp_retries2 at-most 8 ↓
		net.ipv4.tcp_slow_start_after_idle exactly 0 ↓
		net.core.somaxconn at-least 4096
		net.ipv4.tcp_rmem[max] at-least 250000000
		net.ipv4.tcp_wmem[max] at-least 250000000`},
	{"low-latency", map[string]string{"rtt": "1ms"}, `
		net.core.busy_read at-least 50
		net.core.busy_poll at-least 50
		net.ipv4.tcp_notsent_lowat at-most 16384 ↓
		net.ipv4.tcp_slow_start_after_idle exactly 0 ↓
		net.ipv4.tcp_thin_linear_timeouts at-least 1
		net.ipv4.tcp_rto_min_us at-most 10000 ↓
		net.core.default_qdisc exactly fq`},
	{"bulk-wan", map[string]string{
		"bandwidth": "10Gbit/s", "rtt": "100ms", "explicit-buffers": "yes", "loss-limited": "yes", "zero-copy": "yes",
	}, `
		net.ipv4.tcp_rmem[max] at-least 268435456
		net.ipv4.tcp_wmem[max] at-least 268435456
		net.core.rmem_max at-least 268435456
		net.core.wmem_max at-least 268435456
		net.ipv4.tcp_congestion_control exactly bbr
		net.core.default_qdisc exactly fq
		net.ipv4.tcp_mtu_probing at-least 1
		net.core.optmem_max at-least 1048576`},
	{"syn-flood-defence", map[string]string{"under-attack": "yes", "synproxy": "yes"}, `
		net.ipv4.tcp_syncookies exactly 1
		net.ipv4.tcp_timestamps exactly 1
		net.core.somaxconn at-least 16384
		net.ipv4.tcp_max_syn_backlog at-least 16384
		net.ipv4.tcp_synack_retries at-most 2 ↓
		net.netfilter.nf_conntrack_tcp_timeout_syn_recv at-most 30 ↓
		net.netfilter.nf_conntrack_tcp_loose exactly 0 ↓`},
	{"memory-constrained", nil, `
		net.ipv4.tcp_rmem[max] at-most 2097152 ↓
		net.ipv4.tcp_wmem[max] at-most 2097152 ↓
		net.ipv4.tcp_notsent_lowat at-most 32768 ↓
		net.ipv4.tcp_orphan_retries exactly 3 ↓
		net.netfilter.nf_conntrack_max at-least 16384`},
	{"kubernetes-node", map[string]string{"big-flat-network": "yes"}, `
		net.ipv4.neigh.default.gc_thresh1 at-least 8192
		net.ipv4.neigh.default.gc_thresh2 at-least 32768
		net.ipv4.neigh.default.gc_thresh3 at-least 65536
		net.ipv6.neigh.default.gc_thresh1 at-least 8192
		net.ipv6.neigh.default.gc_thresh2 at-least 32768
		net.ipv6.neigh.default.gc_thresh3 at-least 65536
		net.netfilter.nf_conntrack_buckets at-least 262144
		net.ipv4.ip_forward exactly 1
		net.ipv4.conf.all.rp_filter exactly 2`},
	{"kernel-defaults", nil, ``},
}

func TestWhatProfilesWant(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range load(t).All() {
		names = append(names, p.Name)
	}
	for _, w := range wanted {
		if i := slices.Index(names, w.profile); i >= 0 {
			names = slices.Delete(names, i, i+1)
		}
		t.Run(w.profile, func(t *testing.T) {
			t.Parallel()
			p := get(t, w.profile)
			st := host("6.18.44", 24*gib)
			wants, skipped := Resolve(p, Inputs{CPUs: 8, Values: give(t, p, w.inputs), Counters: grown(p)}, st)
			var got []string
			for _, x := range wants {
				line := x.String()
				if x.Lower {
					line += " ↓"
				}
				got = append(got, line)
			}
			var want []string
			for line := range strings.Lines(w.want) {
				if line = strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("wants (-want +got):\n%s\nskipped: %v", diff, skipped)
			}
			if err := sysctl.NewPlan(wants, st).Err(); err != nil {
				t.Errorf("plan: %v", err)
			}
		})
	}
	if len(names) > 0 {
		t.Errorf("no expectation for %v", names)
	}
}

// Without evidence and inputs, a profile leaves out what needs them and says what
// is missing.
func TestWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile, key, field string
		state               sysctl.State
		in                  Inputs
		reason              SkipReason
		text                string
	}{
		{profile: "web-server", key: "net.core.somaxconn", reason: SkippedEvidence, text: "TcpExt.ListenOverflows could not be read"},
		{profile: "web-server", key: "net.core.somaxconn", in: Inputs{Counters: map[string]uint64{"TcpExt.ListenOverflows": 0}}, reason: SkippedEvidence, text: "TcpExt.ListenOverflows is 0"},
		{profile: "api-client", key: "net.ipv4.ip_local_port_range", reason: SkippedInput, text: "--input connects=2000"},
		{profile: "bulk-wan", key: "net.ipv4.tcp_rmem", field: "max", reason: SkippedInput, text: "--input bandwidth=10Gbit/s"},
		{profile: "low-latency", key: "net.ipv4.tcp_rto_min_us", state: host("6.1", gib), reason: SkippedAbsent, text: "this kernel does not have it"},
		{profile: "low-latency", key: "net.core.busy_read", state: Simulate(host("6.18", gib).Env, false, nil), reason: SkippedHost, text: "belongs to the host"},
		{profile: "syn-flood-defence", key: "net.netfilter.nf_conntrack_tcp_loose", reason: SkippedCondition, text: "only with SYNPROXY"},
		{profile: "web-server", key: "net.ipv4.tcp_slow_start_after_idle", state: with(host("6.18", gib), "net.core.default_qdisc", "fq_codel"), reason: SkippedCondition, text: "paced"},
		{profile: "bulk-wan", key: "net.ipv4.tcp_congestion_control", state: with(host("6.18", gib), "net.ipv4.tcp_available_congestion_control", "reno cubic"), in: Inputs{Values: map[string]Value{"loss-limited": {Number: 1}}}, reason: SkippedRefused, text: "does not offer"},
		{profile: "memory-constrained", key: "net.netfilter.nf_conntrack_max", state: without(host("6.18", gib), "net.netfilter.nf_conntrack_max"), reason: SkippedAbsent, text: "module nf_conntrack is not loaded"},
		{profile: "database", key: "net.core.somaxconn", state: with(host("6.18", gib), "net.core.somaxconn", "128"), in: Inputs{}, reason: 0},
	} {
		t.Run(c.profile+"/"+c.key, func(t *testing.T) {
			t.Parallel()
			if c.state.Raw == nil {
				c.state = host("6.18", gib)
			}
			_, skipped := Resolve(get(t, c.profile), c.in, c.state)
			i := slices.IndexFunc(skipped, func(s Skipped) bool { return s.Slot == Slot{sysctl.Key(c.key), c.field} })
			if c.reason == 0 {
				if i >= 0 {
					t.Errorf("got it left out: %s", skipped[i].Text)
				}
				return
			}
			if i < 0 {
				t.Fatalf("got nothing said about it, want it left out (%v)", skipped)
			}
			if s := skipped[i]; s.Reason != c.reason || !strings.Contains(s.Text, c.text) || strings.HasPrefix(s.Text, c.key) {
				t.Errorf("got %s: %q, want %s: %q", s.Reason, s.Text, c.reason, c.text)
			}
		})
	}
}

// A value below the default that the kernel would give itself is refused.
func TestKernelDefaultHigher(t *testing.T) {
	t.Parallel()
	p := get(t, "bulk-wan")
	st := host("6.18", 64*gib)
	st.Raw["net.ipv4.tcp_rmem"] = "4096 131072 2097152"
	wants, skipped := Resolve(p, Inputs{Values: give(t, p, map[string]string{"bandwidth": "100Mbit/s", "rtt": "100ms"})}, st)
	for _, w := range wants {
		if w.Key == "net.ipv4.tcp_rmem" {
			t.Errorf("got %s, want it refused", w)
		}
	}
	i := slices.IndexFunc(skipped, func(s Skipped) bool { return s.Key == "net.ipv4.tcp_rmem" })
	if i < 0 || skipped[i].Reason != SkippedHigher || !strings.Contains(skipped[i].Text, "33554432 already gives more") {
		t.Errorf("got %v, want it refused because the kernel's own is higher", skipped)
	}
}

// What a profile leaves alone is not set by it, and "never" values are not used.
func TestLeftAlone(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).All() {
		for _, l := range p.Leaves {
			for _, e := range p.Entries {
				if slices.Contains(l.Keys, e.Key) && (l.Value == "" || l.Value == e.Value) {
					t.Errorf("profile %s leaves %s alone and sets it", p.Name, e.Key)
				}
			}
			if len(l.Keys) == 0 || l.Reason == "" {
				t.Errorf("profile %s: %+v says nothing", p.Name, l)
			}
		}
		for _, e := range p.Entries {
			if slices.Contains([]sysctl.Key{"net.ipv4.tcp_abort_on_overflow", "net.ipv4.tcp_mem", "net.ipv4.tcp_low_latency", "net.ipv4.tcp_fastopen"}, e.Key) {
				t.Errorf("profile %s sets %s", p.Name, e.Key)
			}
		}
	}
}

// The same input means the same in every profile.
func TestInputsAgree(t *testing.T) {
	t.Parallel()
	seen := map[string]Input{}
	for _, p := range load(t).All() {
		for _, in := range p.Inputs {
			first, again := seen[in.Name]
			if again && (first.Symbol != in.Symbol || first.Unit != in.Unit) {
				t.Errorf("input %s of %s: got %s %s, elsewhere it is %s %s", in.Name, p.Name, in.Symbol, in.Unit, first.Symbol, first.Unit)
			}
			seen[in.Name] = in
		}
	}
}

func with(st sysctl.State, k sysctl.Key, v string) sysctl.State {
	st = after(st, sysctl.Plan{Changes: []sysctl.Change{{Key: k, After: v}}})
	return st
}

func without(st sysctl.State, k sysctl.Key) sysctl.State {
	st = with(st, k, "")
	delete(st.Raw, k)
	return st
}

func ExampleResolve() {
	set, err := Load("")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := set.Get("database")
	if err != nil {
		fmt.Println(err)
		return
	}
	env := sysctl.Env{Kernel: sysctl.Release{Major: 4, Minor: 19}, RAMBytes: 8 << 30}
	st := Simulate(env, true, nil)
	wants, skipped := Resolve(p, Inputs{}, st)
	for _, c := range sysctl.NewPlan(wants, st).Changes {
		fmt.Printf("%s: %s, then %s\n", c.Key, c.Before, c.After)
	}
	for _, s := range skipped {
		fmt.Printf("%s left out: %s\n", s.Slot, s.Reason)
	}
	// Output:
	// net.core.somaxconn: 128, then 4096
	// net.ipv4.tcp_keepalive_intvl: 75, then 30
	// net.ipv4.tcp_keepalive_probes: 9, then 4
	// net.ipv4.tcp_keepalive_time: 7200, then 120
	// net.ipv4.tcp_retries2: 15, then 8
	// net.ipv4.tcp_slow_start_after_idle: 1, then 0
	// net.ipv4.tcp_rmem[max] left out: input-missing
	// net.ipv4.tcp_wmem[max] left out: input-missing
}
