package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/notify"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// childEnv makes the test program an agent over a pretended host: it holds the
// folder of its state and the address of its receiver.
const childEnv = "TCPDOCTOR_TEST_AGENT"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		dir, url, _ := strings.Cut(spec, "|")
		if err := hasty(dir, url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// moody is a host whose fault comes and goes with the time of day.
type moody struct{ pretended }

const mood = 400 * time.Millisecond

// Tick returns a window of the mood.
func (m *moody) Tick(ctx context.Context) (facts.Window, error) {
	m.set(func(p *pretended) { p.overflows = time.Now().UnixNano()/int64(mood)%2 == 0 })
	return m.pretended.Tick(ctx)
}

// queue is a store as notify reads it.
type queue struct{ *history.Store }

// Next returns the oldest message.
func (q queue) Next(receiver string) (notify.Entry, bool, error) {
	e, ok, err := q.Store.Next(receiver)
	return notify.Entry(e), ok, err
}

// hasty is an agent that does in milliseconds what others do in seconds.
func hasty(dir, url string) error {
	store, err := history.Open(filepath.Join(dir, history.DefaultFile), history.Options{})
	if err != nil {
		return err
	}
	d, err := notify.New(notify.Config{Webhook: []notify.WebhookConfig{{URL: url}}}, queue{store}, notify.Options{})
	if err != nil {
		return err
	}
	if err := store.Declare([]string{"webhook"}); err != nil {
		return err
	}
	c := testConfig()
	c.Tick, c.Budget = 10*time.Millisecond, 1
	c.Incidents.For, c.Incidents.ForCritical = 30*time.Millisecond, 30*time.Millisecond
	c.Incidents.ResolveAfter = 50 * time.Millisecond
	c.Incidents.Flap.Times = 1 << 20
	c.Incidents.Rules = map[string]incident.Override{}
	ctx := context.Background()
	go func() { _ = d.Run(ctx) }()
	New(Options{Config: c, Source: new(moody), Store: store, Outbox: d}).Run(ctx)
	return nil
}

// message is what the receiver was told.
type message struct {
	life int // of the agent
	key  string
	incident.Alert
}

// TestKilledAtAnyMoment kills the agent again and again while alerts come and go.
// Nothing may be lost: every alert that was fired is resolved, in this order. And
// nothing may be repeated but a message that was on its way when the agent was
// killed, under the key that tells.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	lives := 200
	if testing.Short() {
		lives = 20
	}
	var mu sync.Mutex
	var got []message
	life := 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // killed while it spoke: it was not told
		}
		var doc notify.Document
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Errorf("%v: %s", err, body)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, message{life, r.Header.Get("Idempotency-Key"), doc.Alert})
	}))
	defer server.Close()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for range lives {
		mu.Lock()
		life++
		mu.Unlock()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir+"|"+server.URL)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(20+rng.IntN(250)) * time.Millisecond) // the moment at which it dies is what is tested
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); !strings.Contains(fmt.Sprint(err), "killed") {
			t.Fatalf("the agent ended by itself: %v: %s", err, said.String())
		}
	}
	mu.Lock()
	defer mu.Unlock()
	repeated, alerts := checkMessages(t, got)
	t.Logf("%d lives, %d messages about %d alerts, %d of them repeated after a kill", lives, len(got), alerts, repeated)
	if alerts < lives/10 {
		t.Errorf("got %d alerts in %d lives, want more to happen", alerts, lives)
	}
	if repeated > lives {
		t.Errorf("got %d messages repeated in %d lives", repeated, lives)
	}
}

// checkMessages goes through what was told, in its order.
func checkMessages(t *testing.T, got []message) (repeated, alerts int) {
	t.Helper()
	firing := ""
	lifeOf := make(map[string]int) // of the messages taken, by key
	over := make(map[string]bool)
	for i, m := range got {
		if first, ok := lifeOf[m.key]; ok {
			repeated++
			if first == m.life {
				t.Errorf("message %d: %s was sent twice by the same agent", i, m.key)
			}
			continue
		}
		lifeOf[m.key] = m.life
		switch {
		case m.Labels["id"] != "accept-queue-overflow" || m.Labels["severity"] != string(rules.Critical):
			t.Errorf("message %d: got labels %v", i, m.Labels)
		case m.Status == incident.Firing && firing != "":
			t.Errorf("message %d: %s fires while %s does", i, m.UID, firing)
		case m.Status == incident.Firing && over[m.UID]:
			t.Errorf("message %d: %s fires again", i, m.UID)
		case m.Status == incident.Firing:
			firing = m.UID
			alerts++
		case m.UID != firing:
			t.Errorf("message %d: %s is resolved while %q fires", i, m.UID, firing)
		default:
			firing, over[m.UID] = "", true
		}
	}
	return repeated, alerts
}
