package web_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// scrape returns the samples of a server by series.
func scrape(tb testing.TB, s *web.Server) map[string]float64 {
	tb.Helper()
	_, body := get(tb, s, "/metrics")
	return samples(tb, body)
}

func samples(tb testing.TB, body string) map[string]float64 {
	tb.Helper()
	out := make(map[string]float64)
	lines := bufio.NewScanner(strings.NewReader(body))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			tb.Fatalf("%q: %v", line, err)
		}
		out[line[:i]] = v
	}
	return out
}

// expect compares some samples.
func expect(tb testing.TB, got, want map[string]float64) {
	tb.Helper()
	for _, series := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[series]; !ok {
			tb.Errorf("%s is missing", series)
		} else if v != want[series] {
			tb.Errorf("%s: got %v, want %v", series, v, want[series])
		}
	}
}

// family returns the series of one metric.
func family(got map[string]float64, name string) []string {
	var out []string
	for series := range got {
		if series == name || strings.HasPrefix(series, name+"{") {
			out = append(out, series)
		}
	}
	slices.Sort(out)
	return out
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	now := &clock{at}
	s := newServer(t, web.Options{Now: now.read, Version: "1.2.3"})
	s.Publish(webtest.Scene{At: at, Overflow: true, Leak: 204}.Snapshot())
	now.now = at.Add(7 * time.Second)
	got := scrape(t, s)
	expect(t, got, map[string]float64{
		`tcpdoctor_finding_active{cause="somaxconn",id="accept-queue-overflow",netns="host",severity="critical",subject="listener 0.0.0.0:443 nginx"}`:   1,
		`tcpdoctor_finding_active{cause="descriptor-leak",id="close-wait-leak",netns="host",severity="warning",subject="process java (orders.service)"}`: 1,
		`tcpdoctor_incidents{state="open"}`:                                                           2,
		`tcpdoctor_incidents{state="pending"}`:                                                        0,
		`tcpdoctor_sockets{family="ipv4",netns="host",state="close_wait"}`:                            204,
		`tcpdoctor_sockets{family="ipv6",netns="host",state="close_wait"}`:                            0,
		`tcpdoctor_sockets{family="ipv6",netns="db1",state="established"}`:                            40,
		`tcpdoctor_listener_accept_queue{comm="nginx",local="0.0.0.0:443",netns="host"}`:              129,
		`tcpdoctor_listener_accept_queue_limit{comm="nginx",local="0.0.0.0:443",netns="host"}`:        128,
		`tcpdoctor_listener_drops_total{comm="nginx",local="0.0.0.0:443",netns="host"}`:               0,
		`tcpdoctor_ephemeral_ports_used_ratio{destination="10.2.0.9",netns="host",source="10.2.0.4"}`: 8152.0 / 28232,
		`tcpdoctor_collect_seconds`:                                                                   0.023,
		`tcpdoctor_collector_seconds{collector="sockets"}`:                                            0.019,
		`tcpdoctor_collect_errors_total{source="conntrack"}`:                                          1,
		`tcpdoctor_collect_errors_total{source="sockets"}`:                                            0,
		`tcpdoctor_collect_errors_total{source="kernel log"}`:                                         0,
		`tcpdoctor_rule_seconds{rule="accept-queue-overflow"}`:                                        0.00004,
		`tcpdoctor_last_collect_timestamp_seconds`:                                                    float64(at.Unix()),
		`tcpdoctor_census_age_seconds`:                                                                7,
		`tcpdoctor_notify_sent_total{receiver="alertmanager"}`:                                        12,
		`tcpdoctor_history_bytes`:                                                                     9 << 20,
		`tcpdoctor_history_writable`:                                                                  1,
		`tcpdoctor_cpu_budget_cores`:                                                                  0.01,
		`tcpdoctor_metrics_dropped_series{metric="tcpdoctor_sockets"}`:                                0,
	})
	for _, name := range []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "go_goroutines", "tcpdoctor_build_info"} {
		if len(family(got, name)) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	// Every state of both families of both namespaces, and no remote port.
	if n := len(family(got, "tcpdoctor_sockets")); n != 2*2*11 {
		t.Errorf("got %d series of sockets, want 44", n)
	}
	for series := range got {
		if strings.Contains(series, "5432") && !strings.Contains(series, `local="127.0.0.1:5432"`) {
			t.Errorf("%s tells a remote port", series)
		}
	}
}

