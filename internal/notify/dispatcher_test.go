package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

func discarding(o Options) *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	return slog.New(slog.DiscardHandler)
}

func TestDispatcherKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sample(1), sample(2)
		m := &mailbox{name: "m"}
		// Every message takes a few attempts.
		m.fail = func(_ incident.Alert, attempt int) error {
			if attempt < 3 {
				return errors.New("down")
			}
			return nil
		}
		q := queueFor([]string{"m"}, a, b, over(a))
		d := dispatch(q, Options{}, m)
		stop := start(t, d)
		pass(time.Hour)
		q.Put(repeated(b, 1), over(b))
		d.Wake()
		pass(time.Hour)
		stop()
		want := []string{"a1-firing-0", "a2-firing-0", "a1-resolved-0", "a2-firing-1", "a2-resolved-0"}
		if diff := cmp.Diff(want, m.received()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		s := d.Stats()[0]
		if s.Sent != 5 || s.Failed != 10 || s.Waiting != 0 || s.LastError != "down" || s.LastSuccess.IsZero() {
			t.Errorf("got %+v", s)
		}
	})
}

func TestDispatcherBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{name: "m", fail: func(incident.Alert, int) error { return errors.New("down") }}
		d := dispatch(queueFor([]string{"m"}, sample(1)), Options{}, m)
		begun := time.Now()
		stop := start(t, d)
		for range 3600 { // waking it is no reason to hurry
			pass(time.Second)
			d.Wake()
		}
		stop()
		at := m.attempts()
		if len(at) < 55 || len(at) > 130 {
			t.Errorf("got %d attempts in an hour, want one a minute or so", len(at))
		}
		for i, first := 1, begun; i < len(at); i++ {
			pause := at[i].Sub(at[i-1])
			wish := min(pauseFirst<<(i-1), pauseLongest)
			if i > 10 {
				wish = pauseLongest
			}
			if pause < wish/2 || pause > wish*3/2+time.Millisecond {
				t.Errorf("pause %d after %s: got %s, want %s give or take a half", i, at[i].Sub(first), pause, wish)
			}
		}
		if got := d.Stats()[0]; got.Waiting != 1 || got.Refused != 0 {
			t.Errorf("got %+v, want the message still waiting", got)
		}
	})
}

func TestDispatcherWaitsAsAsked(t *testing.T) {
	for _, c := range []struct {
		asked, least, most time.Duration
	}{
		{10 * time.Minute, 10 * time.Minute, 10*time.Minute + time.Second},
		{90 * 24 * time.Hour, askedAtMost, askedAtMost + time.Second},
		{0, time.Second / 2, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &mailbox{name: "m", fail: func(_ incident.Alert, attempt int) error {
				if attempt == 1 {
					return &failure{err: errors.New("429"), after: c.asked}
				}
				return nil
			}}
			stop := start(t, dispatch(queueFor([]string{"m"}, sample(1)), Options{}, m))
			pass(2 * time.Hour)
			stop()
			at := m.attempts()
			if len(at) != 2 {
				t.Fatalf("got %d attempts, want 2", len(at))
			}
			if pause := at[1].Sub(at[0]); pause < c.least || pause > c.most {
				t.Errorf("asked for %s: waited %s", c.asked, pause)
			}
		})
	}
}

// TestDispatcherGivesUpPoison: what a receiver refuses does not keep back what
// comes after it, and is told in the log.
func TestDispatcherGivesUpPoison(t *testing.T) {
	for _, tries := range []int{triesRefused, triesUndecided, triesBroken} {
		synctest.Test(t, func(t *testing.T) {
			m := &mailbox{name: "m", fail: func(a incident.Alert, attempt int) error {
				switch {
				case a.UID != "a2":
					return nil
				case attempt%2 == 0: // in between it is not there: that does not count
					return errors.New("down")
				}
				return failed(tries, "no such field")
			}}
			var log lockedBuffer
			d := dispatch(queueFor([]string{"m"}, sample(1), sample(2), sample(3)),
				Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, m)
			stop := start(t, d)
			pass(100 * time.Hour)
			stop()
			if diff := cmp.Diff([]string{"a1-firing-0", "a3-firing-0"}, m.received()); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if got, want := len(m.attempts()), 2+2*tries-1; got != want {
				t.Errorf("got %d attempts, want %d", got, want)
			}
			if s := d.Stats()[0]; s.Refused != 1 || s.Sent != 2 || s.Waiting != 0 {
				t.Errorf("got %+v", s)
			}
			if !strings.Contains(log.String(), "no such field") || !strings.Contains(log.String(), "uid=a2") {
				t.Errorf("log does not say why:\n%s", log.String())
			}
			if n := strings.Count(log.String(), "\n"); n > 4 {
				t.Errorf("%d lines in the log, want one when it begins, one when it ends, one for the message:\n%s", n, log.String())
			}
		})
	}
}

// TestDispatcherSkipsWhatIsSuperseded: after an outage nobody wants all the
// repetitions, but first news and ends come in any case.
func TestDispatcherSkipsWhatIsSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := sample(1), sample(2), sample(3)
		m := &mailbox{name: "m"}
		q := queueFor([]string{"m"}, a, repeated(a, 1), b, repeated(a, 2), repeated(b, 1), over(a), c, repeated(b, 2), over(c))
		d := dispatch(q, Options{}, m)
		d.SetActive([]incident.Alert{repeated(b, 2)})
		stop := start(t, d)
		synctest.Wait()
		stop()
		want := []string{"a1-firing-0", "a2-firing-0", "a1-resolved-0", "a3-firing-0", "a2-firing-2", "a3-resolved-0"}
		if diff := cmp.Diff(want, m.received()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if s := d.Stats()[0]; s.Superseded != 3 || s.Sent != 6 {
			t.Errorf("got %+v", s)
		}
	})
}

