package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// TestBounded pours in far more than there is room for: the file keeps within
// its bound, and what is kept is the latest.
func TestBounded(t *testing.T) {
	t.Parallel()
	const bound = 2 << 20
	stores(t, Options{MaxBytes: bound, QueueMax: 1000, Hold: -1}, func(t *testing.T, s *Store, again func() *Store) {
		if err := s.Declare([]string{"r"}); err != nil {
			t.Fatal(err)
		}
		const ticks = 1500
		for n := 1; n <= ticks; n++ {
			tick := bulky(n)
			if n%10 == 0 { // one in ten never ends
				tick.Incidents = append(tick.Incidents, tick.Incidents[0])
			} else {
				tick.Incidents[0] = ended(tick.Incidents[0], tick.At)
			}
			for i := range 50 {
				tick.Points = append(tick.Points, Point{fmt.Sprintf("series %d", i+n/10), float64(n*i) / 7})
			}
			tick.State = []byte(strings.Repeat("state ", 1000) + strconv.Itoa(n))
			commit(t, s, tick)
			if stats := s.Stats(); stats.FileBytes > bound || stats.UsedBytes > bound/2 {
				t.Fatalf("tick %d: got %+v, want less than %d", n, stats, bound)
			}
		}
		t.Logf("%+v", s.Stats())
		s = again()
		all, err := s.Incidents(Query{})
		if err != nil || len(all) < 20 || all[0].UID != uidOf(ticks) {
			t.Errorf("got %d incidents, %v, want the latest", len(all), err)
		}
		if waiting, dropped := s.Backlog("r"); waiting < 100 || waiting+int(dropped) != ticks {
			t.Errorf("got %d messages and %d dropped", waiting, dropped)
		}
		if got, err := s.Series("series 150", began(), bulky(ticks).At, 0); err != nil || len(got) < 10 {
			t.Errorf("got %d samples, %v", len(got), err)
		}
	})
}

// TestCompaction: a file that is mostly free is rewritten, at the next start and
// while it is in use.
func TestCompaction(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), DefaultFile)
	s := open(t, path, Options{Hold: -1, MaxAge: time.Hour})
	for n := 1; n <= 800; n++ {
		tick := bulky(n)
		tick.At = began().Add(time.Duration(n) * time.Second)
		tick.Incidents[0] = ended(tick.Incidents[0], tick.At)
		commit(t, s, tick)
	}
	full := s.Stats().FileBytes
	if full < 3<<20 {
		t.Fatalf("got a file of %d bytes, too small to tell", full)
	}
	// A day later all of it is old.
	for n := range 2 * tidyEvery {
		commit(t, s, Tick{At: began().Add(24*time.Hour + time.Duration(n)*time.Hour), State: []byte(strconv.Itoa(n))})
	}
	if got := s.Stats().FileBytes; got > full/4 {
		t.Errorf("got a file of %d bytes, of %d before; nothing is in it", got, full)
	}
	if state, err := s.State(); string(state) != strconv.Itoa(2*tidyEvery-1) || err != nil {
		t.Errorf("got %q, %v", state, err)
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Errorf("got %v, want no other file", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, path, Options{}); s.MovedAside() != nil {
		t.Error(s.MovedAside())
	}
}

// TestClockJumps: a clock that is wrong for a while costs nothing but what it
// says itself.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour, 40 * 24 * time.Hour, -40 * 24 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			t.Parallel()
			stores(t, Options{}, func(t *testing.T, s *Store, again func() *Store) {
				at := began()
				i := 0
				run := func(d time.Duration, offset time.Duration) {
					for end := at.Add(d); at.Before(end); at = at.Add(10 * time.Second) {
						i++
						tick := Tick{At: at.Add(offset), State: []byte(strconv.Itoa(i)), Points: []Point{{"n", float64(i)}}}
						if i%60 == 0 {
							in := found(uidOf(i), tick.At)
							tick.Incidents = []incident.Incident{ended(in, tick.At)}
						}
						commit(t, s, tick)
					}
				}
				count := func(since, until time.Time) int {
					got, err := s.Series("n", since, until, 100_000)
					if err != nil {
						t.Fatal(err)
					}
					return len(got)
				}
				run(2*time.Hour, 0)
				right := at
				if n := count(began(), right); n != 720 {
					t.Fatalf("got %d figures, want 720", n)
				}
				run(30*time.Minute, jump)
				s = again()
				run(time.Hour/2, 0)
				s = again()
				if n := count(began(), right.Add(-1)); n < 540 {
					t.Errorf("got %d figures of before the jump, want most of 720", n)
				}
				if n := count(right.Add(30*time.Minute), at); n < 180 { // those of the jump may be there, too
					t.Errorf("got %d figures of after the jump, want 180", n)
				}
				want := i / 60
				if jump < -ageUsual {
					want -= 3 // by their own account they are too old
				}
				all, err := s.Incidents(Query{})
				if err != nil || len(all) != want {
					t.Errorf("got %d incidents, %v, want %d", len(all), err, want)
				}
				run(3*time.Hour, 0)
				if n := count(at.Add(-2*time.Hour), at); n != 720 {
					t.Errorf("got %d figures of the last two hours, want 720", n)
				}
				if state, err := s.State(); err != nil || string(state) != strconv.Itoa(i) {
					t.Errorf("got state %q, %v", state, err)
				}
			})
		})
	}
}

