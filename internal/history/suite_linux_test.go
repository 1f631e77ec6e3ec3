package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// found is an incident as the agent reports it.
func found(uid string, since time.Time) incident.Incident {
	rate := 37.2
	f := rules.Finding{
		ID: "accept-queue-overflow", Severity: rules.Critical, Confidence: rules.Certain, Cause: "somaxconn", Actor: rules.KernelLimit,
		Netns:         rules.Netns{Cookie: 4097, Inode: 4026532001, Name: "shop"},
		Subject:       rules.Subject{Kind: rules.SubjectListener, Local: "0.0.0.0", Port: 443, PID: 812, PIDs: []int{812, 813}, Comm: "nginx"},
		Summary:       "nginx[812] drops 37 connections/s: its accept queue on *:443 is full",
		Explanation:   "listen(511) was cut to 128 by net.core.somaxconn",
		Evidence:      []rules.Evidence{{Name: "ListenOverflows", Value: 186, Rate: &rate, Source: "/proc/net/netstat"}},
		Prescriptions: []rules.Prescription{{Kind: rules.PrescribeSysctl, Text: "sysctl -w net.core.somaxconn=4096", Risk: rules.Safe, Key: "net.core.somaxconn"}},
	}
	return incident.Incident{
		UID: uid, Key: incident.Key{ID: f.ID, Netns: "4097", Subject: "listener 0.0.0.0:443 nginx"}, Netns: "shop", Subject: "listener 0.0.0.0:443 nginx",
		State: incident.Open, Severity: f.Severity, Peak: f.Severity, Since: since, Opened: since.Add(30 * time.Second), LastSeen: since.Add(30 * time.Second),
		Finding: f, Worst: f,
	}
}

// ended is the incident after its end.
func ended(in incident.Incident, at time.Time) incident.Incident {
	in.State, in.EndedAt, in.LastSeen = incident.Ended, at, at
	return in
}

// told is a message about an incident.
func told(in incident.Incident, status incident.Status, repeat int) incident.Alert {
	return incident.Alert{
		UID: in.UID + "-critical", Incident: in.UID, Status: status, Repeat: repeat,
		Labels:      map[string]string{"alertname": "tcpdoctor", "id": in.Key.ID, "severity": string(in.Severity)},
		Annotations: map[string]string{"summary": in.Finding.Summary}, StartsAt: in.Since, EndsAt: in.EndedAt, Finding: in.Finding,
	}
}

// stores lists both kinds, and how each is opened again: what is in memory is
// simply gone on.
func stores(t *testing.T, o Options, test func(t *testing.T, s *Store, again func() *Store)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := NewMemory(o)
		test(t, s, func() *Store { return s })
	})
	t.Run("disk", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir() + "/" + DefaultFile
		s := open(t, path, o)
		test(t, s, func() *Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path, o)
			return s
		})
	})
}

func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func commit(t testing.TB, s *Store, ticks ...Tick) {
	t.Helper()
	for _, tick := range ticks {
		if err := s.Commit(tick); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIncidents(t *testing.T) {
	t.Parallel()
	stores(t, Options{}, func(t *testing.T, s *Store, again func() *Store) {
		at := began()
		first, second, third := found("a", at), found("b", at.Add(time.Hour)), found("c", at.Add(2*time.Hour))
		waiting := found("d", at)
		waiting.State = incident.Pending
		commit(t, s,
			Tick{At: at, Incidents: []incident.Incident{first, waiting}, State: []byte("one")},
			Tick{At: at.Add(time.Hour), Incidents: []incident.Incident{ended(first, at.Add(time.Hour)), second}},
			Tick{At: at.Add(2 * time.Hour), Incidents: []incident.Incident{third}, State: []byte("two")})
		s = again()
		for _, tt := range []struct {
			name string
			q    Query
			want string
		}{
			{"all", Query{}, "c b a"},
			{"limit", Query{Limit: 2}, "c b"},
			{"since the end of the first", Query{Since: at.Add(time.Hour)}, "c b a"},
			{"since after it", Query{Since: at.Add(time.Hour + 1)}, "c b"},
			{"until the second", Query{Until: at.Add(time.Hour)}, "b a"},
			{"before all", Query{Until: at.Add(-1)}, ""},
			{"matched", Query{Match: func(in *incident.Incident) bool { return in.State == incident.Ended }}, "a"},
		} {
			got, err := s.Incidents(tt.q)
			if err != nil {
				t.Fatal(err)
			}
			if names := uids(got); names != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, names, tt.want)
			}
		}
		got, ok, err := s.Incident("a")
		if d := cmp.Diff(ended(first, at.Add(time.Hour)), got); d != "" || !ok || err != nil {
			t.Errorf("got %v, %v (-want +got):\n%s", ok, err, d)
		}
		if _, ok, err := s.Incident("d"); ok || err != nil {
			t.Errorf("got %v, %v of an incident that nobody was told of", ok, err)
		}
		if state, err := s.State(); string(state) != "two" || err != nil {
			t.Errorf("got state %q, %v", state, err)
		}
	})
}