// What only a walk shows stays while ticks ask listeners only, and goes with its
// namespace; what nobody walked yet is not told as zero.
func TestTicksBetweenWalks(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	s.Publish(webtest.Scene{At: at, ListenersOnly: true}.Snapshot())
	got := scrape(t, s)
	if have := family(got, "tcpdoctor_sockets"); have != nil {
		t.Errorf("got %v before the first walk, want none", have)
	}
	if have := family(got, "tcpdoctor_listener_accept_queue"); len(have) != 3 {
		t.Errorf("got %v, want three listeners", have)
	}
	s.Publish(webtest.Scene{At: at, Leak: 204}.Snapshot())
	walked := scrape(t, s)
	s.Publish(webtest.Scene{At: at, ListenersOnly: true}.Snapshot())
	got = scrape(t, s)
	for _, name := range []string{"tcpdoctor_sockets", "tcpdoctor_ephemeral_ports_used_ratio"} {
		for _, series := range family(walked, name) {
			expect(t, got, map[string]float64{series: walked[series]})
		}
	}
	snap := webtest.Scene{At: at, ListenersOnly: true}.Snapshot()
	w := *snap.View.Window
	w.Namespaces = w.Namespaces[:1]
	snap.View = model.NewView(w)
	s.Publish(snap)
	for _, series := range family(scrape(t, s), "tcpdoctor_sockets") {
		if strings.Contains(series, "db1") {
			t.Errorf("got %s of a namespace that is gone", series)
		}
	}
}

// host is a window of one namespace with some listeners.
func host(listeners ...facts.Listener) web.Snapshot {
	w := facts.Window{
		Host: facts.Host{Hostname: "h"}, Started: at, Seconds: 10,
		Namespaces: []facts.NamespaceWindow{{
			Namespace: facts.Namespace{Cookie: 1, Inode: 1, Self: true},
			End: facts.Snapshot{AtSeconds: 10, Census: facts.Census{
				Sockets: uint64(len(listeners)), ListenersOnly: true, Listeners: listeners,
			}},
		}},
	}
	for _, l := range listeners {
		w.Processes = append(w.Processes, facts.Process{PID: int(l.Inode), Comm: "web", HoldsInodes: []uint32{l.Inode}})
	}
	return web.Snapshot{Ready: true, LastTick: at, View: model.NewView(w)}
}

func listening(cookie uint64, port int, queue, drops uint32) facts.Listener {
	return facts.Listener{
		Cookie: cookie, Local: loopback(port), Family: facts.IPv4, Inode: uint32(cookie), Queue: queue, Limit: 128, Drops: facts.Some(drops),
	}
}

