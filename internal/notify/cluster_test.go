package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// cluster is a cluster of Alertmanagers without a network: as far as alerts go
// they do as the real one does.
type cluster struct {
	mu      sync.Mutex
	members map[string]*member // by host
}

// member keeps alerts by their labels.
type member struct {
	alerts map[string]postable
	posts  []time.Time
	status func(alerts []postable) (int, http.Header) // nil for 200
	down   bool
	seen   func(a postable)
}

func newCluster(hosts ...string) *cluster {
	c := &cluster{members: make(map[string]*member)}
	for _, h := range hosts {
		c.members[h] = &member{alerts: make(map[string]postable)}
	}
	return c
}

// do changes or looks at the members.
func (c *cluster) do(f func(m map[string]*member)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.members)
}

// RoundTrip implements [http.RoundTripper].
func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[r.URL.Host]
	if m == nil || m.down || r.URL.Path != "/api/v2/alerts" {
		return nil, fmt.Errorf("no route to %s", r.URL.Host)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var alerts []postable
	if err := json.Unmarshal(body, &alerts); err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: 200, Body: io.NopCloser(&bytes.Buffer{}), Header: make(http.Header), Request: r}
	m.posts = append(m.posts, time.Now())
	if m.status != nil {
		if resp.StatusCode, resp.Header = m.status(alerts); resp.StatusCode != 200 {
			return resp, nil
		}
	}
	for _, a := range alerts {
		if m.seen != nil {
			m.seen(a)
		}
		m.put(a)
	}
	return resp, nil
}

// put keeps an alert: one that overlaps what is known of it extends that, any
// other replaces it.
func (m *member) put(a postable) {
	key := labelsKey(a.Labels)
	old, ok := m.alerts[key]
	overlaps := a.EndsAt.After(old.StartsAt) && a.EndsAt.Before(old.EndsAt) ||
		a.StartsAt.After(old.StartsAt) && a.StartsAt.Before(old.EndsAt)
	if ok && overlaps {
		if old.StartsAt.Before(a.StartsAt) {
			a.StartsAt = old.StartsAt
		}
		if a.EndsAt.After(time.Now()) {
			a.EndsAt = later(a.EndsAt, old.EndsAt)
		}
	}
	m.alerts[key] = a
}

// firing lists the subjects of what fires.
func (m *member) firing() []string {
	var all []string
	for _, a := range m.alerts {
		if a.EndsAt.After(time.Now()) {
			all = append(all, a.Labels["subject"])
		}
	}
	slices.Sort(all)
	return all
}
