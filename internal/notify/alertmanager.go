package notify

import (
	"context"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

const (
	// alertsPath is where version 2 of the API takes alerts.
	alertsPath = "/api/v2/alerts"
	// endsAfter is how many resend intervals ahead the end of a firing alert is
	// set. It may be late by so many before Alertmanager takes it to be over.
	endsAfter = 4
	// resolvedFor is how long it is repeated that an alert is over, for an
	// Alertmanager that was away when it ended. Prometheus does the same.
	resolvedFor = 15 * time.Minute
)

// AlertmanagerConfig is a cluster of Alertmanagers.
type AlertmanagerConfig struct {
	Common `mapstructure:",squash"`
	Access `mapstructure:",squash"`

	// URLs lists every member; each gets everything, since they do not tell
	// each other. It is the address without /api/v2/alerts.
	URLs []string `mapstructure:"urls"`
	// URL is for a cluster of one.
	URL string `mapstructure:"url"`
	// Resend is how often it is repeated what fires. Default 1 min.
	Resend time.Duration `mapstructure:"resend"`
	// GeneratorURL is where an alert links to: the page of the agent.
	GeneratorURL string `mapstructure:"generator-url"`
}

func (c AlertmanagerConfig) check(p problems) {
	c.Common.check(p)
	c.Access.check(p)
	switch {
	case c.URL != "" && len(c.URLs) > 0:
		p.add("url", "only one of it and urls")
	case c.URL == "" && len(c.URLs) == 0:
		p.add("urls", "is missing")
	case c.URL != "":
		checkURL(c.URL, "url", p)
	}
	for i, u := range c.URLs {
		checkURL(u, fmt.Sprintf("urls[%d]", i), p)
		if at := slices.Index(c.URLs, u); at < i {
			p.add(fmt.Sprintf("urls[%d]", i), "is the same as urls[%d]", at)
		}
	}
	if c.GeneratorURL != "" {
		checkURL(c.GeneratorURL, "generator-url", p)
	}
	if c.Resend != 0 && c.Resend < resendShortest {
		p.add("resend", "%s: want at least %s", c.Resend, resendShortest)
	}
}

func (c AlertmanagerConfig) interval() time.Duration {
	if c.Resend == 0 {
		return resendDefault
	}
	return c.Resend
}

// alertmanager knows what fires and what lately ceased to, and has every member
// of the cluster know it too. Alerts are told apart by their labels, as
// Alertmanager does.
type alertmanager struct {
	name   string
	resend time.Duration
	now    func() time.Time
	tally  *tally
	poster *poster
	peers  []*peer

	mu       sync.Mutex
	told     bool // what fires
	firing   map[string]incident.Alert
	resolved map[string]ended
}

// ended is an alert that is over.
type ended struct {
	alert incident.Alert
	until time.Time // repeated
}

func newAlertmanager(name string, c AlertmanagerConfig, o Options, t *tally) *alertmanager {
	m := &alertmanager{
		name: name, resend: c.interval(), now: o.Now, tally: t, poster: newPoster(c.Access, c.limit(), o),
		firing: make(map[string]incident.Alert), resolved: make(map[string]ended),
	}
	urls := c.URLs
	if c.URL != "" {
		urls = []string{c.URL}
	}
	for _, u := range urls {
		u = strings.TrimSuffix(strings.TrimRight(u, "/"), alertsPath) + alertsPath
		m.peers = append(m.peers, newPeer(u, c.GeneratorURL, m))
	}
	return m
}

// Name implements [Receiver].
func (m *alertmanager) Name() string { return m.name }

func (m *alertmanager) close() { m.poster.close() }

// run posts to the members what is due, and everything each interval.
func (m *alertmanager) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range m.peers {
		all.Go(func() { p.run(ctx) })
	}
	tick := time.NewTicker(m.resend)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			m.repeat()
		case <-ctx.Done():
		}
	}
	all.Wait()
}

