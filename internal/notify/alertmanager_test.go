package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
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

// agentOf makes a dispatcher whose one receiver is the cluster.
func agentOf(t *testing.T, c *cluster, q Queue) *Dispatcher {
	t.Helper()
	var urls []string
	for host := range c.members {
		urls = append(urls, "http://"+host)
	}
	d, err := New(Config{Alertmanager: []AlertmanagerConfig{{URLs: urls}}}, q, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.workers[0].receiver.(*alertmanager).poster.client = &http.Client{Transport: c}
	return d
}

// subjects lists the subjects of alerts.
func subjects(alerts ...incident.Alert) []string {
	var all []string
	for _, a := range alerts {
		all = append(all, a.Labels["subject"])
	}
	slices.Sort(all)
	return all
}

// TestAlertmanagerLevels: what fires is posted again and again and never ends by
// itself while somebody posts it; what is over is posted for a quarter of an
// hour more; when nobody posts any more, all ends.
func TestAlertmanagerLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("one", "two")
		q := queueFor([]string{"alertmanager"})
		d := agentOf(t, c, q)
		a, b := sample(1), sample(2)
		d.SetActive([]incident.Alert{a, b})
		stop := start(t, d)
		both := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			c.do(func(members map[string]*member) {
				for host, m := range members {
					if diff := cmp.Diff(want, m.firing()); diff != "" {
						t.Errorf("%s: %s (-want +got):\n%s", when, host, diff)
					}
				}
			})
		}
		both("at once", subjects(a, b)...)
		time.Sleep(49 * time.Hour)
		both("two days later", subjects(a, b)...)
		c.do(func(members map[string]*member) {
			m := members["one"]
			if n := len(m.posts); n < 49*60 || n > 49*60+2 {
				t.Errorf("%d posts in 49 hours, want one a minute", n)
			}
			got := m.alerts[labelsKey(a.Labels)]
			if !got.StartsAt.Equal(a.StartsAt) || !maps.Equal(got.Labels, a.Labels) || !maps.Equal(got.Annotations, a.Annotations) {
				t.Errorf("got %+v", got)
			}
			if ahead := time.Until(got.EndsAt); ahead < 3*time.Minute || ahead > 4*time.Minute {
				t.Errorf("ends in %s, want in 3 to 4 minutes", ahead)
			}
			m.alerts = map[string]postable{} // it forgot
		})
		time.Sleep(time.Minute)
		both("after a restart of one", subjects(a, b)...)

		ended := time.Now()
		b = over(b)
		b.EndsAt = ended
		q.Put(b)
		d.SetActive([]incident.Alert{a})
		d.Wake()
		both("one is over", subjects(a)...)
		c.do(func(members map[string]*member) { members["two"].alerts = map[string]postable{} })
		time.Sleep(14 * time.Minute)
		c.do(func(members map[string]*member) {
			if got, ok := members["two"].alerts[labelsKey(b.Labels)]; !ok || !got.EndsAt.Equal(ended) {
				t.Errorf("it was not told again that one is over: %v", got)
			}
			members["two"].alerts = map[string]postable{}
		})
		time.Sleep(3 * time.Minute)
		c.do(func(members map[string]*member) {
			members["two"].alerts = map[string]postable{}
		})
		time.Sleep(2 * time.Minute)
		c.do(func(members map[string]*member) {
			if got := len(members["two"].alerts); got != 1 {
				t.Errorf("%d alerts are posted after a quarter of an hour, want 1", got)
			}
		})
		stop()
		time.Sleep(4*time.Minute + time.Second)
		both("with nobody left")
	})
}

// TestAlertmanagerOneMemberDown: a message is settled when one member has it,
// and the other has everything soon after it is back.
func TestAlertmanagerOneMemberDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("one", "two")
		c.members["two"].down = true
		q := queueFor([]string{"alertmanager"})
		d := agentOf(t, c, q)
		stop := start(t, d)
		defer stop()
		a, b := sample(1), sample(2)
		q.Put(a, b)
		d.SetActive([]incident.Alert{a, b})
		d.Wake()
		synctest.Wait()
		if waiting, _ := q.Backlog("alertmanager"); waiting != 0 {
			t.Errorf("%d messages wait", waiting)
		}
		q.Put(over(b))
		d.SetActive([]incident.Alert{a})
		d.Wake()
		time.Sleep(5*time.Minute + time.Second)
		c.do(func(members map[string]*member) { members["two"].down = false })
		time.Sleep(time.Minute)
		c.do(func(members map[string]*member) {
			two := members["two"]
			if diff := cmp.Diff(subjects(a), two.firing()); diff != "" {
				t.Errorf("firing (-want +got):\n%s", diff)
			}
			if _, ok := two.alerts[labelsKey(b.Labels)]; !ok {
				t.Error("it does not know that one is over")
			}
		})
		if s := d.Stats()[0]; s.Sent != 3 || s.Failed == 0 || !strings.Contains(s.LastError, "no route to two") {
			t.Errorf("got %+v, want the failures of one member seen", s)
		}

		// With all of them down, messages wait.
		c.do(func(members map[string]*member) { members["one"].down, members["two"].down = true, true })
		q.Put(over(a))
		d.SetActive(nil)
		d.Wake()
		time.Sleep(10 * time.Hour)
		if waiting, _ := q.Backlog("alertmanager"); waiting != 1 {
			t.Errorf("%d messages wait, want 1", waiting)
		}
		c.do(func(members map[string]*member) { members["one"].down = false })
		time.Sleep(2 * time.Minute)
		if waiting, _ := q.Backlog("alertmanager"); waiting != 0 {
			t.Errorf("%d messages wait, want none", waiting)
		}
	})
}

