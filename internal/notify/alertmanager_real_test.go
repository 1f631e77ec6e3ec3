package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// pager is what Alertmanager tells.
type pager struct {
	*inbox
}

func newPager(t *testing.T) pager { return pager{newInbox(t, nil)} }

// notification is what Alertmanager tells a webhook.
type notification struct {
	Status string
	Alerts []struct {
		Status string
		Labels map[string]string
	}
}

func (p pager) notifications(t *testing.T) []notification {
	t.Helper()
	bodies, _ := p.requests()
	all := make([]notification, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal(body, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// told lists the notifications: the status and how many alerts, each.
func (p pager) told(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, n := range p.notifications(t) {
		all = append(all, fmt.Sprintf("%s %d", n.Status, len(n.Alerts)))
	}
	return all
}

// firing lists the subjects of all alerts that were ever said to fire.
func (p pager) firing(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, n := range p.notifications(t) {
		for _, a := range n.Alerts {
			if a.Status == "firing" {
				all = append(all, a.Labels["subject"])
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tells waits for so many notifications and compares all of them.
func (p pager) tells(t *testing.T, want ...string) {
	t.Helper()
	await(t, fmt.Sprintf("%d notifications", len(want)), func() bool { return len(p.told(t)) >= len(want) })
	if diff := cmp.Diff(want, p.told(t)); diff != "" {
		t.Fatalf("notifications (-want +got):\n%s", diff)
	}
}

// agent is what the dispatcher belongs to: it has a queue that outlives it.
type agent struct {
	config Config
	queue  *MemoryQueue
	d      *Dispatcher
	stop   func()
}

func newAgent(c AlertmanagerConfig) *agent {
	c.Resend = time.Second
	a := &agent{config: Config{Alertmanager: []AlertmanagerConfig{c}}, queue: NewMemoryQueue(0)}
	a.queue.Declare(a.config.Names())
	return a
}

func (a *agent) start(t *testing.T, active ...incident.Alert) {
	t.Helper()
	var err error
	if a.d, err = New(a.config, a.queue, Options{Version: "test"}); err != nil {
		t.Fatal(err)
	}
	a.d.SetActive(active)
	a.stop = start(t, a.d)
}

// tell does as after a tick: news, and what fires.
func (a *agent) tell(news []incident.Alert, active ...incident.Alert) {
	a.queue.Put(news...)
	a.d.SetActive(active)
	a.d.Wake()
}

// settle waits until the dispatcher has repeated everything so many times more.
func (a *agent) settle(t *testing.T, times int) {
	t.Helper()
	last := a.d.Stats()[0].LastSuccess
	for range times {
		await(t, "repetition", func() bool { return a.d.Stats()[0].LastSuccess.After(last) })
		last = a.d.Stats()[0].LastSuccess
	}
}

// TestRealAlertmanager has alerts told to a real Alertmanager.
func TestRealAlertmanager(t *testing.T) {
	noneLeft(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for name, test := range map[string]func(*testing.T){
		"life": realLife, "down": realDown, "cluster": realCluster, "tls": realTLS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// realLife goes through the life of an alert with a real
// Alertmanager, and restarts either side in the middle of it.
func realLife(t *testing.T) {
	page := newPager(t)
	am := newServer(t, page.URL)
	am.start(t)
	a := sample(1)
	own := newAgent(AlertmanagerConfig{URL: "http://" + am.addr, GeneratorURL: "http://web-1:9737/"})
	own.start(t)
	own.tell([]incident.Alert{a}, a)
	shown := func(when string) {
		t.Helper()
		await(t, "alert "+when, func() bool { return len(am.alerts(t)) == 1 })
		got := am.alerts(t)[0]
		if diff := cmp.Diff(a.Labels, got.Labels); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(a.Annotations, got.Annotations); diff != "" {
			t.Errorf("%s: annotations (-want +got):\n%s", when, diff)
		}
		if !got.StartsAt.Equal(a.StartsAt) || got.GeneratorURL != "http://web-1:9737/" || got.Status.State != "active" {
			t.Errorf("%s: got %+v", when, got)
		}
	}
	shown("at first")
	page.tells(t, "firing 1")
	compareWithAmtool(t, am, a)

	// It is repeated every second, and nobody hears of that.
	own.settle(t, 2)
	shown("after repetitions")
	page.tells(t, "firing 1")

	// The agent is started again in the middle.
	own.stop()
	own.start(t, a)
	own.settle(t, 2)
	shown("after a restart of the agent")
	page.tells(t, "firing 1")

	// Alertmanager is started again; it keeps whom it told, but no alerts.
	am.stop(t)
	am.start(t)
	begun := time.Now()
	shown("after a restart of Alertmanager")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("the alert was there again after %s, want within a resend interval", took)
	}
	own.settle(t, 2)
	page.tells(t, "firing 1")

	// It has even forgotten whom it told: then it tells again, once.
	am.stop(t)
	am.forget(t)
	am.start(t)
	begun = time.Now()
	shown("after a restart from nothing")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("the alert was there again after %s, want within a resend interval", took)
	}
	page.tells(t, "firing 1", "firing 1")
	own.settle(t, 2)
	page.tells(t, "firing 1", "firing 1")

	ended := over(a)
	ended.EndsAt = time.Now()
	own.tell([]incident.Alert{ended})
	await(t, "end of the alert", func() bool { return len(am.alerts(t)) == 0 })
	page.tells(t, "firing 1", "firing 1", "resolved 1")
	own.settle(t, 2)
	page.tells(t, "firing 1", "firing 1", "resolved 1")
	if s := own.d.Stats()[0]; s.Waiting != 0 || s.Refused != 0 {
		t.Errorf("got %+v", s)
	}
}

// compareWithAmtool asks Alertmanager's own tool what fires.
func compareWithAmtool(t *testing.T, am *server, want incident.Alert) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program(t, "amtool"), "--alertmanager.url=http://"+am.addr, "alert", "query", "-o", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []known
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !cmp.Equal(got[0].Labels, want.Labels) {
		t.Errorf("amtool shows %s", out)
	}
}

// realDown: news waits while nobody is there; what ended in the
// meantime pages nobody. Agents that are gone for good leave nothing behind.
func realDown(t *testing.T) {
	page := newPager(t)
	am := newServer(t, page.URL)
	passing, lasting := sample(1), sample(2)
	own := newAgent(AlertmanagerConfig{URL: "http://" + am.addr})
	own.start(t)
	own.tell([]incident.Alert{passing, lasting}, passing, lasting)
	await(t, "failure", func() bool { return own.d.Stats()[0].Failed > 0 })
	own.tell([]incident.Alert{over(passing)}, lasting)
	am.start(t)
	await(t, "alert", func() bool { return len(am.alerts(t)) == 1 })
	await(t, "empty queue", func() bool { return own.d.Stats()[0].Waiting == 0 })
	if got := am.alerts(t); len(got) != 1 || got[0].Labels["subject"] != lasting.Labels["subject"] {
		t.Errorf("got %+v", got)
	}
	own.settle(t, 3)
	if diff := cmp.Diff(subjects(lasting), page.firing(t)); diff != "" {
		t.Errorf("told to fire (-want +got):\n%s", diff)
	}

	own.stop()
	stopped := time.Now()
	await(t, "end of the alert", func() bool { return len(am.alerts(t)) == 0 })
	if took := time.Since(stopped); took < 2*time.Second || took > 10*time.Second {
		t.Errorf("it ended %s after the agent did, want about four resend intervals", took)
	}
	await(t, "notification of the end", func() bool {
		told := page.told(t)
		return strings.HasPrefix(told[len(told)-1], "resolved")
	})
}

// realCluster: two members that know each other both get
// everything and tell it once; one may go away and come back with nothing.
func realCluster(t *testing.T) {
	page := newPager(t)
	gossip := []string{freeAddr(t), freeAddr(t)}
	var members []*server
	for i := range gossip {
		members = append(members, newServer(t, page.URL,
			"--cluster.listen-address="+gossip[i], "--cluster.peer="+gossip[1-i], "--cluster.peer-timeout=1s",
			"--cluster.settle-timeout=2s", "--cluster.gossip-interval=20ms", "--cluster.reconnect-interval=500ms", "--cluster.pushpull-interval=1s"))
	}
	var both sync.WaitGroup
	for _, m := range members {
		both.Go(func() { m.start(t) })
	}
	both.Wait()
	a := sample(1)
	own := newAgent(AlertmanagerConfig{URLs: []string{"http://" + members[0].addr, "http://" + members[1].addr}})
	own.start(t)
	own.tell([]incident.Alert{a}, a)
	for i, m := range members {
		await(t, fmt.Sprintf("alert at %d", i), func() bool { return len(m.alerts(t)) == 1 })
	}
	page.tells(t, "firing 1")

	members[1].stop(t)
	own.settle(t, 3) // the other hears of it as ever
	page.tells(t, "firing 1")
	if s := own.d.Stats()[0]; s.Failed == 0 || !strings.Contains(s.LastError, members[1].addr) {
		t.Errorf("got %+v, want the failures of the one that is away", s)
	}
	members[1].forget(t)
	members[1].start(t)
	await(t, "alert at the one that was away", func() bool { return len(members[1].alerts(t)) == 1 })
	own.settle(t, 4)
	page.tells(t, "firing 1")

	ended := over(a)
	ended.EndsAt = time.Now()
	own.tell([]incident.Alert{ended})
	for i, m := range members {
		await(t, fmt.Sprintf("end at %d", i), func() bool { return len(m.alerts(t)) == 0 })
	}
	page.tells(t, "firing 1", "resolved 1")
}

// realTLS: Alertmanager wants a certificate and a password, and so do we.
func realTLS(t *testing.T) {
	ca := newAuthority(t)
	serverCert, serverKey := ca.issue(t, "am.example")
	clientCert, clientKey := ca.issue(t, "web-1")
	// The hash is bcrypt of "correct horse".
	web := file(t, "web.yml", fmt.Sprintf(`
tls_server_config:
  cert_file: %s
  key_file: %s
  client_ca_file: %s
  client_auth_type: RequireAndVerifyClientCert
basic_auth_users:
  tcpdoctor: $2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e
`, serverCert, serverKey, ca.file))
	page := newPager(t)
	am := newServer(t, page.URL, "--web.config.file="+web)
	access := Access{
		BasicAuth: BasicAuth{Username: "tcpdoctor", PasswordFile: file(t, "password", "correct horse\n")},
		TLS:       TLS{CAFile: ca.file, CertFile: clientCert, KeyFile: clientKey, ServerName: "am.example"},
	}
	config, err := access.TLS.config()
	if err != nil {
		t.Fatal(err)
	}
	am.client, am.scheme = newClient(config), "https"
	t.Cleanup(am.client.CloseIdleConnections)
	am.start(t)

	a := sample(1)
	own := newAgent(AlertmanagerConfig{URL: "https://" + am.addr, Access: access})
	own.start(t)
	own.tell([]incident.Alert{a}, a)
	page.tells(t, "firing 1")

	for name, change := range map[string]func(*Access){
		"no certificate": func(c *Access) { c.TLS.CertFile, c.TLS.KeyFile = "", "" },
		"other name":     func(c *Access) { c.TLS.ServerName = "" },
		"not trusted":    func(c *Access) { c.TLS.CAFile = "" },
		"wrong password": func(c *Access) { c.BasicAuth.PasswordFile = file(t, "password", "wrong") },
	} {
		c := access
		change(&c)
		p := newPoster(c, patience, Options{Now: time.Now})
		if err := p.post(t.Context(), "https://"+am.addr+alertsPath, nil, []byte("[]"), isAlertmanager); err == nil {
			t.Errorf("%s: it was taken", name)
		}
		p.close()
	}
}
