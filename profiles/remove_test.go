package profiles

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// wrote is a change of one parameter for a reason, kept for the next boot.
func wrote(id string, st sysctl.State, k sysctl.Key, before, after, reason string) sysctl.Entry {
	e := change(id, sysctl.PhaseApplied, st, sysctl.Row{Key: k, Before: before, After: after, Reason: reason})
	e.Title, e.File = "change "+id, &sysctl.FileChange{Path: sysctl.PersistPath}
	return e
}

// TestRemove: each case is what happened to one parameter, and what removing
// profile a makes of it.
func TestRemove(t *testing.T) {
	t.Parallel()
	const k = sysctl.Key("net.ipv4.tcp_retries2")
	base := host("6.18.44", 8*gib)
	later := base
	later.Env.RAMBytes *= 2
	w := func(id, before, after, reason string) sysctl.Entry { return wrote(id, base, k, before, after, reason) }
	line := func(value, reason string) []sysctl.Line { return []sysctl.Line{{Key: k, Value: value, Reason: reason}} }
	for _, tt := range []struct {
		name    string
		now     string
		remove  []string
		history []sysctl.Entry
		lines   []sysctl.Line
		want    []string
	}{
		{"nothing", "15", []string{"a"}, nil, nil, nil},
		{"one change", "8", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r")}, line("8", "profile a: r"), []string{"want 42", "forget"}},
		{"two of its own", "9", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r"), w("2222", "8", "9", "profile a: q")}, nil, []string{"want 42"}},
		{"above another", "9", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile b: r"), w("2222", "8", "9", "profile a: r")}, line("9", "profile a: r"),
			[]string{"want 8", "forget", "keep 8 profile b: r"}},
		{"above another, the kernel's own", "9", []string{"a"}, []sysctl.Entry{w("1111", "42", "15", "profile b: r"), w("2222", "15", "9", "profile a: r")}, nil, []string{"want 15"}},
		{"below another", "9", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r"), w("2222", "8", "9", "profile b: r")}, nil,
			[]string{"foreign: change 2222 (change 2222) has set it since; left alone"}},
		{"both removed", "9", []string{"b", "a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r"), w("2222", "8", "9", "profile b: r")}, nil,
			[]string{"want 42"}},
		{"together with another", "8", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r\nprofile b: q")}, nil,
			[]string{"shared: profile b wants it as well; left alone"}},
		{"another keeps the line", "8", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r")}, line("8", "profile b: q"),
			[]string{"shared: profile b wants it as well; left alone"}},
		{"by hand since", "10", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r")}, line("8", "profile a: r"),
			[]string{"forget", "foreign: somebody else has set it to 10 since; left alone"}},
		{"only found", "8", []string{"a"}, nil, line("8", "profile a: r"),
			[]string{"forget", "found: the profile found it as it is: the running value stays, the line for the next boot goes"}},
		{"removed already", "42", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r"), w("2222", "8", "42", "profile a removed: the value before change 1111")}, nil, nil},
		{"removed and applied again", "8", []string{"a"}, []sysctl.Entry{
			w("1111", "42", "8", "profile a: r"), w("2222", "8", "42", "profile a removed: x"), w("3333", "42", "8", "profile a: r"),
		}, nil, []string{"want 42"}},
		{"another above was removed", "8", []string{"a"}, []sysctl.Entry{
			w("1111", "42", "8", "profile a: r"), w("2222", "8", "9", "profile b: r"), w("3333", "9", "8", "profile b removed: x"),
		}, nil, []string{"want 42"}},
		{"everything was taken back", "42", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a: r"), w("2222", "8", "42", "profile kernel-defaults: x")}, nil, nil},
		{"another machine", "8", []string{"a"}, []sysctl.Entry{wrote("1111", later, k, "42", "8", "profile a: r")}, nil, []string{"want 15"}},
		{"the name of another begins alike", "8", []string{"a"}, []sysctl.Entry{w("1111", "42", "8", "profile a-b: r")}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := Remove(tt.remove, tt.history, tt.lines, with(base, k, tt.now))
			var got []string
			for _, w := range out.Wants {
				got = append(got, "want "+w.Value)
			}
			for range out.Forget {
				got = append(got, "forget")
			}
			for _, l := range out.Keep {
				got = append(got, fmt.Sprintf("keep %s %s", l.Value, l.Reason))
			}
			for _, s := range out.Skipped {
				got = append(got, s.Reason.String()+": "+s.Text)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestRemoveNamesAll: every profile that held the parameter is named as removed, so
// that none stands any more.
func TestRemoveNamesAll(t *testing.T) {
	t.Parallel()
	const k = sysctl.Key("net.ipv4.tcp_retries2")
	st := with(host("6.18.44", 8*gib), k, "8")
	history := []sysctl.Entry{wrote("1111", st, k, "42", "8", "profile a: r\nprofile b: q")}
	out := Remove([]string{"a", "b"}, history, nil, st)
	if len(out.Wants) != 1 {
		t.Fatalf("got %v, want one", out.Wants)
	}
	history = append(history, wrote("2222", st, k, "8", "42", out.Wants[0].Reason))
	if held := Holders(history, nil); len(held) != 0 {
		t.Errorf("got %v, want nothing held", held)
	}
	if d := cmp.Diff([]string{"a", "b"}, Mentioned(history, nil)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestRemoveNothingThere: parameters that are gone, or that the catalogue does not
// know, are left out.
func TestRemoveNothingThere(t *testing.T) {
	t.Parallel()
	st := host("6.18.44", 8*gib)
	delete(st.Raw, "net.ipv4.tcp_retries2")
	out := Remove([]string{"a"}, []sysctl.Entry{
		wrote("1111", st, "net.ipv4.tcp_retries2", "42", "8", "profile a: r"), wrote("2222", st, "net.ipv4.tcp_never", "1", "2", "profile a: r"),
	}, nil, st)
	if len(out.Wants) != 0 || len(out.Skipped) != 2 || out.Skipped[0].Reason != SkippedRefused || out.Skipped[1].Reason != SkippedAbsent {
		t.Errorf("got %+v", out)
	}
}