func uids(all []incident.Incident) string {
	names := ""
	for i, in := range all {
		if i > 0 {
			names += " "
		}
		names += in.UID
	}
	return names
}

// TestFiguresLag: while an incident is open its figures are written now and
// then, its end at once.
func TestFiguresLag(t *testing.T) {
	t.Parallel()
	stores(t, Options{}, func(t *testing.T, s *Store, _ func() *Store) {
		at := began()
		in := found("a", at)
		seen := func() time.Time {
			got, _, err := s.Incident("a")
			if err != nil {
				t.Fatal(err)
			}
			return got.LastSeen
		}
		for range 60 {
			in.LastSeen = in.LastSeen.Add(10 * time.Second)
			in.Finding.Subject.PID++
			in.Finding.Summary = fmt.Sprintf("nginx drops %d connections/s", in.LastSeen.Unix())
			commit(t, s, Tick{At: in.LastSeen, Incidents: []incident.Incident{in}})
			if lag := in.LastSeen.Sub(seen()); lag < 0 || lag > seenEvery {
				t.Fatalf("got a time %v behind", lag)
			}
		}
		commit(t, s, Tick{At: in.LastSeen, Incidents: []incident.Incident{ended(in, in.LastSeen.Add(time.Second))}})
		if got := seen(); !got.Equal(in.LastSeen.Add(time.Second)) {
			t.Errorf("got %v, want its end", got)
		}
	})
}

func TestQueue(t *testing.T) {
	t.Parallel()
	stores(t, Options{QueueMax: 4}, func(t *testing.T, s *Store, again func() *Store) {
		at := began()
		in := found("a", at)
		commit(t, s, Tick{At: at, Alerts: []incident.Alert{told(in, incident.Firing, 0)}}) // nobody is there
		if err := s.Declare([]string{"webhook", "alertmanager"}); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Next("webhook"); ok || err != nil {
			t.Fatalf("got %v, %v from an empty queue", ok, err)
		}
		send := func(status incident.Status, repeats ...int) {
			for _, r := range repeats {
				at = at.Add(10 * time.Second)
				commit(t, s, Tick{At: at, Alerts: []incident.Alert{told(in, status, r)}})
			}
		}
		send(incident.Firing, 0, 1, 2)
		s = again()
		e, ok, err := s.Next("webhook")
		if err != nil || !ok || e.Seq != 1 {
			t.Fatalf("got %+v, %v, %v", e, ok, err)
		}
		if d := cmp.Diff(told(in, incident.Firing, 0), e.Alert); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		if err := s.Done("webhook", e.Seq); err != nil {
			t.Fatal(err)
		}
		if err := s.Done("webhook", e.Seq); err != nil { // it is gone, and stays so
			t.Fatal(err)
		}
		s = again()
		if e, _, _ := s.Next("webhook"); e.Seq != 2 {
			t.Errorf("got %d, want 2", e.Seq)
		}
		// Repetitions make room first, then the oldest message.
		send(incident.Resolved, 0, 0, 0, 0)
		if waiting, dropped := s.Backlog("alertmanager"); waiting != 4 || dropped != 3 {
			t.Errorf("got %d waiting and %d dropped, want 4 and 3", waiting, dropped)
		}
		if got := drain(t, s, "alertmanager"); got != "4 5 6 7" {
			t.Errorf("got %q", got)
		}
		s = again()
		if got := drain(t, s, "webhook"); got != "4 5 6 7" {
			t.Errorf("got %q", got)
		}
		if err := s.Declare([]string{"webhook"}); err != nil {
			t.Fatal(err)
		}
		send(incident.Firing, 0)
		if waiting, _ := s.Backlog("alertmanager"); waiting != 0 {
			t.Errorf("got %d messages for a receiver that is gone", waiting)
		}
		if got := drain(t, s, "webhook"); got != "8" { // numbers are never used again
			t.Errorf("got %q", got)
		}
		if all, err := s.Receivers(); err != nil || len(all) != 1 {
			t.Errorf("got %v, %v", all, err)
		}
	})
}

