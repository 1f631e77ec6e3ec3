package sysctl

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every entry says everything that it has to say.
func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[Key]bool{}
	groups := map[string]bool{}
	for _, g := range Groups() {
		if g.Name == "" || g.Title == "" || groups[g.Name] {
			t.Errorf("group %q: got title %q, want a name of its own and a title", g.Name, g.Title)
		}
		groups[g.Name] = true
		for _, s := range g.Specs {
			t.Run(string(s.Key), func(t *testing.T) {
				if seen[s.Key] {
					t.Error("listed twice")
				}
				seen[s.Key] = true
				checkSpec(t, s)
			})
		}
	}
	if len(seen) < 190 {
		t.Errorf("got %d parameters, want at least 190", len(seen))
	}
}

func checkSpec(t *testing.T, s Spec) {
	t.Helper()
	if k, err := ParseKey(string(s.Key)); err != nil || k != s.Key {
		t.Errorf("key: got %q, %v, want its canonical form", k, err)
	}
	for what, text := range map[string]string{
		"title": s.Title, "default": s.Default.Text, "kernel check": s.KernelCheck, "solves": s.Solves,
		"side effects": s.SideEffects, "doc": s.Doc, "source": s.Source,
	} {
		if text == "" {
			t.Errorf("no %s", what)
		}
	}
	if s.Type == 0 || s.Scope == 0 || s.Takes == 0 || s.Risk == 0 {
		t.Errorf("got type %v, scope %v, takes %v, risk %v, want all of them set", s.Type, s.Scope, s.Takes, s.Risk)
	}
	if (s.Type == TypeVector) != (len(s.Fields) > 1) {
		t.Errorf("%v with %d fields", s.Type, len(s.Fields))
	}
	if (s.Type.IsNumber() || s.Type == TypeVector) && s.Range.Min >= s.Range.Max {
		t.Errorf("range: got %v, want a stretch of numbers", s.Range)
	}
	if (s.Risk == RiskObsolete) != (s.Gone != Bound{} || s.InertSince != Bound{}) {
		t.Errorf("risk %v, gone %v, inert %v do not agree", s.Risk, s.Gone, s.InertSince)
	}
	if s.Risk == RiskObsolete && s.Instead == "" {
		t.Error("obsolete without saying what to do instead")
	}
	for _, h := range s.Hazards {
		if h.Why == "" || h.Risk == 0 || h.Low > h.High || !s.Range.Holds(h.Low) || !s.Range.Holds(h.High) {
			t.Errorf("hazard %+v does not fit the range %v", h, s.Range)
		}
	}
}

// A default, where it can be told, is a value of the parameter's type, in its
// normalised form, and one that this program would write.
func TestDefaultsAreValues(t *testing.T) {
	t.Parallel()
	var keys []Key
	for _, s := range All() {
		keys = append(keys, s.Key)
	}
	rapid.Check(t, func(t *rapid.T) {
		env := drawEnv(t)
		s, _ := Lookup(rapid.SampledFrom(keys).Draw(t, "key"))
		d, ok := s.Default.At(env)
		if !ok {
			return
		}
		norm, err := s.Normalise(d.Value)
		if err != nil || norm != d.Value {
			t.Fatalf("%s: default %q: normalised %q, %v", s.Key, d.Value, norm, err)
		}
		if s.ReadOnly || s.Risk == RiskObsolete || s.Type == TypePorts || (s.Key == "net.ipv4.tcp_challenge_ack_limit") {
			return
		}
		if err := s.Check(d.Value); err != nil {
			t.Fatalf("%s: default on %+v: %v", s.Key, env, err)
		}
	})
}

func drawEnv(t *rapid.T) Env {
	return Env{
		Kernel: Release{
			Major: rapid.IntRange(4, 7).Draw(t, "major"),
			Minor: rapid.IntRange(0, 20).Draw(t, "minor"),
			Patch: rapid.IntRange(0, 300).Draw(t, "patch"),
		},
		RAMBytes:  rapid.Uint64Range(512<<20, 1<<40).Draw(t, "ram"),
		PageBytes: rapid.SampledFrom([]int{0, 4096, 16384, 65536}).Draw(t, "page"),
	}
}

