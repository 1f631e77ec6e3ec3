package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// serving runs a server until the test ends and returns its address.
func serving(t *testing.T, o web.Options) (*web.Server, string) {
	t.Helper()
	if o.Listen == nil {
		o.Listen = []string{"127.0.0.1:0"}
	}
	s := newServer(t, o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	addrs, err := s.Addrs(wait)
	if err != nil {
		t.Fatal(err)
	}
	return s, addrs[0].String()
}

// prometheus starts a real one that scrapes an address, and returns its own.
func prometheus(t *testing.T, target string) string {
	t.Helper()
	program := webtest.NeedProgram(t, "prometheus")
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`global: {scrape_interval: 300ms, scrape_timeout: 300ms}
scrape_configs:
  - job_name: tcpdoctor
    static_configs: [{targets: [%q]}]
`, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--web.listen-address="+own,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--log.level=error")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && t.Failed() {
			t.Logf("prometheus: %v\n%s", err, log.String())
		}
	})
	return own
}

// query asks a Prometheus for the values of an expression, by one label.
func query(ctx context.Context, at, expression, by string) (map[string]float64, error) {
	u := "http://" + at + "/api/v1/query?query=" + url.QueryEscape(expression)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expression, answer.Error)
	}
	out := make(map[string]float64)
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		out[r.Metric[by]] = v
	}
	return out, nil
}

// A real Prometheus scrapes the server, and knows what was published; what is
// over is gone with the next scrape.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	s, target := serving(t, web.Options{})
	s.Publish(webtest.Scene{At: time.Now(), Overflow: true, Leak: 204}.Snapshot())
	at := prometheus(t, target)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	// until polls an expression until it has one value under a label.
	until := func(expression, by, label string, want float64) {
		t.Helper()
		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for {
			got, err := query(ctx, at, expression, by)
			if v, ok := got[label]; err == nil && ok && v == want {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%s: got %v %v, want %v of %q", expression, got, err, want, label)
			case <-again.C:
			}
		}
	}
	until(`up`, "job", "tcpdoctor", 1)
	until(`tcpdoctor_sockets{family="ipv4",netns="host"}`, "state", "close_wait", 204)
	until(`tcpdoctor_listener_accept_queue > tcpdoctor_listener_accept_queue_limit`, "comm", "nginx", 129)
	until(`sum by (severity) (tcpdoctor_finding_active)`, "severity", "critical", 1)
	until(`tcpdoctor_finding_active{id="close-wait-leak"}`, "subject", "process java (orders.service)", 1)
	until(`sum(tcpdoctor_metrics_dropped_series)`, "job", "", 0)

	drops := webtest.Scene{At: time.Now()}.Snapshot()
	s.Publish(drops)
	until(`count(tcpdoctor_finding_active) or vector(0)`, "job", "", 0)
	until(`tcpdoctor_sockets{family="ipv4",netns="host"}`, "state", "close_wait", 0)
}
