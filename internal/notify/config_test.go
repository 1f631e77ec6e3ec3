package notify

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestValidateTellsEverything: all that is wrong is told in one go, under the
// key where it is.
func TestValidateTellsEverything(t *testing.T) {
	c := Config{
		Alertmanager: []AlertmanagerConfig{
			{},
			{
				Common: Common{Name: "web\n", Timeout: -time.Second, MinSeverity: "high"},
				URL:    "http://a", URLs: []string{"ftp://a", "http://b", "http://b", "http://u:p@c/", "://", "http:///x"},
				Resend: time.Millisecond, GeneratorURL: "x",
			},
		},
		Webhook: []WebhookConfig{
			{URL: "http://a", Access: Access{
				BasicAuth: BasicAuth{Username: "me"}, BearerTokenFile: "/does/not/exist",
				TLS: TLS{CAFile: file(t, "ca.pem", "no certificate"), CertFile: "/does/not/exist"},
			}},
			{SecretFile: t.TempDir(), Access: Access{BasicAuth: BasicAuth{PasswordFile: "/does/not/exist"}}},
		},
		Syslog: []SyslogConfig{
			{Transport: "udp"}, {Common: Common{Name: "b"}, Transport: "tcp", Address: "host", Facility: "local9"},
			{Common: Common{Name: "c", Match: Match{Severity: []string{"warn", "c*"}, ID: []string{""}}}, Transport: "relp", Format: "json"},
			{Common: Common{Name: "d"}, Transport: "tcp", Address: ":514"},
		},
		Command: []CommandConfig{
			{}, {Common: Common{Name: "e"}, Argv: []string{"/does/not/exist", "a\x00b"}}, {Common: Common{Name: "e", Timeout: time.Hour}, Argv: []string{"/bin/true"}},
		},
	}
	want := []string{
		"alertmanager[0].urls: is missing",
		`alertmanager[1].name: "web\n" holds control characters`,
		"alertmanager[1].timeout: -1s: want more than 0 and at most 5m0s",
		`alertmanager[1].min-severity: no severity "high" (there are: info, warning, critical)`,
		"alertmanager[1].url: only one of it and urls",
		"alertmanager[1].urls[0]: must begin with http:// or https://",
		"alertmanager[1].urls[2]: is the same as urls[1]",
		"alertmanager[1].urls[3]: holds a user name: put it into basic-auth, and the password into a file",
		"alertmanager[1].urls[4]: missing protocol scheme",
		"alertmanager[1].urls[5]: has no host",
		"alertmanager[1].generator-url: must begin with http:// or https://",
		"alertmanager[1].resend: 1ms: want at least 1s",
		"webhook[0].bearer-token-file: stat /does/not/exist: no such file or directory",
		"webhook[0].tls.cert-file: stat /does/not/exist: no such file or directory",
		"webhook[0].basic-auth.password-file: is missing",
		"webhook[0].bearer-token-file: only one of it and basic-auth can be in the Authorization header",
		"webhook[0].tls: cert-file and key-file belong together",
		"webhook[0].tls.ca-file: " + c.Webhook[0].TLS.CAFile + " holds no certificate in PEM format",
		"webhook[1].basic-auth.password-file: stat /does/not/exist: no such file or directory",
		"webhook[1].basic-auth.username: is missing",
		"webhook[1].url: is missing",
		"webhook[1].secret-file: " + c.Webhook[1].SecretFile + " is a folder",
		"syslog[0].address: is missing",
		"syslog[1].address: address host: missing port in address",
		`syslog[1].facility: no facility "local9" (there are: kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, ntp, security, console, clock, local0, local1, local2, local3, local4, local5, local6, local7)`,
		`syslog[2].match.severity[0]: no severity "warn" (there are: info, warning, critical)`,
		"syslog[2].match.id[0]: is empty and matches nothing",
		`syslog[2].transport: no transport "relp" (there are: journal, local, udp, tcp)`,
		`syslog[2].format: no format "json" (there are: rfc5424, rfc3164)`,
		"syslog[3].address: :514: want host:port",
		"command[0].argv: is missing",
		`command[1].argv[0]: exec: "/does/not/exist": stat /does/not/exist: no such file or directory`,
		"command[1].argv[1]: holds a zero byte",
		"command[2].timeout: 1h0m0s: want more than 0 and at most 5m0s",
		`webhook[1].name: "webhook" is already the name of webhook[0]; two receivers need two names`,
		`command[2].name: "e" is already the name of command[1]; two receivers need two names`,
	}
	var got []string
	for _, err := range c.Validate() {
		if _, ok := errors.AsType[Problem](err); !ok {
			t.Errorf("%v is a %T", err, err)
		}
		got = append(got, err.Error())
	}
	less := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(want, got, less); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if d, err := New(c, NewMemoryQueue(0), Options{}); err == nil || d != nil {
		t.Errorf("got %v, %v, want it refused", d, err)
	}
}

func TestConfigDefaults(t *testing.T) {
	no := false
	c := Config{
		Alertmanager: []AlertmanagerConfig{{URL: "http://am:9093/prefix/"}},
		Webhook:      []WebhookConfig{{URL: "https://example.org/hook"}, {Common: Common{Name: "second"}, URL: "http://b", Resolved: Resolved{SendResolved: &no}}},
		Syslog:       []SyslogConfig{{}},
		Command:      []CommandConfig{{Argv: []string{"true"}}},
	}
	if found := c.Validate(); found != nil {
		t.Fatalf("got %v", found)
	}
	want := []string{"alertmanager", "webhook", "second", "syslog", "command"}
	if diff := cmp.Diff(want, c.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	d, err := New(c, NewMemoryQueue(0), Options{Version: "1.2"})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range d.Stats() {
		if s.Receiver != want[i] || s.Receiver != d.workers[i].receiver.Name() {
			t.Errorf("receiver %d is %q", i, s.Receiver)
		}
	}
	am := d.workers[0].receiver.(*alertmanager)
	if am.peers[0].url != "http://am:9093/prefix/api/v2/alerts" || am.resend != time.Minute || am.poster.limit != 10*time.Second || am.poster.agent != "tcpdoctor/1.2" {
		t.Errorf("got %s every %s within %s as %s", am.peers[0].url, am.resend, am.poster.limit, am.poster.agent)
	}
	if s := d.workers[3].receiver.(*syslog); s.transport != "journal" || s.address != "/run/systemd/journal/socket" || s.facility != 3 {
		t.Errorf("got %+v", s)
	}
	if !d.workers[1].keep.wants(over(sample(1))) || d.workers[2].keep.wants(over(sample(1))) {
		t.Error("send-resolved is not kept to")
	}
}

// TestValidateUnreadable: the file of a secret may be for others to read.
func TestValidateUnreadable(t *testing.T) {
	c := Config{Webhook: []WebhookConfig{{URL: "http://a", SecretFile: file(t, "secret", "")}}}
	if found := c.Validate(); found != nil {
		t.Errorf("got %v", found)
	}
}
