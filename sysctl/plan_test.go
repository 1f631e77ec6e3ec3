package sysctl

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// defaultState is a host that has just booted: every default that can be told.
func defaultState(env Env) State {
	st := State{Env: env, Initial: true, Raw: map[Key]string{}}
	for _, s := range All() {
		key := s.Key.WithInterface("all")
		if s.Exists(env.Kernel) == No {
			continue
		}
		if d, ok := s.Default.At(env); ok {
			st.Raw[key] = strings.ReplaceAll(d.Value, " ", "\t")
		}
	}
	st.Raw[keyAvailable], st.Raw[keyAllowed], st.Raw[keyCongestion] = "reno cubic bbr", "reno cubic", "cubic"
	st.Raw["net.ipv4.conf.all.rp_filter"] = "0"
	return st
}

var testEnv = Env{Kernel: Release{6, 18, 44}, RAMBytes: 24 << 30, PageBytes: 4096}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		want   Want
		reason Reason
		text   string
		change func(*State)
	}{
		{"misspelt", Want{Key: "net.ipv4.tcp_fin_timeot", Op: Exactly, Value: "30"}, RefusedUnknown, "net.ipv4.tcp_fin_timeout may be meant", nil},
		{"unknown", Want{Key: "kernel.panic", Op: Exactly, Value: "30"}, RefusedUnknown, "not in the catalogue", nil},
		{"gone", Want{Key: "net.ipv4.tcp_tw_recycle", Op: Exactly, Value: "1"}, RefusedObsolete, "remove the line", nil},
		{"inert", Want{Key: "net.ipv4.tcp_low_latency", Op: Exactly, Value: "1"}, RefusedObsolete, "prequeue", nil},
		{"read-only", Want{Key: keyAvailable, Op: Exactly, Value: "bbr"}, RefusedReadOnly, "only be read", nil},
		{"range", Want{Key: "net.ipv4.tcp_fin_timeout", Op: Exactly, Value: "0", Lower: true}, RefusedValue, "out of range (1 to 3600)", nil},
		{"no number", Want{Key: "net.core.somaxconn", Op: AtLeast, Value: "16K"}, RefusedValue, "no integer", nil},
		{"vector order", Want{Key: "net.ipv4.tcp_rmem", Field: "default", Op: AtLeast, Value: "67108864"}, RefusedValue, "max (33554432) is less than default (67108864)", nil},
		{"third element", Want{Key: "net.ipv4.tcp_rmem", Op: Exactly, Value: "4096 131072 2147483648"}, RefusedValue, "out of range", nil},
		{"congestion control", Want{Key: keyCongestion, Op: Exactly, Value: "nosuch"}, RefusedUnavailable, "there are: bbr, cubic, reno", nil},
		{"congestion control not allowed", Want{Key: keyCongestion, Op: Exactly, Value: "bbr"}, RefusedUnavailable, "allows its namespaces only", func(s *State) { s.Initial = false }},
		{"below the default", Want{Key: "net.ipv4.tcp_rmem", Field: "max", Op: Exactly, Value: "16777216"}, RefusedHigher, "kernel's own 33554432", nil},
		{"raised, still below the default", Want{Key: "net.ipv4.tcp_rmem", Field: "max", Op: AtLeast, Value: "16777216"}, RefusedHigher, "kernel's own 33554432", func(s *State) { s.Raw["net.ipv4.tcp_rmem"] = "4096 131072 6291456" }},
		{"fewer ports", Want{Key: keyPortRange, Field: "low", Op: AtLeast, Value: "40000"}, RefusedHigher, "32768 already gives more", nil},
		{"range below unprivileged ports", Want{Key: keyPortRange, Field: "low", Op: AtMost, Value: "512"}, RefusedDependency, "below net.ipv4.ip_unprivileged_port_start = 1024", nil},
		{"unprivileged ports above range", Want{Key: keyPortStart, Op: Exactly, Value: "40000", Lower: true}, RefusedDependency, "would start at 32768", nil},
		{"reuse without timestamps", Want{Key: keyReuse, Op: Exactly, Value: "1"}, RefusedDependency, "no effect while", func(s *State) { s.Raw[keyTimestamps] = "0" }},
		{"bytes for pages", Want{Key: keyTCPMem, Op: Exactly, Value: "16777216 16777216 16777216"}, RefusedValue, "counts pages", nil},
		{"neighbours", Want{Key: "net.ipv4.neigh.default.gc_thresh1", Op: AtLeast, Value: "8192"}, RefusedDependency, "would not be less than", nil},
		{"too much kept free", Want{Key: keyMinFree, Op: Exactly, Value: "4000000"}, RefusedValue, "five percent", func(s *State) { s.Raw[keyMinFree] = "67584" }},
		{"absent", Want{Key: "net.ipv4.ip_local_port_step_width", Op: Exactly, Value: "2"}, RefusedAbsent, "does not have it", nil},
		{"module", Want{Key: "net.netfilter.nf_conntrack_max", Op: AtLeast, Value: "1048576"}, RefusedAbsent, "nf_conntrack is not loaded", func(s *State) { delete(s.Raw, "net.netfilter.nf_conntrack_max") }},
		{"interface", Want{Key: "net.ipv4.conf.eth9.rp_filter", Op: Exactly, Value: "0"}, RefusedAbsent, "no such interface", nil},
		{"host", Want{Key: "net.core.netdev_max_backlog", Op: AtLeast, Value: "2000"}, RefusedHost, "belongs to the host", func(s *State) { s.Initial = false }},
		{"pattern", Want{Key: "net.ipv4.conf.*.rp_filter", Op: Exactly, Value: "0"}, RefusedUnknown, "not in the catalogue", nil},
		{"at least of text", Want{Key: keyCongestion, Op: AtLeast, Value: "bbr"}, RefusedValue, "at-least of a string", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := defaultState(testEnv)
			if tt.change != nil {
				tt.change(&st)
			}
			p := NewPlan([]Want{tt.want}, st)
			if len(p.Changes) != 0 || len(p.Refused) == 0 {
				t.Fatalf("got %+v, want a refusal", p)
			}
			for _, r := range p.Refused {
				if r.Reason != tt.reason || !strings.Contains(r.Text, tt.text) || strings.Contains(r.Text, "\n") {
					t.Errorf("got %v: %s, want %v: ...%s...", r.Reason, r.Text, tt.reason, tt.text)
				}
			}
			if stops := p.Err() != nil; stops != tt.reason.Stops() {
				t.Errorf("got error %v, want one: %v", p.Err(), tt.reason.Stops())
			}
		})
	}
}

