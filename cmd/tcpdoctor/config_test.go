package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/viper"
)

// writeConfig writes a file of settings.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tcpdoctor.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExampleIsTheDefault reads the example that comes with the packages: it
// shows every setting of the agent, each with its default.
func TestExampleIsTheDefault(t *testing.T) {
	t.Parallel()
	const example = "../../packaging/tcpdoctor.yaml"
	s, err := loadSettings(example)
	if err != nil {
		t.Fatal(err)
	}
	want := defaultSettings()
	for _, c := range []struct {
		name      string
		got, want any
	}{{"agent", s.Agent, want.Agent}, {"alerts", s.Alerts.config(), want.Alerts.config()}} {
		if diff := cmp.Diff(c.want, c.got, cmp.Transformer("empty", func(l []string) []string { return append([]string{}, l...) })); diff != "" {
			t.Errorf("%s: what the program does unless told otherwise, and the example:\n%s", c.name, diff)
		}
	}
	v := viper.New()
	v.SetConfigFile(example)
	if err := v.ReadInConfig(); err != nil {
		t.Fatal(err)
	}
	shown := leaves("", v.AllSettings())
	for _, key := range settingKeys() {
		told := strings.HasPrefix(key, "agent.") || strings.HasPrefix(key, "alerts.") && !strings.HasPrefix(key, "alerts.rules.")
		if told && !slices.Contains(shown, key) {
			t.Errorf("%s: the example does not show it", key)
		}
	}
}

// TestEveryErrorAtOnce is a file with a mistake of each kind.
func TestEveryErrorAtOnce(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, `
agnet: {tick: 5s}
agent:
  tik: 5s
  budget: lots
  history: {max-size: 3 apples}
alerts:
  for: soon
  rules:
    syn-flood: {fro: 1m}
    sin-flood: {for: 1m}
receivers:
  webhook:
    - ulr: https://example.org
      match: {ids: [a]}
`)
	_, err := loadSettings(path)
	got, ok := err.(settingsError)
	if !ok {
		t.Fatalf("got %v, want all problems", err)
	}
	for _, want := range []string{
		`no setting "agnet.tick" (did you mean agent.tick?)`,
		`no setting "agent.tik" (did you mean agent.tick?)`,
		`"lots" is no share such as 1% or 0.01`,
		`"3 apples" is no size such as 64MiB`,
		`"soon" is no duration such as 5s or 2m`,
		`no setting "alerts.rules.syn-flood.fro" (did you mean alerts.rules.syn-flood.for?)`,
		`no setting "alerts.rules.sin-flood.for" (did you mean alerts.rules.syn-flood.for?)`,
		`no setting "receivers.webhook[0].ulr" (did you mean receivers.webhook[].url?)`,
		`no setting "receivers.webhook[0].match.ids" (did you mean receivers.webhook[].match.id?)`,
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, path+": ") && strings.Contains(line, want) }) {
			t.Errorf("%s: it is not among\n%s", want, strings.Join(got, "\n"))
		}
	}
	if len(got) != 9 {
		t.Errorf("got %d problems, want 9:\n%s", len(got), strings.Join(got, "\n"))
	}
}

// TestSettingsAreRead reads some of each kind.
func TestSettingsAreRead(t *testing.T) {
	path := writeConfig(t, `
agent:
  tick: 30
  budget: 2.5%
  listen: ["[::1]:9000"]
  history: {max-age: 1w, max-size: 8MiB}
alerts:
  for: 1m
  rules: {syn-flood: {for: 0s, min-severity: critical}}
receivers:
  alertmanager: [{urls: [http://a:9093, http://b:9093], resend: 30s, basic-auth: {username: u, password-file: /p}}]
  command: [{name: page, argv: [/bin/page, --now], timeout: 5s}]
`)
	t.Setenv("TCPDOCTOR_AGENT_INSTANCE", "web-1")
	t.Setenv("TCPDOCTOR_AGENT_APPLY_PROFILES", "web-server,low-latency")
	s, err := loadSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	a := s.Agent
	if a.Tick != 30*time.Second || a.Budget != 0.025 || a.Listen[0] != "[::1]:9000" || a.History.MaxAge != 7*24*time.Hour ||
		a.History.MaxSize != 8<<20 || a.Instance != "web-1" || len(a.Apply.Profiles) != 2 || a.History.Queue != 10_000 {
		t.Errorf("got %+v", a)
	}
	c := s.Alerts.config()
	if o := c.Rules["syn-flood"]; c.For != time.Minute || c.ForCritical != 15*time.Second || o.For == nil || *o.For != 0 || *o.MinSeverity != "critical" || o.Repeat != nil {
		t.Errorf("got %+v", c)
	}
	r := s.Receivers
	if len(r.Alertmanager) != 1 || len(r.Alertmanager[0].URLs) != 2 || r.Alertmanager[0].Resend != 30*time.Second ||
		r.Alertmanager[0].BasicAuth.Username != "u" || r.Command[0].Name != "page" || r.Command[0].Timeout != 5*time.Second {
		t.Errorf("got %+v", r)
	}
	if wrong := append(s.Agent.problems(), s.Alerts.problems()...); len(wrong) > 0 {
		t.Errorf("got %q, want nothing wrong", wrong)
	}
}

func TestSizesAndShares(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{"0": 0, "1024": 1024, "64MiB": 64 << 20, "64M": 64 << 20, "2 GiB": 2 << 30, "1K": 1024} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5M", "9999999999G", "many", "MiB"} {
		if err := new(size).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
	if got := size(64 << 20).String(); got != "64MiB" {
		t.Errorf("got %s, want 64MiB", got)
	}
	var s share
	if err := s.UnmarshalText([]byte("0.5%")); err != nil || s != 0.005 || s.String() != "0.5%" {
		t.Errorf("got %v, %v", s, err)
	}
}
