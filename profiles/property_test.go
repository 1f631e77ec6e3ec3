package profiles

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// releases are kernels whose defaults differ.
func releases() []string {
	return []string{"4.18", "4.19", "5.4", "5.10", "5.15.100", "6.1", "6.6", "6.8", "6.12", "6.14", "6.17", "6.18.44", "7.0", "7.2"}
}

// below says which numbers of a value give less than the kernel's own default; it
// is written apart from the engine that it checks.
func below(k sysctl.Key, value string, env sysctl.Env) []string {
	s, _ := sysctl.Lookup(k)
	def, ok := s.Default.At(env)
	if !ok || s.Choice || !s.Type.IsNumber() && s.Type != sysctl.TypeVector {
		return nil
	}
	have, errA := s.Numbers(value)
	own, errB := s.Numbers(def.Value)
	if errA != nil || errB != nil {
		return []string{fmt.Sprintf("%s: %q and %q cannot be compared", k, value, def.Value)}
	}
	var out []string
	for i := range have {
		field := ""
		if s.Type == sysctl.TypeVector {
			field = s.Fields[i]
		}
		less := have[i] < own[i]
		if slices.Contains(s.LowerIsMore, field) {
			less = have[i] > own[i]
		}
		slack := int64(0)
		if !def.Exact {
			slack = own[i] / 50
		}
		if less && own[i]-have[i] > slack {
			out = append(out, Slot{k, field}.String())
		}
	}
	return out
}

// drawInputs makes up what is known of a host.
func drawInputs(t *rapid.T, p Profile) Inputs {
	in := Inputs{CPUs: rapid.IntRange(0, 256).Draw(t, "CPUs"), Values: map[string]Value{}, Counters: map[string]uint64{}}
	for _, i := range p.Inputs {
		if !rapid.Bool().Draw(t, i.Name+" known") {
			continue
		}
		v := Value{Origin: "drawn"}
		switch i.Unit {
		case YesNo:
			v.Number = float64(rapid.IntRange(0, 1).Draw(t, i.Name))
		case PortSet:
			v.Text = rapid.SampledFrom([]string{"", "22", "20000-20010,443", "1-65535"}).Draw(t, i.Name)
		case Seconds:
			v.Number = rapid.SampledFrom([]float64{0, 0.0001, 0.001, 0.05, 0.3, 3600}).Draw(t, i.Name)
		case BitsPerSecond:
			v.Number = rapid.SampledFrom([]float64{0, 1e6, 1e9, 1e10, 4e11}).Draw(t, i.Name)
		case Bytes, PerSecond, Count:
			v.Number = rapid.SampledFrom([]float64{0, 1, 0.3, 471, 5000, 1e6, 1e9}).Draw(t, i.Name)
		}
		in.Values[i.Name] = v
	}
	for _, name := range p.Counters() {
		if rapid.Bool().Draw(t, name+" known") {
			in.Counters[name] = rapid.Uint64Range(0, 3).Draw(t, name)
		}
	}
	return in
}

