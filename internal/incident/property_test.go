package incident

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// act is one tick of a drawn history.
type act struct {
	at steady.Moment
	o  Observation
}

// drawActs draws a history: faults come, go, get worse, cannot be judged; clocks
// are set; namespaces vanish.
func drawActs(t *rapid.T) []act {
	n := rapid.IntRange(1, 120).Draw(t, "ticks")
	at := steady.Moment{Wall: noon(), Mono: time.Hour}
	acts := make([]act, 0, n)
	var open []rules.Finding
	for range n {
		step := time.Duration(rapid.SampledFrom([]int{1, 10, 10, 10, 30, 120, 3600}).Draw(t, "step")) * time.Second
		at.Mono += step
		at.Wall = at.Wall.Add(step)
		if rapid.IntRange(0, 19).Draw(t, "set") == 0 {
			at.Wall = at.Wall.Add(rapid.SampledFrom([]time.Duration{-time.Hour, time.Hour}).Draw(t, "by"))
		}
		if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
			open = drawFindings(t)
		}
		o := see(slices.Clone(open)...)
		switch rapid.IntRange(0, 9).Draw(t, "sight") {
		case 0:
			o = unknown()
		case 1:
			o.Partial = []rules.Unknown{{Rule: overflow}}
		}
		o.BootID = "7a6e1f0e-0d43"
		for _, r := range rules.All() {
			o.Rules = append(o.Rules, r.ID)
		}
		o.Namespaces = []facts.Namespace{{Cookie: 1, Inode: 11, Self: true}, {Cookie: 2, Inode: 12, Name: "shop"}}
		if rapid.IntRange(0, 19).Draw(t, "gone") == 0 {
			o.Namespaces = o.Namespaces[:1]
			o.Findings = slices.DeleteFunc(o.Findings, func(f rules.Finding) bool { return f.Netns.Cookie == 2 })
		}
		acts = append(acts, act{at, o})
	}
	return acts
}

func drawFindings(t *rapid.T) []rules.Finding {
	var out []rules.Finding
	for range rapid.IntRange(0, 3).Draw(t, "findings") {
		f := listenerOn("0.0.0.0", uint16(rapid.IntRange(80, 81).Draw(t, "port")), rapid.SampledFrom([]string{"", "nginx"}).Draw(t, "comm"),
			rapid.SampledFrom([]rules.Severity{rules.Info, rules.Warning, rules.Critical}).Draw(t, "severity"), rapid.IntRange(1, 3).Draw(t, "pid"))
		if rapid.Bool().Draw(t, "shop") {
			f.Netns = rules.Netns{Cookie: 2, Inode: 12, Name: "shop"}
		}
		if rapid.Bool().Draw(t, "starved") {
			f.Cause = "fd-limit"
		}
		if rapid.IntRange(0, 3).Draw(t, "leak") == 0 {
			f.ID, f.Subject.Kind = leak, rules.SubjectProcess
		}
		switch rapid.IntRange(0, 7).Draw(t, "blurred") {
		case 0:
			f.Subject = rules.Subject{Kind: rules.SubjectHost}
		case 1:
			f.ID = "time-wait-overflow" // once in a namespace at most
		}
		out = append(out, f)
	}
	return out
}

// TestProperties: of whatever history, nothing fires before its time, no two
// alerts of the same labels fire at once, all times are in order, silence of
// those who could not look ends nothing, and what is not over is Active.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Defaults()
		tracker := New(Options{Instance: "web-1", Config: c}, Memory{})
		firing := map[string]Alert{}
		for i, a := range drawActs(t) {
			before := tracker.Memory().Clock.Elapsed
			_, alerts := tracker.Observe(a.at, a.o)
			if before == 0 && i > 0 && len(alerts) > 0 && tracker.Memory().Clock.Elapsed < c.ForCritical {
				t.Fatalf("tick %d: told too early", i)
			}
			for _, alert := range alerts {
				checkAlert(t, tracker, a, alert, firing)
			}
			checkActive(t, tracker, firing)
			if n := len(tracker.Incidents()); n > c.MaxIncidents+1 {
				t.Fatalf("%d incidents", n)
			}
		}
	})
}

func checkAlert(t *rapid.T, tracker *Tracker, a act, alert Alert, firing map[string]Alert) {
	key := fmt.Sprint(alert.Labels) // in the order of the keys
	had, fires := firing[key]
	switch {
	case alert.Status == Firing && alert.Repeat == 0:
		if fires {
			t.Fatalf("%s fires twice: %+v and %+v", key, had, alert)
		}
		held := tracker.memory.Clock.Elapsed - beganAt(tracker, alert.Incident)
		if least := Defaults().holdFor(rules.Severity(alert.Labels["severity"])); held < least {
			t.Fatalf("%s fires after %v, want %v", key, held, least)
		}
		firing[key] = alert
	case alert.Status == Firing:
		if !fires || had.UID != alert.UID {
			t.Fatalf("%s is repeated, and did not fire", key)
		}
	default:
		if !fires || had.UID != alert.UID || alert.EndsAt.Before(alert.StartsAt) || !alert.StartsAt.Equal(had.StartsAt) {
			t.Fatalf("%s: end %+v of %+v", key, alert, had)
		}
		gone := len(a.o.Namespaces) < 2 && alert.Labels["netns"] == "shop"
		if len(a.o.Unknown) > 0 && !gone {
			t.Fatalf("%s ended although nobody could look", key)
		}
		delete(firing, key)
	}
}

// beganAt is a lower bound of when an incident was first seen: the tracker's time
// less all that its record has added up.
func beganAt(tracker *Tracker, incident string) time.Duration {
	for _, r := range tracker.memory.Records {
		if r.UID == incident {
			return tracker.memory.Clock.Elapsed - max(r.Held[0], r.Held[1], r.Held[2])
		}
	}
	return tracker.memory.Clock.Elapsed
}

func checkActive(t *rapid.T, tracker *Tracker, firing map[string]Alert) {
	active := tracker.Active()
	if len(active) != len(firing) {
		t.Fatalf("%d are active, %d were told to fire", len(active), len(firing))
	}
	for _, a := range active {
		if firing[fmt.Sprint(a.Labels)].UID != a.UID {
			t.Fatalf("%v is active under another name", a.Labels)
		}
	}
}

// TestRestartMakesNoDifference: a tracker that goes on from what was kept as JSON
// says the same as one that never stopped.
func TestRestartMakesNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t)
		stops := map[int]bool{}
		for range rapid.IntRange(1, 8).Draw(t, "restarts") {
			stops[rapid.IntRange(0, len(acts)-1).Draw(t, "at")] = true
		}
		o := Options{Instance: "web-1", Config: Defaults()}
		steadyOne, restarted := New(o, Memory{}), New(o, Memory{})
		for i, a := range acts {
			if stops[i] {
				b, err := json.Marshal(restarted.Memory())
				if err != nil {
					t.Fatal(err)
				}
				var m Memory
				if err := json.Unmarshal(b, &m); err != nil {
					t.Fatal(err)
				}
				restarted = New(o, m)
			}
			c1, a1 := steadyOne.Observe(a.at, a.o)
			c2, a2 := restarted.Observe(a.at, a.o)
			one, _ := json.Marshal([]any{c1, a1, steadyOne.Active(), steadyOne.Incidents()})
			two, _ := json.Marshal([]any{c2, a2, restarted.Active(), restarted.Incidents()})
			if string(one) != string(two) {
				t.Fatalf("tick %d, restarts %v:\n%s\n%s", i, slices.Sorted(maps.Keys(stops)), one, two)
			}
		}
	})
}
