package agent

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
)

func testConfig() Config {
	return Config{Tick: 10 * time.Second, Budget: 0.01, Instance: "web-1", Incidents: incident.Defaults()}
}

// fakeClock is the clock of a synctest bubble, with the time of day off by some.
func fakeClock(off *atomic.Int64) func() steady.Moment {
	began := time.Now()
	return func() steady.Moment {
		m := steady.Moment{Wall: time.Now(), Mono: time.Since(began)}
		if off != nil {
			m.Wall = m.Wall.Add(time.Duration(off.Load()))
		}
		return m
	}
}

// watched runs an agent over a pretended host, in fake time.
type watched struct {
	host  *pretended
	heard *heard
	agent *Agent
	last  atomic.Pointer[web.Snapshot]
	stop  func()
}

func watch(t *testing.T, h *heard, change func(*Options)) *watched {
	t.Helper()
	w := &watched{host: new(pretended), heard: h}
	o := Options{
		Config: testConfig(), Source: w.host, Store: h, Outbox: h, Version: "test",
		Publish: func(s web.Snapshot) { w.last.Store(&s) }, Clock: fakeClock(nil),
	}
	if change != nil {
		change(&o)
	}
	w.agent = New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.agent.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	return w
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestFaultIsToldOnce follows an overflow from its beginning to its end.
func TestFaultIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, new(heard), nil)
		defer w.stop()
		pass(65 * time.Second)
		if got := w.heard.told(); len(got) != 0 {
			t.Fatalf("got %q on a healthy host", got)
		}
		w.host.set(func(p *pretended) { p.overflows = true })
		pass(2*10*time.Second + 15*time.Second) // two ticks and for-critical
		if got, want := w.heard.told(), []string{"firing accept-queue-overflow critical"}; !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q within two ticks and its for-duration", got, want)
		}
		pass(10 * time.Minute)
		w.host.set(func(p *pretended) { p.overflows = false })
		pass(4 * time.Minute)
		want := []string{"firing accept-queue-overflow critical", "resolved accept-queue-overflow critical"}
		if got := w.heard.told(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if len(w.heard.fires()) != 0 || len(w.last.Load().Incidents) != 0 {
			t.Errorf("got %v still active, incidents %v", w.heard.fires(), w.last.Load().Incidents)
		}
	})
}

// TestRestartGoesOn stops the agent while an alert fires and starts another one.
func TestRestartGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := new(heard)
		clock := fakeClock(nil)
		same := func(o *Options) { o.Clock = clock }
		w := watch(t, h, same)
		w.host.set(func(p *pretended) { p.overflows = true })
		pass(time.Minute)
		w.stop()
		before := w.heard.told()
		pass(30 * time.Second)
		again := watch(t, h, same)
		again.host.set(func(p *pretended) { p.overflows = true })
		pass(5 * time.Minute)
		if got := h.told(); !slices.Equal(got, before) || len(got) != 1 {
			t.Errorf("got %q after a restart, want the one alert of before: %q", got, before)
		}
		again.host.set(func(p *pretended) { p.overflows = false })
		pass(5 * time.Minute)
		again.stop()
		if got := h.told(); len(got) != 2 || !strings.HasPrefix(got[1], "resolved") {
			t.Errorf("got %q, want that it is resolved once", got)
		}
	})
}

// TestClockJumps sets the time of day back and forth by an hour, again and again,
// on a healthy and on a sick host.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		w := watch(t, new(heard), func(o *Options) { o.Clock = fakeClock(&off) })
		defer w.stop()
		jump := func() {
			for _, by := range []time.Duration{time.Hour, -time.Hour, -time.Hour, time.Hour} {
				pass(25 * time.Second)
				off.Add(int64(by))
			}
		}
		jump()
		w.host.set(func(p *pretended) { p.overflows = true })
		pass(time.Second)
		if got := w.heard.told(); len(got) != 0 {
			t.Fatalf("got %q on a healthy host whose clock is set", got)
		}
		jump()
		jump()
		if got := w.heard.told(); len(got) != 1 {
			t.Fatalf("got %q, want one alert", got)
		}
		w.host.set(func(p *pretended) { p.overflows = false })
		pass(10 * time.Minute)
		if got := w.heard.told(); len(got) != 2 {
			t.Errorf("got %q, want one alert and its end", got)
		}
	})
}

// TestNothingSeenConcludesNothing makes collecting and remembering fail in turn.
func TestNothingSeenConcludesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, new(heard), nil)
		defer w.stop()
		w.host.set(func(p *pretended) { p.overflows = true })
		pass(time.Minute)
		w.host.set(func(p *pretended) { p.fails = errPretended })
		pass(time.Hour)
		if got := w.heard.told(); len(got) != 1 {
			t.Fatalf("got %q, want that an hour of blindness resolves nothing", got)
		}
		w.host.set(func(p *pretended) { p.fails = nil })
		w.heard.breakWith(errPretended)
		pass(time.Minute)
		if w.last.Load().Store.Problem == "" || w.last.Load().Store.Errors == 0 {
			t.Errorf("got %+v, want that the history cannot be written", w.last.Load().Store)
		}
		w.heard.breakWith(nil)
		pass(time.Minute)
		if w.last.Load().Store.Problem != "" {
			t.Errorf("got %+v, want that all is well again", w.last.Load().Store)
		}
	})
}

// TestReload goes on with other settings without forgetting anything.
func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, new(heard), nil)
		defer w.stop()
		w.host.set(func(p *pretended) { p.overflows = true })
		pass(15 * time.Second)
		c := testConfig()
		c.Tick, c.Incidents.For, c.Incidents.ForCritical = 2*time.Second, time.Minute, time.Minute
		w.agent.Reload(testConfig())
		w.agent.Reload(c)
		pass(30 * time.Second)
		if got := w.heard.told(); len(got) != 0 {
			t.Errorf("got %q before the new for-duration", got)
		}
		ticks, _, _ := w.host.count()
		pass(20 * time.Second)
		if now, _, _ := w.host.count(); now-ticks < 9 {
			t.Errorf("got %d ticks in 20 s, want one every 2 s", now-ticks)
		}
		pass(30 * time.Second)
		if got := w.heard.told(); len(got) != 1 {
			t.Errorf("got %q, want one alert: what had been seen before counts", got)
		}
	})
}

func TestPollsBetweenTicks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, new(heard), nil)
		defer w.stop()
		pass(100*time.Second + time.Millisecond)
		ticks, walks, polls := w.host.count()
		if ticks != 11 || walks != 11 || polls < 85 || polls > 100 {
			t.Errorf("got %d ticks, %d walks, %d polls in 100 s; want 11, 11, some 90", ticks, walks, polls)
		}
	})
}
