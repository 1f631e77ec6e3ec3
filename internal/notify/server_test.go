package notify

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a real Alertmanager.
type server struct {
	binary, dir, addr, config string
	args                      []string
	client                    *http.Client
	scheme                    string
	cmd                       *exec.Cmd
	output                    lockedBuffer
}

// program finds a program that a test needs. It may be missing on the machine of
// somebody who tries this out, but not where CI is set.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("none of %v is installed", names)
	}
	t.Skipf("none of %v is installed (Debian: apt-get install prometheus-alertmanager)", names)
	return ""
}

// newServer prepares an Alertmanager that tells a webhook after 200 ms, then
// every second if there is news, and repeats old news after an hour.
func newServer(t *testing.T, told string, args ...string) *server {
	t.Helper()
	s := &server{
		binary: program(t, "prometheus-alertmanager", "alertmanager"), dir: t.TempDir(), addr: freeAddr(t), args: args,
		client: http.DefaultClient, scheme: "http",
	}
	s.config = file(t, "alertmanager.yml", fmt.Sprintf(`
route:
  receiver: told
  group_by: [alertname, instance]
  group_wait: 200ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: told
    webhook_configs:
      - url: %s
        send_resolved: true
`, told))
	t.Cleanup(func() { s.stop(t) })
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts it and waits until it answers.
func (s *server) start(t *testing.T) {
	t.Helper()
	args := append([]string{
		"--config.file=" + s.config, "--storage.path=" + filepath.Join(s.dir, "data"),
		"--web.listen-address=" + s.addr, "--log.level=warn",
	}, s.args...)
	if !slices.ContainsFunc(s.args, func(a string) bool { return strings.HasPrefix(a, "--cluster.listen-address=") }) {
		args = append(args, "--cluster.listen-address=")
	}
	s.cmd = exec.Command(s.binary, args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "answer of Alertmanager", func() bool {
		resp, err := s.get("/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
}

func (s *server) get(path string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, s.scheme+"://"+s.addr+path, nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth("tcpdoctor", "correct horse")
	return s.client.Do(req)
}

// stop ends it in good order, so that it writes down what it keeps.
func (s *server) stop(t *testing.T) {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait()
	if t.Failed() {
		t.Logf("Alertmanager said:\n%s", s.output.String())
	}
}

// forget removes all that it keeps.
func (s *server) forget(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(s.dir, "data")); err != nil {
		t.Fatal(err)
	}
}

// known is an alert as the API shows it.
type known struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
	Status              struct{ State string }
}

// alerts asks for the alerts that fire.
func (s *server) alerts(t *testing.T) []known {
	t.Helper()
	resp, err := s.get("/api/v2/alerts")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var all []known
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}