// TestDispatcherRepeatsUntilTold: before it is known what fires, nothing is
// taken to be superseded.
func TestDispatcherRepeatsUntilTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{name: "m"}
		stop := start(t, dispatch(queueFor([]string{"m"}, repeated(sample(1), 1), repeated(sample(1), 2)), Options{}, m))
		synctest.Wait()
		stop()
		if diff := cmp.Diff([]string{"a1-firing-1", "a1-firing-2"}, m.received()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

func TestDispatcherFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{name: "m"}
		d := dispatch(queueFor([]string{"m"}, sample(1), over(sample(1))), Options{}, m)
		d.workers[0].keep.sendResolved = false
		stop := start(t, d)
		synctest.Wait()
		stop()
		if diff := cmp.Diff([]string{"a1-firing-0"}, m.received()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if s := d.Stats()[0]; s.Filtered != 1 || s.Waiting != 0 {
			t.Errorf("got %+v", s)
		}
	})
}

// TestDispatcherOthersUnaffected: one receiver that hangs delays no other.
func TestDispatcherOthersUnaffected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := &hanging{}
		m := &mailbox{name: "m"}
		q := queueFor([]string{"m", "hanging"}, sample(1), sample(2))
		d := dispatch(q, Options{}, hangs, m)
		begun := time.Now()
		stop := start(t, d)
		synctest.Wait()
		for range 1000 {
			d.Wake()
			d.SetActive([]incident.Alert{sample(1)})
		}
		if got := len(m.received()); got != 2 || !time.Now().Equal(begun) {
			t.Errorf("got %d messages after %s, want 2 at once", got, time.Since(begun))
		}
		stop()
		if took := time.Since(begun); took > graceful {
			t.Errorf("stopping took %s, want %s at most", took, graceful)
		}
		if waiting, _ := q.Backlog("hanging"); waiting != 2 {
			t.Errorf("%d messages wait, want both", waiting)
		}
	})
}

// hanging never answers.
type hanging struct{}

func (*hanging) Name() string { return "hanging" }

func (*hanging) Send(ctx context.Context, _ incident.Alert) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestDispatcherFinishesWhatIsUnderWay: a message that is being sent while all
// ends is not sent twice.
func TestDispatcherFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowly{takes: time.Second}
		q := queueFor([]string{"slowly"}, sample(1), sample(2))
		stop := start(t, dispatch(q, Options{}, slow))
		synctest.Wait()
		stop()
		if waiting, _ := q.Backlog("slowly"); waiting != 1 || slow.got != 1 {
			t.Errorf("%d messages wait and %d were sent, want 1 and 1", waiting, slow.got)
		}
	})
}

// slowly takes its time.
type slowly struct {
	takes time.Duration
	got   int
}

func (*slowly) Name() string { return "slowly" }

func (s *slowly) Send(ctx context.Context, _ incident.Alert) error {
	select {
	case <-time.After(s.takes):
		s.got++
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestDispatcherQueueFails: a disk that fails for a while loses nothing, and has
// nothing sent twice.
func TestDispatcherQueueFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{name: "m"}
		q := &moody{MemoryQueue: queueFor([]string{"m"}, sample(1), sample(2))}
		d := dispatch(q, Options{}, m)
		stop := start(t, d)
		pass(time.Hour)
		stop()
		if diff := cmp.Diff([]string{"a1-firing-0", "a2-firing-0"}, m.received()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if s := d.Stats()[0]; s.Failed == 0 || !strings.Contains(s.LastError, "queue: no space") {
			t.Errorf("got %+v, want the failures of the queue counted", s)
		}
	})
}

// moody is a queue of which most calls fail.
type moody struct {
	*MemoryQueue
	mu    sync.Mutex
	calls int
}

func (m *moody) mood() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.calls%5 != 0 && m.calls%7 != 0 {
		return errors.New("no space left on device")
	}
	return nil
}

func (m *moody) Next(r string) (Entry, bool, error) {
	if err := m.mood(); err != nil {
		return Entry{}, false, err
	}
	return m.MemoryQueue.Next(r)
}

func (m *moody) Done(r string, seq uint64) error {
	if err := m.mood(); err != nil {
		return err
	}
	return m.MemoryQueue.Done(r, seq)
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestJoinFailures(t *testing.T) {
	f := func(tries int, after time.Duration) *failure {
		return &failure{err: fmt.Errorf("%d", tries), tries: tries, after: after}
	}
	for _, c := range []struct {
		in        []*failure
		wantTries int
		wantAfter time.Duration
	}{
		{[]*failure{f(10, 0)}, 10, 0},
		{[]*failure{f(10, time.Minute), f(70, 2*time.Minute)}, 70, time.Minute},
		{[]*failure{f(10, 0), f(0, time.Minute)}, 0, 0},
		{[]*failure{f(0, time.Minute), f(10, time.Minute)}, 0, time.Minute},
		{[]*failure{f(0, 9*time.Hour)}, 0, askedAtMost},
	} {
		got := joinFailures(c.in)
		if got.tries != c.wantTries || got.after != c.wantAfter {
			t.Errorf("%v: got %d tries after %s, want %d after %s", got, got.tries, got.after, c.wantTries, c.wantAfter)
		}
	}
}
