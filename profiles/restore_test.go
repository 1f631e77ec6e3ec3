package profiles

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// change is a journal entry of the host, in one line.
func change(id string, phase sysctl.Phase, st sysctl.State, rows ...sysctl.Row) sysctl.Entry {
	return sysctl.Entry{ID: id, Phase: phase, Kernel: st.Env.Kernel.String(), RAMBytes: st.Env.RAMBytes, Rows: rows}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	st := host("6.18.44", 8*gib)
	for k, v := range map[sysctl.Key]string{
		"net.core.somaxconn": "16384", "net.ipv4.tcp_fin_timeout": "25", "net.ipv4.tcp_retries2": "8", "net.ipv4.tcp_rmem": "4096\t131072\t67108864",
		"net.ipv4.tcp_keepalive_time": "77", "net.ipv4.tcp_orphan_retries": "3", "net.ipv4.tcp_mem": "1 2 3", "net.ipv4.tcp_syn_retries": "3",
		"net.ipv4.tcp_congestion_control": "bbr",
	} {
		st = with(st, k, v)
	}
	elsewhere := st
	elsewhere.Env.RAMBytes *= 2
	history := []sysctl.Entry{
		change("aaaa", sysctl.PhaseApplied, st, sysctl.Row{Key: "net.core.somaxconn", Before: "4096", After: "8192"},
			sysctl.Row{Key: "net.ipv4.tcp_rmem", Before: "4096\t131072\t6291456", After: "4096 131072 67108864"}),
		change("bbbb", sysctl.PhaseUndone, st, sysctl.Row{Key: "net.ipv4.tcp_abort_on_overflow", Before: "1", After: "0"}),
		change("cccc", sysctl.PhaseApplied, st, sysctl.Row{Key: "net.core.somaxconn", Before: "8192", After: "16384"},
			sysctl.Row{Key: "net.ipv4.tcp_keepalive_time", Before: "7200", After: "600"},
			sysctl.Row{Key: "net.ipv4.conf.lo.forwarding", Before: "0", After: "1", SideEffect: true}),
		change("dddd", sysctl.PhaseApplied, elsewhere, sysctl.Row{Key: "net.ipv4.tcp_retries2", Before: "14", After: "8"},
			sysctl.Row{Key: "net.ipv4.tcp_mem", Before: "9 9 9", After: "1 2 3"}),
		change("eeee", sysctl.PhaseApplied, st, sysctl.Row{Key: "net.ipv4.tcp_gone", Before: "1", After: "2"}),
	}
	wants, skipped := Restore(history, []sysctl.Key{"net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_congestion_control"}, st)
	var got []string
	for _, w := range wants {
		got = append(got, w.String())
	}
	if diff := cmp.Diff([]string{
		"net.core.somaxconn exactly 4096",               // before the first change
		"net.ipv4.tcp_fin_timeout exactly 60",           // no history: the default
		"net.ipv4.tcp_retries2 exactly 15",              // recorded with other memory: the default
		"net.ipv4.tcp_rmem exactly 4096 131072 6291456", // as it was found, though the default is higher
	}, got); diff != "" {
		t.Errorf("wants (-want +got):\n%s", diff)
	}
	for key, text := range map[sysctl.Key]string{
		"net.ipv4.tcp_keepalive_time":     "somebody else has set it to 77",
		"net.ipv4.tcp_gone":               "not there any more",
		"net.ipv4.tcp_mem":                "cannot be told exactly",
		"net.ipv4.tcp_congestion_control": "cannot be told (a choice of the kernel's builder",
	} {
		i := slices.IndexFunc(skipped, func(s Skipped) bool { return s.Key == key })
		if i < 0 || !strings.Contains(skipped[i].Text, text) {
			t.Errorf("%s: got %v, want it left out: %s", key, skipped, text)
		}
	}
	if len(skipped) != 4 {
		t.Errorf("got %d left out, want 4: %v", len(skipped), skipped)
	}
	plan := sysctl.NewPlan(wants, st)
	if err := plan.Err(); err != nil || len(plan.Refused) != 0 || len(plan.Changes) != 4 {
		t.Errorf("plan: got %v, %v, %d changes, want 4 and nothing refused", err, plan.Refused, len(plan.Changes))
	}
}
