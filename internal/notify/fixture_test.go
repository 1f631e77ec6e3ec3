package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// sample returns an alert that fires, told apart by a number.
func sample(n int) incident.Alert {
	port := uint16(1000 + n)
	subject := fmt.Sprintf("listener 0.0.0.0:%d nginx", port)
	return incident.Alert{
		UID: fmt.Sprintf("a%d", n), Incident: fmt.Sprintf("i%d", n), Status: incident.Firing,
		Labels: map[string]string{
			"alertname": "TCPAcceptQueueOverflow", "id": "accept-queue-overflow", "severity": "critical",
			"instance": "web-1", "netns": "host", "subject": subject,
		},
		Annotations: map[string]string{
			"summary":     "nginx[812] drops 37 connections/s: its accept queue is full",
			"description": "listen(511) was cut to 128\nby net.core.somaxconn",
		},
		StartsAt: time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond),
		Finding: rules.Finding{
			ID: "accept-queue-overflow", Severity: rules.Critical, Cause: "somaxconn", Actor: rules.KernelLimit,
			Subject:  rules.Subject{Kind: rules.SubjectListener, Local: "0.0.0.0", Port: port, Comm: "nginx"},
			Summary:  "nginx[812] drops 37 connections/s: its accept queue is full",
			Evidence: []rules.Evidence{{Name: "ListenOverflows", Value: 186, Source: "/proc/net/netstat"}},
		},
	}
}

// over returns the message that an alert is over.
func over(a incident.Alert) incident.Alert {
	a.Status, a.Repeat, a.EndsAt = incident.Resolved, 0, a.StartsAt.Add(time.Second)
	return a
}

// repeated returns a repetition of a message.
func repeated(a incident.Alert, n int) incident.Alert {
	a.Repeat = n
	return a
}

// key names a message in comparisons.
func key(a incident.Alert) string { return idempotencyKey(a) }

// start runs a dispatcher until the test ends, or until stop is called, which
// waits for it.
func start(t *testing.T, d *Dispatcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := d.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	stop = func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("the dispatcher does not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

// await polls until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, patience)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// noneLeft checks that a test leaves no goroutine behind.
func noneLeft(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%d goroutines more than before:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
			}
			<-time.After(5 * time.Millisecond)
		}
	})
}

// mailbox is a receiver that works, or fails as it is told.
type mailbox struct {
	name string

	mu   sync.Mutex
	got  []string
	at   []time.Time
	fail func(a incident.Alert, attempt int) error
	n    map[string]int
}

func (m *mailbox) Name() string { return m.name }

func (m *mailbox) Send(ctx context.Context, a incident.Alert) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n == nil {
		m.n = make(map[string]int)
	}
	m.n[key(a)]++
	m.at = append(m.at, time.Now())
	if m.fail != nil {
		if err := m.fail(a, m.n[key(a)]); err != nil {
			return err
		}
	}
	m.got = append(m.got, key(a))
	return ctx.Err()
}

func (m *mailbox) received() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

func (m *mailbox) attempts() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]time.Time(nil), m.at...)
}

// dispatch makes a dispatcher for receivers that exist.
func dispatch(q Queue, o Options, receivers ...Receiver) *Dispatcher {
	d := &Dispatcher{current: new(current)}
	for _, r := range receivers {
		t := &tally{now: time.Now, stats: Stats{Receiver: r.Name()}}
		d.workers = append(d.workers, newWorker(r, q, filter{sendResolved: true}, d.current, t, discarding(o)))
	}
	return d
}

// queueFor makes a queue in memory with messages in it.
func queueFor(receivers []string, alerts ...incident.Alert) *MemoryQueue {
	q := NewMemoryQueue(20_000)
	q.Declare(receivers)
	q.Put(alerts...)
	return q
}

// file writes a file of the test.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inbox is a web server that keeps the requests it got.
type inbox struct {
	*httptest.Server

	mu     sync.Mutex
	bodies [][]byte
	heads  []http.Header
}

// newInbox starts a server that answers with handler, or with 200 where it is nil.
func newInbox(t *testing.T, handler http.HandlerFunc) *inbox {
	t.Helper()
	in := new(inbox)
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil && !errors.Is(err, context.Canceled) {
			return
		}
		in.mu.Lock()
		in.bodies, in.heads = append(in.bodies, body), append(in.heads, r.Header)
		in.mu.Unlock()
		if handler != nil {
			handler(w, r)
		}
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) requests() ([][]byte, []http.Header) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([][]byte(nil), in.bodies...), append([]http.Header(nil), in.heads...)
}

// pass lets time pass in a bubble of synctest, where it takes none.
func pass(d time.Duration) { <-time.After(d) }