// repeat posts everything again.
func (m *alertmanager) repeat() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	maps.DeleteFunc(m.resolved, func(_ string, e ended) bool { return now.After(e.until) })
	for key, a := range m.firing {
		m.post(key, a, nil)
	}
	for key, e := range m.resolved {
		m.post(key, e.alert, nil)
	}
	m.wake()
}

// setActive replaces what fires; what is new among it is posted at once.
func (m *alertmanager) setActive(alerts []incident.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	firing := make(map[string]incident.Alert, len(alerts))
	for _, a := range alerts {
		key := labelsKey(a.Labels)
		firing[key] = a
		delete(m.resolved, key)
		if old, ok := m.firing[key]; !ok || old.UID != a.UID {
			m.post(key, a, nil)
		}
	}
	m.firing, m.told = firing, true
	m.wake()
}

// post leaves an alert with every member. m.mu is held, so that they all get
// what happened to one alert in the order in which it happened.
func (m *alertmanager) post(key string, a incident.Alert, done chan<- error) {
	for _, p := range m.peers {
		p.put(key, a, done)
	}
}

// wake has the members told what was posted.
func (m *alertmanager) wake() {
	for _, p := range m.peers {
		p.wake()
	}
}

// Send implements [Receiver]. It returns once one member has the message; the
// others are told too, and again with the next repetition if they are away.
func (m *alertmanager) Send(ctx context.Context, a incident.Alert) error {
	done := make(chan error, len(m.peers))
	if !m.news(a, done) {
		return errNotNeeded
	}
	var failures []*failure
	for range m.peers {
		select {
		case err := <-done:
			if err == nil {
				return nil
			}
			failures = append(failures, asFailure(err))
		case <-ctx.Done():
			return fmt.Errorf("notify: %w", context.Cause(ctx))
		}
	}
	return joinFailures(failures)
}

// news takes a message in, and reports whether it has to be posted. What no
// longer fires is not said to fire, whatever the queue still holds; and that it
// is over is not said of what fires again with the same labels.
func (m *alertmanager) news(a incident.Alert, done chan<- error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := labelsKey(a.Labels)
	now, fires := m.firing[key]
	switch {
	case a.Status == incident.Firing && a.Repeat > 0:
		return false // they are repeated anyway
	case a.Status == incident.Firing && m.told && (!fires || now.UID != a.UID):
		return false
	case a.Status == incident.Firing && m.told:
		a = now // with later figures
	case a.Status == incident.Firing:
		m.firing[key] = a
		delete(m.resolved, key)
	case fires && now.UID != a.UID && !now.StartsAt.Before(a.EndsAt):
		return false
	default:
		delete(m.firing, key)
		m.resolved[key] = ended{alert: a, until: m.now().Add(resolvedFor)}
	}
	m.post(key, a, done)
	m.wake()
	return true
}

// postable is an alert as the API takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// postable sets the end that an alert is posted with. It is never before the
// start, which Alertmanager would refuse: a clock may have been set back.
func (m *alertmanager) postable(a incident.Alert, generator string) postable {
	ends := a.EndsAt
	switch {
	case a.Status == incident.Firing:
		ends = later(m.now(), a.StartsAt).Add(endsAfter * m.resend)
	case ends.IsZero():
		ends = m.now()
	}
	return postable{
		Labels: a.Labels, Annotations: a.Annotations, GeneratorURL: generator,
		StartsAt: a.StartsAt, EndsAt: later(ends, a.StartsAt),
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// labelsKey tells alerts apart.
func labelsKey(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(labels[name])
		b.WriteByte(0)
	}
	return b.String()
}

// isAlertmanager objects to answers that another program gave: a page to log in
// is sent with 200 as well.
func isAlertmanager(r *http.Response) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "text/html" {
		return failed(triesUndecided, "notify: %s: answered with a web page, which Alertmanager does not", r.Request.URL.Host)
	}
	return nil
}