// The counter of an address goes on through restarts of its program, wraps of
// the kernel's 32 bits, and failures to read; it never falls, and counts no drop
// that was before.
func TestDropsNeverFall(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	const series = `tcpdoctor_listener_drops_total{comm="web",local="127.0.0.1:80",netns="host"}`
	gap := host(listening(9, 81, 0, 0))
	failed := *gap.View.Window
	failed.Namespaces[0].End.Census = facts.Census{}
	failed.Namespaces[0].Gaps = []facts.Gap{{Source: facts.SourceListeners, Reason: "no time"}}
	gap.View = model.NewView(failed)
	steps := []struct {
		name string
		snap web.Snapshot
		want float64 // negative: no series
	}{
		{"first sight", host(listening(1, 80, 0, 500)), 0},
		{"some more", host(listening(1, 80, 0, 510)), 10},
		{"could not be read", gap, -1},
		{"read again", host(listening(1, 80, 0, 515)), 15},
		{"restarted: all drops of the new one count", host(listening(2, 80, 0, 3)), 18},
		{"two share the address", host(listening(2, 80, 0, 4), listening(3, 80, 9, 7)), 26},
		{"gone", host(listening(9, 81, 0, 0)), -1},
		{"back", host(listening(4, 80, 0, 1)), 27},
		{"near the end of 32 bits", host(listening(4, 80, 0, 1<<32-1)), 27 + (1<<32 - 2)},
		{"wrapped", host(listening(4, 80, 0, 4)), 27 + (1<<32 - 2) + 5},
	}
	for _, step := range steps {
		s.Publish(step.snap)
		got, ok := scrape(t, s)[series]
		if !ok {
			got = -1
		}
		if got != step.want {
			t.Fatalf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
}

// A name is chosen by whoever runs the process, and the first one stays.
func TestHostileLabels(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	long := strings.Repeat("é", 500)
	for i, comm := range []string{"a\"b\\c\nd\x1b[2J\xff\u202e<script>", long, "other"} {
		snap := host(listening(1, 80, 0, 0), listening(2, 81, 0, 0))
		w := *snap.View.Window
		w.Processes[0].Comm = comm
		w.Namespaces[0].Namespace.Name = fmt.Sprintf("%s-%d", comm, i)
		if comm == "other" {
			w.Namespaces[0].Namespace.Name = comm
		}
		snap.View = model.NewView(w)
		snap.Incidents = []incident.Incident{{State: incident.Open, Severity: "critical", Netns: comm, Subject: "listener " + comm, Key: incident.Key{ID: "x"}}}
		snap.Receivers = []web.Receiver{{Name: comm}}
		snap.Cost.Rules = map[string]time.Duration{comm: time.Second}
		s.Publish(snap)
		_, body := get(t, s, "/metrics")
		for _, r := range body {
			if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e' || r == 0x1b) {
				t.Fatalf("got control %U in the metrics", r)
			}
		}
		for series := range samples(t, body) {
			if len(series) > 1200 {
				t.Errorf("got a series of %d bytes: %.100s", len(series), series)
			}
		}
	}
	// The name seen first stays with the listener.
	if got := family(scrape(t, s), "tcpdoctor_listener_accept_queue"); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, `<script>`) }) {
		t.Errorf("got %v, want the name that was seen first", got)
	}
}

// There are never more findings than may be, and the worst are told.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	snap := host()
	for i := range 1000 {
		severity := map[bool]string{true: "critical", false: "warning"}[i == 999]
		snap.Incidents = append(snap.Incidents, incident.Incident{
			UID: fmt.Sprint(i), State: incident.Open, Key: incident.Key{ID: "close-wait-leak"},
			Severity: severityOf(severity), Netns: fmt.Sprintf("ns%d", i), Subject: "process java", Since: at,
		})
	}
	s.Publish(snap)
	got := scrape(t, s)
	if n := len(family(got, "tcpdoctor_finding_active")); n != 200 {
		t.Errorf("got %d, want 200", n)
	}
	expect(t, got, map[string]float64{
		`tcpdoctor_finding_active{cause="",id="close-wait-leak",netns="ns999",severity="critical",subject="process java"}`: 1,
		`tcpdoctor_metrics_dropped_series{metric="tcpdoctor_finding_active"}`:                                              800,
		`tcpdoctor_incidents{state="open"}`: 1000,
	})
}

// promtool of the distribution finds nothing to complain about.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := webtest.NeedProgram(t, "promtool")
	s := newServer(t, web.Options{})
	snap := webtest.Scene{At: at, Overflow: true, Leak: 204}.Snapshot()
	snap.Pace.Widened = "budget"
	s.Publish(snap)
	_, body := get(t, s, "/metrics")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("got %v\n%s", err, out)
	}
}

// Labels name no process and no remote port.
func TestForbiddenLabels(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	s.Publish(webtest.Scene{At: at, Overflow: true}.Snapshot())
	forbidden := regexp.MustCompile(`(?:^|[{,])(?:pid|port|peer|remote|remote_port)="`)
	for series := range scrape(t, s) {
		if forbidden.MatchString(series) {
			t.Errorf("%s has a label that the contract forbids", series)
		}
	}
}