// No profile gives less than the kernel's own default unless it says so; what it
// wants can always be planned; and once that is done, it wants nothing more.
func TestProfilesAreSafeEverywhere(t *testing.T) {
	t.Parallel()
	set := load(t)
	var names []string
	for _, p := range set.All() {
		names = append(names, p.Name)
	}
	rapid.Check(t, func(t *rapid.T) {
		p, err := set.Get(rapid.SampledFrom(names).Draw(t, "profile"))
		if err != nil {
			t.Fatal(err)
		}
		ram := uint64(512<<20) << rapid.IntRange(0, 11).Draw(t, "doublings of 512 MiB")
		ram += rapid.Uint64Range(0, ram/2).Draw(t, "more")
		st := host(rapid.SampledFrom(releases()).Draw(t, "release"), ram)
		if rapid.Bool().Draw(t, "new namespace") {
			st = Simulate(st.Env, false, untold())
		}
		in := drawInputs(t, p)
		wants, skipped := Resolve(p, in, st)
		plan := sysctl.NewPlan(wants, st)
		if err := plan.Err(); err != nil || len(plan.Refused) > 0 {
			t.Fatalf("got a plan that is refused: %v, %v", err, plan.Refused)
		}
		lowers := map[string]bool{}
		for _, e := range p.Entries {
			lowers[e.Slot.String()] = e.Lowers
		}
		for _, c := range plan.Changes {
			for _, slot := range below(c.Key, c.After, st.Env) {
				if !lowers[slot] && !slices.Contains(below(c.Key, c.Before, st.Env), slot) {
					t.Errorf("%s: %s goes below the kernel's own default to %s", p.Name, slot, c.After)
				}
			}
		}
		for _, s := range skipped {
			if s.Text == "" || s.Reason == 0 || s.Reason == SkippedFormula || strings.Contains(s.Text, "\n") {
				t.Errorf("%s: %s left out as %s: %q", p.Name, s.Slot, s.Reason, s.Text)
			}
			// Values that no sane load asks for may be out of range.
			if s.Reason == SkippedRefused && !strings.Contains(s.Text, "out of range") && !strings.Contains(s.Text, "the host allows") {
				t.Errorf("%s: %s refused: %s", p.Name, s.Slot, s.Text)
			}
		}
		again := after(st, plan)
		in.Standing = map[sysctl.Key]bool{}
		for _, w := range wants {
			in.Standing[w.Key] = true
		}
		wants, _ = Resolve(p, in, again)
		if second := sysctl.NewPlan(wants, again); len(second.Changes) > 0 {
			t.Errorf("%s: got %v when applied again, want no change", p.Name, second.Changes)
		}
	})
}

// Every built-in profile on every kernel and memory size, on a host that shows
// every trouble.
func TestProfilesOnEveryHost(t *testing.T) {
	t.Parallel()
	type situation struct {
		p  Profile
		in Inputs
	}
	var situations []situation
	for _, p := range load(t).All() {
		in := Inputs{CPUs: 4, Values: map[string]Value{}, Counters: grown(p)}
		for _, i := range p.Inputs {
			v, err := i.Parse(i.Example())
			if err != nil {
				t.Fatal(err)
			}
			in.Values[i.Name] = v
		}
		situations = append(situations, situation{p, in})
	}
	hosts := 0
	for _, release := range releases() {
		for ram := uint64(512 << 20); ram <= 1<<40; ram *= 2 {
			st := host(release, ram)
			for _, s := range situations {
				wants, _ := Resolve(s.p, s.in, st)
				hosts++
				for _, c := range sysctl.NewPlan(wants, st).Changes {
					allowed := slices.ContainsFunc(c.Wants, func(w sysctl.Want) bool { return w.Lower })
					if less := below(c.Key, c.After, st.Env); len(less) > 0 && !allowed {
						t.Errorf("%s on Linux %s with %d MiB: %v below the kernel's own default", s.p.Name, release, ram>>20, less)
					}
				}
			}
		}
	}
	t.Logf("%d combinations", hosts)
}

// Plans of several profiles together are refused as a conflict or can be carried
// out, and the order does not matter.
func TestProfilesTogether(t *testing.T) {
	t.Parallel()
	all := load(t).All()
	st := host("6.18", 8*gib)
	for i, a := range all {
		for _, b := range all[i+1:] {
			one, _ := Resolve(a, Inputs{CPUs: 2, Counters: grown(a)}, st)
			two, _ := Resolve(b, Inputs{CPUs: 2, Counters: grown(b)}, st)
			ab, ba := sysctl.NewPlan(slices.Concat(one, two), st), sysctl.NewPlan(slices.Concat(two, one), st)
			if len(ab.Changes) != len(ba.Changes) || len(ab.Conflicts) != len(ba.Conflicts) {
				t.Errorf("%s and %s: %d changes in one order, %d in the other", a.Name, b.Name, len(ab.Changes), len(ba.Changes))
			}
			for _, c := range ab.Conflicts {
				t.Logf("%s and %s: %s", a.Name, b.Name, c)
			}
		}
	}
}