// drain takes all messages and returns their numbers.
func drain(t *testing.T, s *Store, receiver string) string {
	t.Helper()
	out := ""
	for {
		e, ok, err := s.Next(receiver)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		if out != "" {
			out += " "
		}
		out += fmt.Sprint(e.Seq)
		if err := s.Done(receiver, e.Seq); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	stores(t, Options{}, func(t *testing.T, s *Store, again func() *Store) {
		// A day of ticks, each with its number.
		const days = 1
		at := began()
		for i := range days * 8640 {
			now := at.Add(time.Duration(i) * 10 * time.Second)
			commit(t, s, Tick{At: now, Points: []Point{{"ramp", float64(i)}, {"flat", 7}}})
		}
		end := at.Add(days * 24 * time.Hour)
		s = again()
		names, err := s.SeriesNames()
		if d := cmp.Diff([]string{"flat", "ramp"}, names); d != "" || err != nil {
			t.Errorf("%v %s", err, d)
		}
		for _, tt := range []struct {
			name        string
			since       time.Time
			samples     int
			want        int
			step        time.Duration
			first, last float64 // means
		}{
			{"an hour in full", end.Add(-time.Hour), 1000, 360, 10 * time.Second, days*8640 - 360, days*8640 - 1},
			{"an hour", end.Add(-time.Hour), 60, 60, time.Minute, days*8640 - 360 + 2.5, days*8640 - 3.5},
			{"half a day", end.Add(-12 * time.Hour), 1000, 144, 5 * time.Minute, 4320 + 14.5, days*8640 - 15.5},
			{"all", at, 1000, 24 * 12, 5 * time.Minute, 14.5, days*8640 - 15.5},
			{"all in few", at, 24, 24, time.Hour, 179.5, days*8640 - 180.5},
			{"long before", at.Add(-1000 * time.Hour), 50, 2, 21 * time.Hour, 0, 0},
			{"after", end.Add(time.Hour), 50, 0, 0, 0, 0},
		} {
			got, err := s.Series("ramp", tt.since, end.Add(-time.Nanosecond), tt.samples)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != tt.want {
				t.Errorf("%s: got %d samples, want %d", tt.name, len(got), tt.want)
				continue
			}
			if tt.first == 0 {
				continue
			}
			if m := got[0].Mean; m != tt.first {
				t.Errorf("%s: got first mean %v, want %v", tt.name, m, tt.first)
			}
			if m := got[len(got)-1].Mean; m != tt.last {
				t.Errorf("%s: got last mean %v, want %v", tt.name, m, tt.last)
			}
			for i := 1; i < len(got); i++ {
				if step := got[i].At.Sub(got[i-1].At); step != tt.step || got[i].Min <= got[i-1].Max {
					t.Fatalf("%s: got %+v after %+v", tt.name, got[i], got[i-1])
				}
			}
		}
		if got, err := s.Series("none", at, end, 0); got != nil || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestSeriesAreBounded: a new series displaces the one not seen for longest, and
// none gets the figures of another.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	stores(t, Options{SeriesMax: 3}, func(t *testing.T, s *Store, again func() *Store) {
		at := began()
		put := func(points ...Point) {
			t.Helper()
			at = at.Add(10 * time.Second)
			commit(t, s, Tick{At: at, Points: points})
		}
		check := func(want string) {
			t.Helper()
			names, err := s.SeriesNames()
			if got := strings.Join(names, " "); got != want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		put(Point{"a", 1}, Point{"b", 2}, Point{"c", 3}, Point{"a", 4})
		put(Point{"a", 5}, Point{"c", 6})
		s = again()
		put(Point{"d", 7})
		check("a c d")
		put(Point{"b", 8}) // again, and new
		check("b c d")
		put(Point{"e", 1}, Point{"f", 2}, Point{"g", 3}, Point{"h", 4})
		put(Point{"e", math.NaN()}, Point{"e", math.Inf(1)}, Point{"", 1}, Point{strings.Repeat("x", 1000), 1})
		s = again()
		check("e f g")
		put(Point{"b", 9})
		got, err := s.Series("b", began(), at, 0)
		if err != nil || len(got) != 1 || got[0].Max != 9 {
			t.Errorf("got %v, %v of a series that was forgotten twice", got, err)
		}
		if refused := s.Stats().Refused; s.disk == nil && refused != 5 {
			t.Errorf("got %d figures refused, want 5", refused)
		}
	})
}

// TestRefused: a tick that cannot be meant changes nothing, and a store that is
// closed takes nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	stores(t, Options{}, func(t *testing.T, s *Store, _ func() *Store) {
		at := began()
		commit(t, s, Tick{At: at, State: []byte("good")})
		for name, tick := range map[string]Tick{
			"no time":   {State: []byte("bad")},
			"no UID":    {At: at, State: []byte("bad"), Incidents: []incident.Incident{{State: incident.Open}}},
			"long UID":  {At: at, State: []byte("bad"), Incidents: []incident.Incident{found(strings.Repeat("x", 1000), at)}},
			"too large": {At: at, State: make([]byte, stateMost+1)},
		} {
			if err := s.Commit(tick); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if err := s.Declare([]string{""}); err == nil {
			t.Error("a receiver without a name was declared")
		}
		if state, err := s.State(); string(state) != "good" || err != nil {
			t.Errorf("got %q, %v", state, err)
		}
		if err := s.Flush(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"commit": s.Commit(Tick{At: at}), "flush": s.Flush(), "done": s.Done("r", 1), "declare": s.Declare(nil),
		} {
			if !errors.Is(err, errClosed) {
				t.Errorf("%s: got %v after it was closed", name, err)
			}
		}
	})
}

