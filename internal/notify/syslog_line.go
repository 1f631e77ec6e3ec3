package notify

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

const (
	// lineAtMost is how long a line may be, in bytes. RFC 5424, section 6.1,
	// wants receivers to take 2048.
	lineAtMost = 2048
	// paramAtMost bounds the value of one parameter, in bytes.
	paramAtMost = 160
	// structuredID names the structured data. 32473 is the number for those who
	// have no enterprise number of their own (RFC 5612).
	structuredID = "tcpdoctor@32473"
	// appName is what the lines are found by.
	appName = "tcpdoctor"
)

// line returns a message in the format that is configured.
func (s *syslog) line(a incident.Alert) string {
	var head string
	pri := s.facility*8 + priority(a)
	now := s.now()
	switch {
	case s.format == formatRFC3164 && s.transport == transportLocal:
		head = fmt.Sprintf("<%d>%s %s: ", pri, now.Format("Jan _2 15:04:05"), appName)
	case s.format == formatRFC3164:
		head = fmt.Sprintf("<%d>%s %s %s: ", pri, now.Format("Jan _2 15:04:05"), headerField(a.Labels["instance"]), appName)
	default:
		head = fmt.Sprintf("<%d>1 %s %s %s - %s %s ", pri, now.Format("2006-01-02T15:04:05.000000Z07:00"),
			headerField(a.Labels["instance"]), appName, headerField(string(a.Status)), structured(a))
	}
	return head + cut(plain(text(a)), lineAtMost-len(head))
}

// text says in one line what a message is about.
func text(a incident.Alert) string {
	summary := a.Annotations["summary"]
	if summary == "" {
		summary = a.Finding.Summary
	}
	what := a.Labels["severity"]
	switch {
	case a.Status == incident.Resolved:
		what = "resolved"
	case a.Repeat > 0:
		what = "still " + what
	}
	return fmt.Sprintf("%s %s: %s", what, a.Labels["id"], summary)
}

// structured returns the structured data of RFC 5424, section 6.3.
func structured(a incident.Alert) string {
	var b strings.Builder
	b.WriteString("[" + structuredID)
	for _, f := range factsOf(a) {
		if f.value == "" {
			continue
		}
		b.WriteString(" " + strings.ToLower(f.name) + `="`)
		for _, r := range cut(plain(f.value), paramAtMost) {
			if strings.ContainsRune(`"\]`, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		b.WriteByte('"')
	}
	return b.String() + "]"
}

// fact is something about an alert, under the name that the environment of
// commands, the journal, and structured data have for it.
type fact struct{ name, value string }

// factsOf lists the main facts of an alert.
func factsOf(a incident.Alert) []fact {
	all := []fact{
		{"ID", a.Labels["id"]},
		{"STATUS", string(a.Status)},
		{"SEVERITY", a.Labels["severity"]},
		{"CAUSE", a.Finding.Cause},
		{"ACTOR", string(a.Finding.Actor)},
		{"INSTANCE", a.Labels["instance"]},
		{"NETNS", a.Labels["netns"]},
		{"SUBJECT", a.Labels["subject"]},
		{"UID", a.UID},
		{"INCIDENT", a.Incident},
		{"REPEAT", fmt.Sprint(a.Repeat)},
		{"STARTS_AT", stamp(a.StartsAt)},
		{"ENDS_AT", stamp(a.EndsAt)},
	}
	return all
}

// headerField returns a field of a header: printable ASCII without spaces, or "-".
func headerField(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), 255)]
}

// plain returns text without control characters: a name in a message could
// otherwise forge a second message.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// cut shortens text to so many bytes, between two characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	limit = max(0, limit-len("…"))
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