func TestDefaultRules(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	tests := []struct {
		name string
		key  Key
		env  Env
		want string // empty: cannot be told
	}{
		{"before the change", "net.core.somaxconn", Env{Kernel: Release{5, 3, 18}}, "128"},
		{"after the change", "net.core.somaxconn", Env{Kernel: Release{5, 4, 0}}, "4096"},
		{"kernel unknown", "net.core.somaxconn", Env{}, ""},
		{"24 GiB", "net.ipv4.tcp_max_tw_buckets", Env{RAMBytes: 24 * gib}, "131072"},
		{"1 GiB", "net.ipv4.tcp_max_tw_buckets", Env{RAMBytes: gib}, "4096"},
		{"upper bound", "net.ipv4.tcp_max_tw_buckets", Env{RAMBytes: 1024 * gib}, "262144"},
		{"half-open, old kernel", "net.ipv4.tcp_max_syn_backlog", Env{Kernel: Release{4, 15, 0}, RAMBytes: 24 * gib}, "1024"},
		{"half-open", "net.ipv4.tcp_max_syn_backlog", Env{Kernel: Release{6, 1, 0}, RAMBytes: 24 * gib}, "2048"},
		{"half-open, small", "net.ipv4.tcp_max_syn_backlog", Env{Kernel: Release{6, 1, 0}, RAMBytes: gib / 2}, "128"},
		{"receive buffer to 6.14", "net.ipv4.tcp_rmem", Env{Kernel: Release{6, 14, 3}, RAMBytes: 24 * gib}, "4096 131072 6291456"},
		{"receive buffer between", "net.ipv4.tcp_rmem", Env{Kernel: Release{6, 15, 0}, RAMBytes: 24 * gib}, ""},
		{"receive buffer by 6.17", "net.ipv4.tcp_rmem", Env{Kernel: Release{6, 17, 0}, RAMBytes: 24 * gib}, "4096 131072 33554432"},
		{"receive buffer, large pages", "net.ipv4.tcp_rmem", Env{Kernel: Release{6, 1, 0}, RAMBytes: 24 * gib, PageBytes: 65536}, "65536 131072 6291456"},
		{"conntrack to 5.10", "net.netfilter.nf_conntrack_max", Env{Kernel: Release{5, 10, 0}, RAMBytes: 2 * gib}, "65536"},
		{"conntrack buckets to 5.10", "net.netfilter.nf_conntrack_buckets", Env{Kernel: Release{5, 10, 0}, RAMBytes: 2 * gib}, "16384"},
		{"conntrack by 6.1, small", "net.netfilter.nf_conntrack_max", Env{Kernel: Release{6, 1, 0}, RAMBytes: gib / 2}, "4096"},
		{"challenge ACKs", "net.ipv4.tcp_challenge_ack_limit", Env{Kernel: Release{5, 10, 200}}, "1000"},
		{"no rule", "net.core.default_qdisc", Env{Kernel: Release{6, 1, 0}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, ok := Lookup(tt.key)
			if !ok {
				t.Fatal("not in the catalogue")
			}
			d, ok := s.Default.At(tt.env)
			if d.Value != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", d.Value, ok, tt.want)
			}
		})
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		key  Key
		path string
	}{
		{"net.core.somaxconn", "net.core.somaxconn", "net/core/somaxconn"},
		{"net/core/somaxconn", "net.core.somaxconn", "net/core/somaxconn"},
		{"/proc/sys/net/core/somaxconn", "net.core.somaxconn", "net/core/somaxconn"},
		{"net.ipv4.conf.eth0/100.rp_filter", "net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"},
		{"net/ipv4/conf/eth0.100/rp_filter", "net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"},
		{"net.ipv4.conf.*.rp_filter", "net.ipv4.conf.*.rp_filter", "net/ipv4/conf/*/rp_filter"},
		{"", "", ""}, {"somaxconn", "", ""}, {"net..core", "", ""}, {"net/../../etc/passwd", "", ""},
		{"net.//.x", "", ""}, {"net./.x", "", ""}, {"net.core.somaxconn=1 2", "", ""}, {"net.core\x00.x", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			k, err := ParseKey(tt.in)
			if k != tt.key || (err == nil) != (tt.key != "") {
				t.Fatalf("got %q, %v, want %q", k, err, tt.key)
			}
			if err != nil {
				return
			}
			if p, err := k.Path(); p != tt.path || err != nil {
				t.Errorf("path: got %q, %v, want %q", p, err, tt.path)
			}
		})
	}
}