// TestDamagedValues: a value that is damaged is left out, and all else is there.
func TestDamagedValues(t *testing.T) {
	t.Parallel()
	stores(t, Options{}, func(t *testing.T, s *Store, _ func() *Store) {
		if err := s.Declare([]string{"r"}); err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 30; n++ {
			commit(t, s, load(n))
		}
		spoil := func(bucket string) {
			key, err := endOf(s.pending, bucket, false)
			if err != nil || key == nil {
				t.Fatalf("%s: %v, %v", bucket, key, err)
			}
			stored, err := s.pending.get(bucket, key)
			if err != nil {
				t.Fatal(err)
			}
			stored = slices.Clone(stored)
			stored[len(stored)-1] ^= 1
			s.pending.set(bucket, string(key), stored)
		}
		for _, bucket := range []string{bucketIncident, "ticks", "5 minutes", "hours", queuePrefix + "r", bucketQueues} {
			spoil(bucket)
		}
		all, err := s.Incidents(Query{})
		if err != nil || len(all) != 9 || all[8].UID != uidOf(6) {
			t.Errorf("got %d incidents, %v, want all but the first", len(all), err)
		}
		if _, _, err := s.Incident(uidOf(3)); !errors.Is(err, errValue) || !strings.Contains(err.Error(), uidOf(3)) {
			t.Errorf("got %v", err)
		}
		got, err := s.Series("n", began(), load(30).At, 0)
		if err != nil || len(got) != 29 || got[0].Max != 2 {
			t.Errorf("got %d samples, %v, want all but the first", len(got), err)
		}
		e, ok, err := s.Next("r")
		if err != nil || !ok || e.Seq != 2 {
			t.Errorf("got %+v, %v, %v, want the second message", e.Seq, ok, err)
		}
		if waiting, dropped := s.Backlog("r"); waiting != 5 || dropped != 1 {
			t.Errorf("got %d waiting and %d dropped, want 5 and 1", waiting, dropped)
		}
		commit(t, s, load(31), load(35)) // rows and queues go on
		if got := drain(t, s, "r"); got != "2 3 4 5 6 7" {
			t.Errorf("got %q", got)
		}
		if n := s.Stats().Unreadable; n != 3 {
			t.Errorf("got %d values that could not be read, want 3", n)
		}
	})
}
