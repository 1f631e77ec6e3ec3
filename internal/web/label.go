package web

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// other is the label of what has no series of its own.
const other = "other"

// label makes text fit to be the value of a label: valid UTF-8, no controls, at
// most so many runes. Names come from processes, which call themselves what
// they like.
func label(s string, runes int) string {
	if len(s) > utf8.UTFMax*runes {
		s = s[:utf8.UTFMax*runes] // what is cut in the middle of a rune falls to the next step
	}
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	s = report.Clean(s)
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes-1]) + "…"
}

// netnsLabel names a namespace as alerts do.
func netnsLabel(n *model.Namespace, runes int) string {
	name := label(n.Label, runes)
	if name == other {
		return label(fmt.Sprintf("%s#%d", name, cmp.Or(n.ID.Cookie, n.ID.Inode)), runes)
	}
	return name
}

// subjectLabel names the subject of an incident as alerts do, less the port of a
// peer: no label tells one.
func subjectLabel(i incident.Incident, runes int) string {
	text := i.Subject
	if port := i.Finding.Subject.PeerPort; port != 0 {
		before, after, found := strings.Cut(text, "→ ")
		if found {
			text = before + "→ " + strings.Replace(after, fmt.Sprintf(":%d", port), "", 1)
		}
	}
	return label(text, runes)
}