// TestMapped: of a file in use little counts as memory of this process, however
// much was written or read.
func TestMapped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), DefaultFile)
	s := open(t, path, Options{Hold: -1})
	for n := 1; n <= 20*tidyEvery; n++ {
		commit(t, s, bulky(n))
	}
	if _, err := s.Incidents(Query{}); err != nil {
		t.Fatal(err)
	}
	if size, rss := s.Stats().FileBytes, mapped(t, path); size < 5<<20 || rss > 2<<20 {
		t.Errorf("got %d bytes of a file of %d in memory, want little", rss, size)
	}
}

// mapped is how much of a file counts as memory of this process.
func mapped(t *testing.T, path string) (bytes int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, of, found := strings.Cut(string(b), path+"\n")
	if !found {
		t.Fatal("the file is not mapped")
	}
	_, rss, _ := strings.Cut(of, "\nRss:")
	if _, err := fmt.Sscanf(rss, "%d kB", &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}

// TestAge: what is old goes, once the clock can be trusted.
func TestAge(t *testing.T) {
	t.Parallel()
	stores(t, Options{MaxAge: 48 * time.Hour}, func(t *testing.T, s *Store, _ func() *Store) {
		at := began()
		for n := range 24 * 6 * 6 {
			now := at.Add(time.Duration(n) * 10 * time.Minute)
			tick := Tick{At: now, Points: []Point{{"n", 1}}}
			if n%6 == 0 {
				tick.Incidents = []incident.Incident{ended(found(uidOf(n), now), now)}
			}
			commit(t, s, tick)
		}
		all, err := s.Incidents(Query{})
		if err != nil || len(all) < 48 || len(all) > 50 {
			t.Errorf("got %d incidents, %v, want those of 48 hours", len(all), err)
		}
		for _, b := range []string{"ticks", "5 minutes", "hours", bucketUID} {
			if n := s.pending.tallies[b].n; n == 0 || n > 49*6 {
				t.Errorf("got %d rows of %s", n, b)
			}
		}
		// After a month without an agent, everything is old; but that is believed
		// only after some hours.
		at = at.Add(40 * 24 * time.Hour)
		commit(t, s, Tick{At: at})
		if again, _ := s.Incidents(Query{}); len(again) != len(all) {
			t.Errorf("got %d incidents at once, want %d", len(again), len(all))
		}
		for n := range 12 {
			commit(t, s, Tick{At: at.Add(time.Duration(n) * time.Hour)})
		}
		if again, _ := s.Incidents(Query{}); len(again) != 0 {
			t.Errorf("got %d incidents after twelve hours", len(again))
		}
	})
}

// TestNoRoomInFile: where the free pages do not fit what is to be written, and
// the file may not grow, it is rewritten.
func TestNoRoomInFile(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), DefaultFile), Options{Hold: -1})
	commit(t, s, bulky(1))
	s.disk.db.MaxSize = 1 // which the file written anew has not
	for n := 2; n <= 100; n++ {
		commit(t, s, bulky(n))
	}
	if s.disk.db.MaxSize == 1 {
		t.Error("got no file written anew")
	}
	if all, err := s.Incidents(Query{}); err != nil || len(all) != 100 {
		t.Errorf("got %d incidents, %v, want 100", len(all), err)
	}
}