func TestPlanIsSmallest(t *testing.T) {
	t.Parallel()
	st := defaultState(testEnv)
	p := NewPlan([]Want{
		{Key: "net.core.somaxconn", Op: AtLeast, Value: "1024"},
		{Key: "net.core.somaxconn", Op: AtLeast, Value: "8192"},
		{Key: "net.ipv4.tcp_wmem", Field: "max", Op: AtLeast, Value: "67108864"},
		{Key: "net.ipv4.tcp_wmem", Field: "min", Op: AtLeast, Value: "4096"},
		{Key: "net.ipv4.tcp_syncookies", Op: Exactly, Value: "1"},
		{Key: "net.ipv4.ip_local_reserved_ports", Op: Includes, Value: "8000-8010"},
		{Key: "net.ipv4.ip_local_reserved_ports", Op: Includes, Value: "80,8011"},
		{Key: "net.ipv4.tcp_slow_start_after_idle", Op: Exactly, Value: "0", Lower: true},
	}, st)
	if err := p.Err(); err != nil || len(p.Refused) > 0 {
		t.Fatal(err, p.Refused)
	}
	var got []string
	for _, c := range p.Changes {
		got = append(got, fmt.Sprintf("%s: %s -> %s", c.Key, c.Before, c.After))
	}
	want := []string{
		"net.core.somaxconn: 4096 -> 8192",
		"net.ipv4.ip_local_reserved_ports:  -> 80,8000-8011",
		"net.ipv4.tcp_slow_start_after_idle: 1 -> 0",
		"net.ipv4.tcp_wmem: 4096 16384 4194304 -> 4096 16384 67108864",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(p.Already) != 2 {
		t.Errorf("already: got %v, want tcp_wmem[min] and tcp_syncookies", p.Already)
	}
}

func TestPlanOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                   string
		nowRange, nowStart     string
		wantRange, wantStart   string
		rangeBeforeStartWanted bool
	}{
		{"both up", "32768 60999", "1024", "50000 60999", "40000", true},
		{"both down", "50000 60999", "40000", "16384 60999", "1024", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := defaultState(testEnv)
			st.Raw[keyPortRange], st.Raw[keyPortStart] = tt.nowRange, tt.nowStart
			p := NewPlan([]Want{
				{Key: keyPortRange, Op: Exactly, Value: tt.wantRange, Lower: true},
				{Key: keyPortStart, Op: Exactly, Value: tt.wantStart, Lower: true},
				{Key: "net.ipv4.conf.all.rp_filter", Op: Exactly, Value: "2"},
				{Key: keyForward, Op: Exactly, Value: "1"},
			}, st)
			at := map[Key]int{}
			for i, c := range p.Changes {
				at[c.Key] = i
			}
			if len(at) != 4 || at[keyForward] != 0 || (at[keyPortRange] < at[keyPortStart]) != tt.rangeBeforeStartWanted {
				t.Errorf("got order %v, %v", at, p.Refused)
			}
		})
	}
}

