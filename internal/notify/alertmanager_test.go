package notify

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

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
		pass(49 * time.Hour)
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
		pass(time.Minute)
		both("after a restart of one", subjects(a, b)...)

		ended := time.Now()
		b = over(b)
		b.EndsAt = ended
		q.Put(b)
		d.SetActive([]incident.Alert{a})
		d.Wake()
		both("one is over", subjects(a)...)
		c.do(func(members map[string]*member) { members["two"].alerts = map[string]postable{} })
		pass(14 * time.Minute)
		c.do(func(members map[string]*member) {
			if got, ok := members["two"].alerts[labelsKey(b.Labels)]; !ok || !got.EndsAt.Equal(ended) {
				t.Errorf("it was not told again that one is over: %v", got)
			}
			members["two"].alerts = map[string]postable{}
		})
		pass(3 * time.Minute)
		c.do(func(members map[string]*member) {
			members["two"].alerts = map[string]postable{}
		})
		pass(2 * time.Minute)
		c.do(func(members map[string]*member) {
			if got := len(members["two"].alerts); got != 1 {
				t.Errorf("%d alerts are posted after a quarter of an hour, want 1", got)
			}
		})
		stop()
		pass(4*time.Minute + time.Second)
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
		pass(5*time.Minute + time.Second)
		c.do(func(members map[string]*member) { members["two"].down = false })
		pass(time.Minute)
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
		pass(10 * time.Hour)
		if waiting, _ := q.Backlog("alertmanager"); waiting != 1 {
			t.Errorf("%d messages wait, want 1", waiting)
		}
		c.do(func(members map[string]*member) { members["one"].down = false })
		pass(2 * time.Minute)
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
		pass(time.Second)
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
		pass(time.Hour)
		q.Put(over(a))
		d.Wake()
		for range 10 {
			synctest.Wait()
			c.do(func(members map[string]*member) {
				if got := members["one"].firing(); got != nil {
					t.Errorf("still fires: %v", got)
				}
			})
			pass(30 * time.Second)
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
		pass(time.Hour)
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
		pass(12 * time.Minute)
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