// TestAlertmanagerAfterOutage: what began and ended while nobody was there pages
// nobody, and what still fires does.
func TestAlertmanagerAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("one")
		a, b := sample(1), sample(2)
		c.members["one"].seen = func(p postable) {
			if p.EndsAt.After(time.Now()) && p.Labels["subject"] != b.Labels["subject"] {
				t.Errorf("%s is said to fire", p.Labels["subject"])
			}
		}
		q := queueFor([]string{"alertmanager"}, a, repeated(a, 1), b, over(a), repeated(b, 1))
		d := agentOf(t, c, q)
		d.SetActive([]incident.Alert{repeated(b, 1)})
		stop := start(t, d)
		time.Sleep(time.Second)
		stop()
		c.do(func(members map[string]*member) {
			if diff := cmp.Diff(subjects(b), members["one"].firing()); diff != "" {
				t.Errorf("firing (-want +got):\n%s", diff)
			}
		})
		if s := d.Stats()[0]; s.Waiting != 0 {
			t.Errorf("got %+v", s)
		}
	})
}

// TestAlertmanagerNewsFirst: that something is over holds from when it is in the
// queue, even if the agent says so late.
func TestAlertmanagerNewsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("one")
		q := queueFor([]string{"alertmanager"})
		d := agentOf(t, c, q)
		a := sample(1)
		d.SetActive([]incident.Alert{a})
		stop := start(t, d)
		defer stop()
		time.Sleep(time.Hour)
		q.Put(over(a))
		d.Wake()
		for range 10 {
			synctest.Wait()
			c.do(func(members map[string]*member) {
				if got := members["one"].firing(); got != nil {
					t.Errorf("still fires: %v", got)
				}
			})
			time.Sleep(30 * time.Second)
		}
	})
}

// TestAlertmanagerPoison: one alert that is refused takes no other with it.
func TestAlertmanagerPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("one")
		poison := sample(40)
		c.members["one"].status = func(alerts []postable) (int, http.Header) {
			for _, a := range alerts {
				if a.Labels["subject"] == poison.Labels["subject"] {
					return 400, http.Header{}
				}
			}
			return 200, http.Header{}
		}
		var active, good []incident.Alert
		for i := range 130 {
			active = append(active, sample(i))
			if i != 40 {
				good = append(good, sample(i))
			}
		}
		q := queueFor([]string{"alertmanager"}, active...)
		d := agentOf(t, c, q)
		d.SetActive(active)
		stop := start(t, d)
		time.Sleep(time.Hour)
		c.do(func(members map[string]*member) {
			if diff := cmp.Diff(subjects(good...), members["one"].firing()); diff != "" {
				t.Errorf("firing (-want +got):\n%s", diff)
			}
		})
		stop()
		if s := d.Stats()[0]; s.Waiting != 0 || s.Refused != 1 || s.Sent != 129 {
			t.Errorf("got %+v", s)
		}
	})
}

// TestAlertmanagerLeftAlone: one that asks to be left alone is.
func TestAlertmanagerLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("one")
		begun := time.Now()
		c.members["one"].status = func([]postable) (int, http.Header) {
			if time.Since(begun) < 10*time.Minute {
				return 429, http.Header{"Retry-After": {"600"}}
			}
			return 200, http.Header{}
		}
		q := queueFor([]string{"alertmanager"}, sample(1))
		d := agentOf(t, c, q)
		d.SetActive([]incident.Alert{sample(1)})
		stop := start(t, d)
		time.Sleep(12 * time.Minute)
		stop()
		c.do(func(members map[string]*member) {
			posts := members["one"].posts
			if len(posts) < 2 || posts[1].Sub(begun) < 10*time.Minute {
				t.Errorf("posts at %v, the second was to be after 10 minutes", posts)
			}
			if len(members["one"].firing()) != 1 {
				t.Error("it does not know what fires")
			}
		})
	})
}

