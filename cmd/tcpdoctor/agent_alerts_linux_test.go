package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// alertmanager is a real one, which tells a webhook of the test.
type alertmanager struct {
	*process
	address, dir string

	mu    sync.Mutex
	told  []string // status, and what the alert is about, behind the namespace
	netns string   // the one whose alerts count: others may have a fault of their own
}

// only counts what happens in the namespace of a server.
func (a *alertmanager) only(r *lab.Running) {
	id := r.Server.ID()
	a.netns = model.NetnsLabels([]facts.Namespace{{Cookie: id.Cookie, Inode: id.Inode}})[0]
}

func startAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	a := &alertmanager{address: freeAddress(t), dir: t.TempDir()}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var doc struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, one := range doc.Alerts {
			a.told = append(a.told, one.Labels["netns"]+" "+one.Status+" "+one.Labels["id"])
		}
	}))
	t.Cleanup(hook.Close)
	config := fmt.Sprintf(`
route: {receiver: test, group_by: [alertname, netns, subject], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: test, webhook_configs: [{url: %q, send_resolved: true}]}]
`, hook.URL)
	if err := os.WriteFile(filepath.Join(a.dir, "am.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	a.start(t)
	return a
}

func (a *alertmanager) start(t *testing.T) {
	t.Helper()
	a.process = start(t, nil, needProgram(t, "prometheus-alertmanager"), "--config.file="+filepath.Join(a.dir, "am.yml"),
		"--storage.path="+filepath.Join(a.dir, "data"), "--web.listen-address="+a.address, "--cluster.listen-address=", "--log.level=warn")
	await(t, "Alertmanager to be ready", func() bool {
		_, err := fetch(t, "http://"+a.address+"/-/ready")
		return err == nil
	})
}

// labAlert is what Alertmanager has about a process of the lab.
type labAlert struct {
	Labels   map[string]string
	StartsAt time.Time
}

func (a *alertmanager) alerts(t *testing.T) []labAlert {
	t.Helper()
	text, err := fetch(t, "http://"+a.address+"/api/v2/alerts?active=true")
	if err != nil {
		return nil
	}
	var all []labAlert
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(l labAlert) bool { return l.Labels["netns"] != a.netns })
}

// heard is what was told.
func (a *alertmanager) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, t := range a.told {
		if what, ok := strings.CutPrefix(t, a.netns+" "); ok {
			out = append(out, what)
		}
	}
	return out
}

// TestAlertFromFaultToEnd follows a real fault through a real Prometheus and a
// real Alertmanager, while both sides are restarted.
func TestAlertFromFaultToEnd(t *testing.T) {
	am := startAlertmanager(t)
	w := newWatcher(t, fmt.Sprintf("receivers: {alertmanager: [{urls: [%q], resend: 1s}]}\n", "http://"+am.address))
	w.run(t)
	checkScrape(t, w)

	fault, endFault := startFault(t, "accept-queue-overflow-somaxconn")
	am.only(fault)
	before := w.metric(t, "tcpdoctor_ticks_total")
	await(t, "the alert", func() bool { return len(am.alerts(t)) > 0 })
	if ticks := w.metric(t, "tcpdoctor_ticks_total") - before; ticks > 2+2+2 {
		// Two ticks, two seconds of for-duration, and what asking takes.
		t.Errorf("the alert took %.0f ticks", ticks)
	}
	first := am.alerts(t)
	if len(first) != 1 {
		t.Fatalf("got %v, want one alert", first)
	}
	want := map[string]string{"alertname": "TcpdoctorAcceptQueueOverflow", "id": "accept-queue-overflow", "severity": "critical", "subject": "listener 0.0.0.0:8080 lab-clamped"}
	for name, value := range want {
		if first[0].Labels[name] != value {
			t.Errorf("label %s: got %q, want %q", name, first[0].Labels[name], value)
		}
	}
	if len(first[0].Labels) != 6 {
		t.Errorf("got labels %v, want six", first[0].Labels)
	}

	same := func(after string) {
		t.Helper()
		if now := am.alerts(t); len(now) != 1 || !now[0].StartsAt.Equal(first[0].StartsAt) {
			t.Errorf("after %s: got %+v, want %+v", after, now, first)
		}
		if told := am.heard(); len(told) != 1 {
			t.Errorf("after %s: it was told %q, want once", after, told)
		}
	}
	for _, how := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		w.end(how)
		w.run(t)
		ticksPass(t, w, 4)
		same("a restart of the agent by " + how.String())
	}
	am.end(syscall.SIGTERM)
	ticksPass(t, w, 2)
	am.start(t)
	await(t, "the alert after a restart of Alertmanager", func() bool { return len(am.alerts(t)) == 1 })
	ticksPass(t, w, 3)
	same("a restart of Alertmanager")

	endFault()
	await(t, "the end of the alert", func() bool { return len(am.alerts(t)) == 0 && len(am.heard()) == 2 })
	ticksPass(t, w, 4)
	got := am.heard()
	if len(got) != 2 || !strings.HasPrefix(got[0], "firing ") || !strings.HasPrefix(got[1], "resolved ") {
		t.Errorf("it was told %q, want one alert and its end", got)
	}
}

// ticksPass waits for the agent to look so often.
func ticksPass(t *testing.T, w *watcher, n float64) {
	t.Helper()
	before := w.metric(t, "tcpdoctor_ticks_total")
	await(t, "ticks", func() bool { return w.metric(t, "tcpdoctor_ticks_total") >= before+n })
}

// checkScrape has promtool and Prometheus read the metrics.
func checkScrape(t *testing.T, w *watcher) {
	t.Helper()
	text, err := w.get(t, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(needProgram(t, "promtool"), "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	dir, address := t.TempDir(), freeAddress(t)
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: tcpdoctor, static_configs: [{targets: [%q]}]}]\n", w.address)
	rules, err := filepath.Abs("../../packaging/prometheus/tcpdoctor.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	config += fmt.Sprintf("rule_files: [%q]\n", rules)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, nil, needProgram(t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	await(t, "Prometheus to scrape the agent", func() bool {
		text, err := fetch(t, "http://"+address+"/api/v1/query?query=up%7Bjob%3D%22tcpdoctor%22%7D")
		return err == nil && strings.Contains(text, `,"1"]`)
	})
}
