package notify

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// backlog returns messages as an outage leaves them: alerts, and their ends.
func backlog(n int) []incident.Alert {
	all := make([]incident.Alert, 0, n)
	for i := range n / 2 {
		all = append(all, sample(i))
	}
	for i := range n / 2 {
		all = append(all, over(all[i]))
	}
	return all
}

// drain delivers a backlog and returns how long it took.
func drain(t testing.TB, c Config, alerts []incident.Alert) time.Duration {
	t.Helper()
	q := NewMemoryQueue(len(alerts))
	q.Declare(c.Names())
	q.Put(alerts...)
	d, err := New(c, q, Options{})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(t.Context()) }()
	for {
		waiting := 0
		for _, s := range d.Stats() {
			waiting += s.Waiting
			if s.Failed > 0 || s.Refused > 0 {
				t.Fatalf("got %+v", s)
			}
		}
		if waiting == 0 {
			return time.Since(begun)
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
}

// swallowing starts a server that takes everything.
func swallowing(t testing.TB) string {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(s.Close)
	return s.URL
}

// drainable lists configurations whose receivers take everything.
func drainable(t testing.TB) map[string]Config {
	udp, err := new(net.ListenConfig).ListenPacket(t.Context(), "unixgram", t.TempDir()+"/journal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	go func() {
		for b := make([]byte, 1<<16); ; {
			if _, _, err := udp.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	go func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	return map[string]Config{
		"alertmanager": {Alertmanager: []AlertmanagerConfig{{URL: swallowing(t)}}},
		"webhook":      {Webhook: []WebhookConfig{{URL: swallowing(t)}}},
		"journal":      {Syslog: []SyslogConfig{{Address: udp.LocalAddr().String()}}},
		"tcp":          {Syslog: []SyslogConfig{{Transport: "tcp", Address: tcp.Addr().String()}}},
	}
}

// TestBacklogDrains: after an outage ten thousand messages go out within
// seconds, and take no more memory than they had in the queue.
func TestBacklogDrains(t *testing.T) {
	alerts := backlog(10_000)
	for name, c := range drainable(t) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			took := drain(t, c, alerts)
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("%d messages in %s, %d a second", len(alerts), took.Round(time.Millisecond), int(float64(len(alerts))/took.Seconds()))
			if took > time.Minute {
				t.Errorf("%d messages took %s", len(alerts), took)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

func BenchmarkDrain(b *testing.B) {
	alerts := backlog(1000)
	for name, c := range drainable(b) {
		b.Run(name+"/n=1000", func(b *testing.B) {
			for b.Loop() {
				drain(b, c, alerts)
			}
		})
	}
}
