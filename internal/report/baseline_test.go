package report

import (
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		before, after       Judged
		fresh, gone, change string
	}{
		{"nothing", judged(healthyWindow()), judged(healthyWindow()), "", "", ""},
		{"a new problem", judged(acceptWindow()), judged(twoProblems()), "close-wait-leak", "", ""},
		{"a cured problem", judged(twoProblems()), judged(acceptWindow()), "", "close-wait-leak", ""},
		{"another cause", judged(acceptWindow()), judged(raised()), "", "", "accept-queue-overflow"},
		{"a restarted process", judged(acceptWindow()), judged(restarted()), "", "", ""},
		{"the same after a reboot", judged(acceptWindow()), judged(rebooted()), "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := Compare(tt.before, tt.after)
			for _, list := range []struct {
				name, want string
				got        []Change
			}{{"new", tt.fresh, b.New}, {"gone", tt.gone, b.Gone}, {"changed", tt.change, b.Changed}} {
				var ids []string
				for _, c := range list.got {
					ids = append(ids, c.ID)
				}
				if got := strings.Join(ids, " "); got != list.want {
					t.Errorf("%s: got %q, want %q", list.name, got, list.want)
				}
			}
		})
	}
}

// raised: somaxconn was raised, the listener has not called listen() since.
func raised() facts.Window {
	w := acceptWindow()
	first(&w).Settings["net.core.somaxconn"] = "4096"
	return w
}

func restarted() facts.Window {
	w := acceptWindow()
	w.Processes[0].PID = 9000
	return w
}

func rebooted() facts.Window {
	w := restarted()
	w.Host.BootID = "another"
	first(&w).Namespace.Cookie, first(&w).Namespace.Inode = 77, 88
	return w
}

func TestCompareRates(t *testing.T) {
	t.Parallel()
	b := Compare(judged(healthyWindow()), judged(floodWindow()))
	got := map[string]bool{}
	for _, r := range b.Rates {
		got[r.Counter] = true
	}
	if !got["TcpExt.SyncookiesSent"] || got["Tcp.PassiveOpens"] || got["TcpExt.TCPReqQFullDrop"] {
		t.Errorf("got changes of %v, want SyncookiesSent among them, and nothing that stayed", b.Rates)
	}
	after := judged(floodWindow())
	after.Report.Baseline = b
	text := rendered(t, "text", after.Report, Options{Width: 100})
	if !strings.Contains(text, "since 2026-03-04 14:02:11: 1 new, 0 gone, 0 changed") || !strings.Contains(text, "TcpExt.SyncookiesSent 0 → 4,200/s") {
		t.Errorf("got\n%s", text)
	}
}
