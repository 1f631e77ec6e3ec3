package history

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// childEnv tells a process of this test that it is the one to be killed.
const childEnv = "HISTORY_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := victim(path); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// load is tick number n: every third has an incident, every fifth a message,
// every tenth ends an incident of before.
func load(n int) Tick {
	at := began().Add(time.Duration(n) * 10 * time.Second)
	t := Tick{At: at, State: []byte(strconv.Itoa(n)), Points: []Point{{"n", float64(n)}, {"thirds", float64(n % 3)}}}
	if n%3 == 0 {
		t.Incidents = append(t.Incidents, found(uidOf(n), at))
	}
	if n%5 == 0 {
		t.Alerts = append(t.Alerts, told(found(uidOf(n), at), incident.Firing, 0))
	}
	if n%30 == 10 {
		t.Incidents = append(t.Incidents, ended(found(uidOf(n-1), at.Add(-10*time.Second)), at))
	}
	return t
}

func uidOf(n int) string { return fmt.Sprintf("i%07d", n) }

// victim goes on where the one before was killed, and says what was acknowledged.
func victim(path string) error {
	o := Options{Hold: -1}
	if strings.HasSuffix(os.Args[len(os.Args)-1], "hold") {
		o.Hold = 0
	}
	s, err := Open(path, o)
	if err != nil {
		return err
	}
	if err := s.MovedAside(); err != nil {
		return err
	}
	if err := s.Declare([]string{"r"}); err != nil {
		return err
	}
	state, err := s.State()
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(state)) // 0 at first
	for n++; ; n++ {
		if err := s.Commit(load(n)); err != nil {
			return err
		}
		fmt.Printf("tick %d\n", n)
		if n%20 != 0 {
			continue
		}
		e, ok, err := s.Next("r")
		if err != nil || !ok {
			return fmt.Errorf("next: %v, %w", ok, err)
		}
		if err := s.Done("r", e.Seq); err != nil {
			return err
		}
		fmt.Printf("done %d\n", e.Seq)
	}
}

// TestKilled kills a process that commits, 200 times at random moments. Whatever
// it acknowledged is there, and of every tick all or nothing.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"at-once", "hold"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir() + "/" + DefaultFile
			random := rand.New(rand.NewPCG(5, 1))
			var last, done int
			for round := range 100 {
				for _, word := range killed(t, path, mode, round%4 == 0, time.Duration(random.IntN(40_000))*time.Microsecond) {
					kind, number, _ := strings.Cut(word, " ")
					n, err := strconv.Atoi(number)
					if err != nil {
						t.Fatalf("the process said %q", word)
					}
					if kind == "done" {
						done = max(done, n)
					} else if mode == "at-once" || n%3 == 0 || n%5 == 0 {
						last = max(last, n)
					}
				}
				s, err := Open(path, Options{})
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if err := s.MovedAside(); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				last = survived(t, s, last, done)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d ticks, %d messages taken", last, done)
			if last < 100 {
				t.Errorf("got %d ticks in all, too few to tell", last)
			}
		})
	}
}

// killed runs a process for a while, from its start or from its first tick on,
// and returns what it said.
func killed(t *testing.T, path, mode string, early bool, after time.Duration) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], mode)
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var words []string
	lines := bufio.NewReader(out)
	patience := 10 * time.Second
	if early {
		patience = after
	}
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // half a line acknowledges nothing
			break
		}
		if len(words) == 0 && !early {
			kill.Reset(after)
		}
		words = append(words, strings.TrimSpace(line))
	}
	_ = cmd.Wait()
	return words
}

// survived checks what is there, and returns the last tick.
func survived(t *testing.T, s *Store, acknowledged, done int) int {
	t.Helper()
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(string(state))
	if n < acknowledged {
		t.Fatalf("got tick %d, and %d was acknowledged", n, acknowledged)
	}
	all, err := s.Incidents(Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != n/3 {
		t.Fatalf("got %d incidents at tick %d, want %d", len(all), n, n/3)
	}
	for i, in := range all {
		begun := 3 * (n/3 - i)
		over := (begun+1)%30 == 10 && begun+1 <= n
		if in.UID != uidOf(begun) || (in.State == incident.Ended) != over {
			t.Fatalf("got incident %s %s as number %d from the end of %d", in.UID, in.State, i, n)
		}
	}
	waiting, dropped := s.Backlog("r")
	e, ok, err := s.Next("r")
	if err != nil || dropped != 0 {
		t.Fatalf("got %v, %d dropped", err, dropped)
	}
	// A message that was taken may be offered again where nobody heard that it was.
	if ok && (int(e.Seq) <= done || int(e.Seq)+waiting-1 != n/5 || e.Alert.Incident != uidOf(5*int(e.Seq))) {
		t.Fatalf("got message %d of %s and %d waiting at tick %d, %d taken", e.Seq, e.Alert.Incident, waiting, n, done)
	}
	samples, err := s.Series("n", began(), began().Add(time.Duration(n)*10*time.Second), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 && len(samples) > 0 && samples[len(samples)-1].Max != float64(n) {
		t.Fatalf("got figure %v at tick %d", samples[len(samples)-1].Max, n)
	}
	return n
}
