package web

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// Whatever a process calls itself, a label is short, valid and printable, and
// making it a label again changes nothing.
func TestLabel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "name"))
		if rapid.Bool().Draw(t, "text") {
			in = rapid.String().Draw(t, "name")
		}
		most := rapid.IntRange(1, 140).Draw(t, "most")
		out := label(in, most)
		if n := utf8.RuneCountInString(out); n > most || !utf8.ValidString(out) {
			t.Fatalf("got %q of %d runes, want at most %d, valid", out, n, most)
		}
		if strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("got %q, which is not printable", out)
		}
		if again := label(out, most); again != out {
			t.Fatalf("got %q, then %q", out, again)
		}
	})
}

func TestSubjectLabel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		subject string
		port    uint16
		want    string
	}{
		{"listener 0.0.0.0:80 nginx", 0, "listener 0.0.0.0:80 nginx"},
		{"destination 10.0.0.4 → 10.2.0.9:5432 java", 5432, "destination 10.0.0.4 → 10.2.0.9 java"},
		{"destination fe80::5432 → [2001:db8::9]:5432 java", 5432, "destination fe80::5432 → [2001:db8::9] java"},
		{"socket 10.0.0.4:80 → 10.2.0.9:80", 80, "socket 10.0.0.4:80 → 10.2.0.9"},
	} {
		i := incident.Incident{Subject: test.subject}
		i.Finding.Subject.PeerPort = test.port
		if got := subjectLabel(i, 128); got != test.want {
			t.Errorf("%s: got %q, want %q", test.subject, got, test.want)
		}
	}
}

func TestFigure(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 3: "3", 0.27: "0.27", 1.234: "1.2", 37.4: "37", 999: "999", 1000: "1,000", 1234567: "1,234,567",
		math.Inf(1): "?", 0.0001: "0.0001",
	} {
		if got := figure(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "now and then", 10 * time.Second: "10 s", 5 * time.Minute: "5 min", 3 * time.Hour: "3 h",
	} {
		if got := span(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"7d": 7 * 24 * time.Hour, "1.5d": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "90m": 90 * time.Minute, "0d": 0,
	} {
		if got, err := duration(text); err != nil || got != want {
			t.Errorf("%s: got %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "NaNd", "1e9d", "7 days", "infd"} {
		if got, err := duration(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

// Every chart answers its question in every situation.
func TestAnswers(t *testing.T) {
	t.Parallel()
	full := listenerFigure{listenerKey: listenerKey{"host", "0.0.0.0:443", "nginx"}, queue: 129, limit: 128, share: 129.0 / 128}
	port := destinationFigure{destinationKey: destinationKey{"host", "10.0.0.4", "2001:db8::9"}, used: 0.99, port: 5432, inUse: 28000, usable: 28232}
	with := func(pairs ...any) *figures {
		f := &figures{latest: map[string]float64{}, listeners: []listenerFigure{full}, destinations: []destinationFigure{port}}
		for i := 0; i < len(pairs); i += 2 {
			name, _ := pairs[i].(string)
			f.latest[name], _ = pairs[i+1].(float64)
		}
		return f
	}
	empty := &figures{latest: map[string]float64{SeriesQueueUsed: 0, SeriesPortsUsed: 0}}
	for _, test := range []struct {
		name string
		got  string
		want string
	}{
		{"queue unknown", answerQueue(with()), "Not known."},
		{"queue over", answerQueue(with(SeriesQueueUsed, 1.01)), "Yes, beyond what fits: the queue of nginx on *:443 held 129 of 128."},
		{"queue nearly full", answerQueue(with(SeriesQueueUsed, 0.9)), "Yes: the queue of nginx on *:443 held 129 of 128."},
		{"no listener", answerQueue(empty), "Nobody listens."},
		{"nothing refused", answerRefused(with(SeriesOverflows, 0.0, SeriesListenDrops, 0.0)), "No. Every one was let in during the last look."},
		{"dropped otherwise", answerRefused(with(SeriesOverflows, 0.0, SeriesListenDrops, 2.5)), "Some: 2.5/s were dropped, none for a full queue."},
		{"refused", answerRefused(with(SeriesOverflows, 37.2, SeriesListenDrops, 38.0)), "Yes: 37/s for a full queue, 38/s dropped in all."},
		{"refused unknown", answerRefused(with()), "Not known."},
		{"none half-open", answerHalfOpen(with(SeriesHalfOpen, 0.0)), "No. None does."},
		{"flood", answerHalfOpen(with(SeriesHalfOpen, 512.0, SeriesCookies, 2100.0)), "Yes: 512 wait for the client; 2,100 SYN cookies/s are sent."},
		{"half-open unknown", answerHalfOpen(with()), "Not known."},
		{"ports nearly gone", answerPorts(with(SeriesPortsUsed, 0.99)), "Yes. From 10.0.0.4 to [2001:db8::9]:5432, 28,000 of 28,232 are taken."},
		{"ports free", answerPorts(empty), "No. No destination has taken more than 1 %."},
		{"ports unknown", answerPorts(with()), "Not known."},
		{"sent again", answerRetransmits(with(SeriesRetransmits, 2.0, SeriesSynRetransmits, 0.5)), "2/s are, 0.5/s of them to open connections."},
		{"nothing sent again", answerRetransmits(with(SeriesRetransmits, 0.0)), "No. None was in the last look."},
		{"nothing to close", answerClosing(with(SeriesCloseWait, 0.0)), "No. None waits to be closed."},
		{"closing unknown", answerClosing(with()), "Not known."},
		{"connections unknown", answerConnections(with()), "Not known."},
		{"turnover unknown", answerTurnover(with()), "Not known."},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

// The verdict is that of what is open and follows from nothing else.
func TestVerdict(t *testing.T) {
	t.Parallel()
	in := func(state incident.State, severity rules.Severity, cause string) incident.Incident {
		return incident.Incident{UID: string(severity), State: state, Severity: severity, CausedBy: cause}
	}
	for _, test := range []struct {
		all               []incident.Incident
		tone, text, aside string
	}{
		{nil, "unknown", "waiting for the first judgement", ""},
		{[]incident.Incident{in(incident.Pending, rules.Critical, "")}, "unknown", "waiting for the first judgement", "1 more is being watched"},
		{[]incident.Incident{in(incident.Open, rules.Warning, ""), in(incident.Open, rules.Critical, "warning")}, "warn", "1 warning", "1 consequence"},
		{[]incident.Incident{in(incident.Open, rules.Critical, ""), in(incident.Open, rules.Info, "")}, "bad", "1 critical", "1 remark"},
	} {
		tone, text, aside := verdict(&published{}, test.all)
		if tone != test.tone || text != test.text || aside != test.aside {
			t.Errorf("got %q %q %q, want %q %q %q", tone, text, aside, test.tone, test.text, test.aside)
		}
	}
}