// TestAlertmanagerClock: however the clock is set, an alert ends after it began,
// as Alertmanager wants it.
func TestAlertmanagerClock(t *testing.T) {
	a := sample(1)
	for _, off := range []time.Duration{-time.Hour, 0, time.Hour} {
		m := newAlertmanager("m", AlertmanagerConfig{URL: "http://x"}, Options{Now: func() time.Time { return a.StartsAt.Add(off) }}, nil)
		if p := m.postable(a, ""); p.EndsAt.Before(a.StartsAt.Add(4 * time.Minute)) {
			t.Errorf("firing at %s: ends at %s", off, p.EndsAt.Sub(a.StartsAt))
		}
		ended := over(a)
		for _, ends := range []time.Time{{}, a.StartsAt.Add(-time.Hour), a.StartsAt.Add(time.Second)} {
			ended.EndsAt = ends
			if p := m.postable(ended, ""); p.EndsAt.Before(p.StartsAt) {
				t.Errorf("ended at %s: ends at %s, before it began", ends, p.EndsAt)
			}
		}
	}
}

// TestAlertmanagerProperties: whatever happens on either side, in the end the
// Alertmanager knows what fires, and it is never told that something fires
// which is over.
func TestAlertmanagerProperties(t *testing.T) {
	steps := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
		return step{
			event:   rapid.SampledFrom([]string{"change", "change", "repeat", "agent", "up", "down", "time"}).Draw(r, "event"),
			subject: rapid.IntRange(1, 3).Draw(r, "subject"),
			seconds: rapid.IntRange(1, 1200).Draw(r, "seconds"),
		}
	}), 1, 40)
	rapid.Check(t, func(r *rapid.T) {
		play := steps.Draw(r, "steps")
		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = played(t, play) })
		if len(wrong) > 0 {
			r.Fatal(strings.Join(wrong, "\n"))
		}
	})
}

// step is something that happens.
type step struct {
	event            string
	subject, seconds int
}

// played lets everything happen and returns what is wrong then.
func played(t *testing.T, steps []step) (wrong []string) {
	h := newStory(t)
	for _, s := range steps {
		h.play(s)
	}
	h.restart("one", false)
	time.Sleep(5 * time.Minute)
	h.stop()
	h.cluster.do(func(members map[string]*member) {
		if diff := cmp.Diff(subjects(h.truth()...), members["one"].firing()); diff != "" {
			h.wrong = append(h.wrong, "firing (-want +got):\n"+diff)
		}
	})
	if waiting, _ := h.queue.Backlog("alertmanager"); waiting > 0 {
		h.wrong = append(h.wrong, fmt.Sprintf("%d messages wait", waiting))
	}
	return h.wrong
}

// story is an agent, its queue, and an Alertmanager through time.
type story struct {
	t       *testing.T
	cluster *cluster
	queue   *MemoryQueue
	d       *Dispatcher
	stop    func()
	fires   map[int]incident.Alert // by subject
	uid     int
	wrong   []string
}

func newStory(t *testing.T) *story {
	h := &story{t: t, cluster: newCluster("one"), queue: queueFor([]string{"alertmanager"}), fires: make(map[int]incident.Alert)}
	h.cluster.members["one"].seen = func(p postable) {
		if p.EndsAt.After(time.Now()) && !slices.Contains(subjects(h.truth()...), p.Labels["subject"]) {
			h.wrong = append(h.wrong, "told that "+p.Labels["subject"]+" fires, which is over")
		}
	}
	h.begin()
	return h
}

func (h *story) begin() {
	h.d = agentOf(h.t, h.cluster, h.queue)
	h.d.SetActive(h.truth())
	h.stop = start(h.t, h.d)
}

func (h *story) truth() []incident.Alert { return slices.Collect(maps.Values(h.fires)) }

// restart changes whether a member is there; one that was away knows nothing.
func (h *story) restart(host string, down bool) {
	h.cluster.do(func(members map[string]*member) {
		members[host].down = down
		members[host].alerts = make(map[string]postable)
	})
}

// play lets one thing happen, and a second pass.
func (h *story) play(s step) {
	a, fires := h.fires[s.subject]
	switch s.event {
	case "change":
		news := over(a)
		news.EndsAt = time.Now()
		if !fires {
			h.uid++
			news = sample(s.subject)
			news.UID, news.StartsAt = fmt.Sprint(h.uid), time.Now()
		}
		h.cluster.do(func(map[string]*member) {
			if fires {
				delete(h.fires, s.subject)
			} else {
				h.fires[s.subject] = news
			}
		})
		h.tell(news)
	case "repeat":
		if fires {
			a.Repeat++
			h.cluster.do(func(map[string]*member) { h.fires[s.subject] = a })
			h.tell(a)
		}
	case "agent":
		h.stop()
		h.begin()
	case "up":
		h.restart("one", false)
	case "down":
		h.restart("one", true)
	case "time":
		time.Sleep(time.Duration(s.seconds) * time.Second)
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

// tell does as the agent: news goes to the queue and is committed, then it says
// what fires.
func (h *story) tell(news incident.Alert) {
	h.queue.Put(news)
	h.d.Wake() // it may look before it is told what fires
	h.d.SetActive(h.truth())
	h.d.Wake()
}
