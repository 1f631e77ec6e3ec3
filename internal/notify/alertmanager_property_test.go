package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

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
	pass(5 * time.Minute)
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
		pass(time.Duration(s.seconds) * time.Second)
	}
	pass(time.Second)
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