// A plan never takes a value below the kernel's own default unless a want says
// so; planning again against the result finds nothing to do; every change is one
// that this program would write.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		env := drawEnv(t)
		st := defaultState(env)
		wants := rapid.SliceOfN(rapid.Custom(drawPlanWant), 1, 8).Draw(t, "wants")
		p := NewPlan(wants, st)
		after := State{Env: env, Initial: true, Raw: map[Key]string{}}
		maps.Copy(after.Raw, st.Raw)
		for _, c := range p.Changes {
			s, _ := Lookup(c.Key)
			if err := s.Check(c.After); err != nil {
				t.Fatalf("planned a value that may not be written: %v", err)
			}
			if c.Before == c.After || c.Before == "" {
				t.Fatalf("%s: %q to %q is no change", c.Key, c.Before, c.After)
			}
			checkNotLower(t, env, s, c)
			after.Raw[c.Key] = c.After
		}
		again := NewPlan(wants, after)
		if p.Err() == nil && len(again.Changes) != 0 {
			t.Fatalf("second plan: got %+v, want no changes", again.Changes)
		}
	})
}

func checkNotLower(t *rapid.T, env Env, s Spec, c Change) {
	t.Helper()
	def, ok := s.Default.At(env)
	if !ok {
		return
	}
	for _, w := range c.Wants {
		have, _ := s.Number(c.After, w.Field)
		floor, _ := s.Number(def.Value, w.Field)
		if !w.Lower && s.less(w.Field, have, floor) && float64(abs(have-floor)) > 0.02*float64(floor) {
			t.Fatalf("%s: %d is below the default %d", w, have, floor)
		}
	}
}

func drawPlanWant(t *rapid.T) Want {
	type kind struct {
		key    Key
		fields []string
	}
	k := rapid.SampledFrom([]kind{
		{"net.core.somaxconn", []string{""}}, {"net.ipv4.tcp_rmem", []string{"min", "default", "max"}},
		{"net.ipv4.tcp_max_tw_buckets", []string{""}}, {keyPortRange, []string{"low", "high"}}, {keyPortStart, []string{""}},
		{"net.ipv4.tcp_limit_output_bytes", []string{""}}, {keyTCPMem, []string{"low", "pressure", "max"}},
		{"net.ipv4.neigh.default.gc_thresh2", []string{""}}, {"net.ipv4.tcp_tw_reuse", []string{""}},
	}).Draw(t, "kind")
	return Want{
		Key: k.key, Field: rapid.SampledFrom(k.fields).Draw(t, "field"), Op: Op(rapid.IntRange(1, 3).Draw(t, "op")),
		Value: fmt.Sprint(rapid.SampledFrom([]int{0, 1, 2, 512, 1024, 16384, 40000, 65535, 1 << 20, 64 << 20, 1 << 30}).Draw(t, "value")),
		Lower: rapid.Bool().Draw(t, "lower"),
	}
}