// Whatever text is taken for a key stays inside the tree and survives a round
// trip.
func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"net.core.somaxconn", "net/ipv4/conf/eth0.1/rp_filter", "a.//.b", "../..", "net.ipv4.conf.a/b/c.d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		p, err := k.Path()
		if err != nil {
			t.Fatalf("%q: key %q has no path: %v", s, k, err)
		}
		if again, err := ParseKey(string(k)); err != nil || again != k {
			// A canonical key whose first component held a slash reads otherwise;
			// no parameter has one there.
			if !strings.Contains(strings.SplitN(string(k), ".", 2)[0], "/") {
				t.Errorf("%q: key %q reads back as %q, %v", s, k, again, err)
			}
		}
		for part := range strings.SplitSeq(p, "/") {
			if part == "" || part == "." || part == ".." {
				t.Errorf("%q: path %q leaves the tree", s, p)
			}
		}
	})
}

func TestLookupPattern(t *testing.T) {
	t.Parallel()
	s, ok := Lookup("net.ipv4.conf.eth0/100.rp_filter")
	if !ok || s.Key != "net.ipv4.conf.eth0/100.rp_filter" || s.Title == "" {
		t.Errorf("got %+v, %v, want the entry of the pattern under the key asked for", s, ok)
	}
	if _, ok := Lookup("net.ipv4.conf.eth0.nosuch"); ok {
		t.Error("found a key that does not exist")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"net.ipv4_tcpsynack_retries", "net.ipv4.tcp_synack_retries"},
		{"net.ipv4.syn_retries", "net.ipv4.tcp_syn_retries"},
		{"net.core.somaxcon", "net.core.somaxconn"},
		{"net.ipv4.tcp_fin_timeot", "net.ipv4.tcp_fin_timeout"},
		{"net.ipv4.tcp_tw_resue", "net.ipv4.tcp_tw_reuse"},
		{"net.ipv4.ip_local_port_rage", "net.ipv4.ip_local_port_range"},
		{"net.ipv4.conf.eth0.rpfilter", "net.ipv4.conf.eth0.rp_filter"},
		{"net.ipv4.netdev_max_backlog", "net.core.netdev_max_backlog"},
		{"kernel.randomize_va_space", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			if k, ok := Nearest(tt.in); string(k) != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", k, ok, tt.want)
			}
		})
	}
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key      Key
		in, want string // want "!": refused
	}{
		{"net.core.somaxconn", "4096\n", "4096"}, {"net.core.somaxconn", "0x1000", "4096"}, {"net.core.somaxconn", "010000", "4096"},
		{"net.core.somaxconn", "+5", "!"}, {"net.core.somaxconn", "1e5", "!"}, {"net.core.somaxconn", "16M", "!"},
		{"net.core.somaxconn", "1_000", "!"}, {"net.core.somaxconn", "0b11", "!"}, {"net.core.somaxconn", "1 2", "!"},
		{"net.core.somaxconn", "", "!"}, {"net.core.somaxconn", "0x-5", "!"}, {"net.ipv4.tcp_adv_win_scale", "-2", "-2"},
		{"net.ipv4.tcp_rmem", "4096\t131072\t33554432", "4096 131072 33554432"}, {"net.ipv4.tcp_rmem", "4096 131072", "!"},
		{"net.ipv4.tcp_rmem", "4096,131072,1", "!"},
		{"net.ipv4.ip_local_reserved_ports", "30000-32767,80, ", "!"}, {"net.ipv4.ip_local_reserved_ports", "81,80,8000-8080,8050-9000", "80-81,8000-9000"},
		{"net.ipv4.ip_local_reserved_ports", "\n", ""}, {"net.ipv4.ip_local_reserved_ports", "9-5", "!"}, {"net.ipv4.ip_local_reserved_ports", "65535", "65535"},
		{"net.ipv4.ip_local_reserved_ports", "65536", "!"}, {"net.ipv4.tcp_congestion_control", " cubic\n", "cubic"},
		{"net.ipv4.tcp_notsent_lowat", "4294967295", "4294967295"},
	}
	for _, tt := range tests {
		t.Run(string(tt.key)+" "+tt.in, func(t *testing.T) {
			t.Parallel()
			s, _ := Lookup(tt.key)
			got, err := s.Normalise(tt.in)
			if err != nil {
				got = "!"
			}
			if got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// A port set is read and written without loss, and union is what it says.
func TestPortSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ports := rapid.SliceOfN(rapid.IntRange(0, 65535), 0, 50).Draw(t, "ports")
		var a portSet
		for _, p := range ports {
			a[p/64] |= 1 << (p % 64)
		}
		back, err := parsePorts(a.String())
		if err != nil || back != a {
			t.Fatalf("%q: %v", a.String(), err)
		}
		slices.Sort(ports)
		if want := len(slices.Compact(ports)); a.size() != want {
			t.Fatalf("got %d ports, want %d", a.size(), want)
		}
		b, _ := parsePorts("1000-2000")
		if u := a.union(b); u.union(a) != u || b.union(a) != u {
			t.Fatal("union is not what it says")
		}
	})
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for key, values := range map[Key][]string{
		"net.core.somaxconn":                        {"0", "-1", "2147483648", "many"},
		"net.ipv4.tcp_fin_timeout":                  {"0", "-5", "1000000"},
		"net.ipv4.tcp_rmem":                         {"4096 87380 2147483648", "4096 100 50", "0 1 2", "4096 87380"},
		"net.ipv4.ip_local_port_range":              {"60000 1024", "0 100", "1024 70000"},
		"net.ipv4.tcp_syncookies":                   {"3"},
		"net.ipv4.tcp_congestion_control":           {"", "  ", "a\nb"},
		"net.ipv4.tcp_notsent_lowat":                {"4294967296", "-1"},
		"net.ipv4.ip_local_reserved_ports":          {"x", "70000"},
		"net.ipv4.conf.eth0.rp_filter":              {"3", "-1"},
		"net.netfilter.nf_conntrack_max":            {"0"},
		"net.ipv4.tcp_keepalive_probes":             {"0", "128"},
		"net.netfilter.nf_conntrack_tcp_be_liberal": {"2"},
	} {
		s, ok := Lookup(key)
		if !ok {
			t.Fatalf("%s: not in the catalogue", key)
		}
		for _, v := range values {
			if err := s.Check(v); err == nil {
				t.Errorf("%s = %q: got no error", key, v)
			}
		}
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want Release
		ok   bool
	}{
		{"6.18.44-cloud-amd64", Release{6, 18, 44}, true}, {"5.4", Release{5, 4, 0}, true}, {"6.18-rc1", Release{6, 18, 0}, true},
		{"4.18.0-553.el8_10.x86_64", Release{4, 18, 0}, true}, {"", Release{}, false}, {"six", Release{}, false}, {"6", Release{}, false},
		{"99999999999999999999.1", Release{}, false},
	}
	for _, tt := range tests {
		got, err := ParseRelease(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
	b := by(6, 14, 6, 17)
	for r, want := range map[Release]Truth{
		{6, 1, 9}: No, {6, 14, 99}: No, {6, 15, 0}: Unknown, {6, 17, 0}: Yes, {7, 0, 0}: Yes, {}: Unknown,
	} {
		if got := b.At(r); got != want {
			t.Errorf("%v at %v: got %v, want %v", b, r, got, want)
		}
	}
}

func TestRiskOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key      Key
		from, to int64
		want     Risk
	}{
		{"net.ipv4.tcp_max_tw_buckets", 131072, 5000, RiskDangerous},
		{"net.ipv4.tcp_max_tw_buckets", 131072, 262144, RiskSafe},
		{"net.ipv4.tcp_syncookies", 1, 0, RiskDangerous},
		{"net.ipv4.tcp_syncookies", 1, 2, RiskCaution},
		{"net.ipv4.tcp_timestamps", 1, 0, RiskDangerous},
		{"net.core.somaxconn", 128, 4096, RiskSafe},
		{"net.ipv4.tcp_notsent_lowat", math.MaxUint32, 131072, RiskSafe},
		{"net.ipv4.tcp_notsent_lowat", math.MaxUint32, 16384, RiskCaution},
	}
	for _, tt := range tests {
		s, _ := Lookup(tt.key)
		if got, why := s.RiskOf(tt.from, tt.to); got != tt.want {
			t.Errorf("%s %d to %d: got %v (%s), want %v", tt.key, tt.from, tt.to, got, why, tt.want)
		}
	}
}
