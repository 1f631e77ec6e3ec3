package notify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// The MESSAGE_ID of entries in the journal: journalctl MESSAGE_ID=... finds them.
const (
	MessageIDFiring   = "3d4d014f7c614a3c8fbc90370d497e18"
	MessageIDResolved = "f54abedac6624022b862b186ae2408f3"
)

// journalFieldAtMost bounds the value of one field, in bytes.
const journalFieldAtMost = 32 << 10

// entry is an entry of the journal in its native protocol. Appended to the short
// one, the finding makes the whole.
type entry struct{ short, finding []byte }

// journalEntry writes an alert as fields. Systemd's description of its native
// protocol: a field is NAME=value and a newline, or, where the value holds a
// newline, NAME, a newline, the length in 64 bits of little endian, the value,
// and a newline.
func journalEntry(a incident.Alert, facility int) (entry, error) {
	id := MessageIDFiring
	if a.Status == incident.Resolved {
		id = MessageIDResolved
	}
	var b bytes.Buffer
	journalField(&b, "MESSAGE", plain(text(a)))
	journalField(&b, "PRIORITY", strconv.Itoa(priority(a)))
	journalField(&b, "MESSAGE_ID", id)
	journalField(&b, "SYSLOG_IDENTIFIER", appName)
	journalField(&b, "SYSLOG_FACILITY", strconv.Itoa(facility))
	for _, f := range factsOf(a) {
		if f.value != "" {
			journalField(&b, "TCPDOCTOR_"+f.name, f.value)
		}
	}
	if d := a.Annotations["description"]; d != "" {
		journalField(&b, "TCPDOCTOR_DESCRIPTION", d)
	}
	short := b.Len()
	finding, err := json.Marshal(a.Finding)
	if err != nil {
		return entry{}, failed(triesRefused, "%w", err)
	}
	b.WriteString("TCPDOCTOR_FINDING=")
	b.Write(finding)
	b.WriteByte('\n')
	return entry{short: b.Bytes()[:short:short], finding: b.Bytes()[short:]}, nil
}

func journalField(b *bytes.Buffer, name, value string) {
	value = cut(strings.ToValidUTF8(value, "?"), journalFieldAtMost)
	b.WriteString(name)
	if !strings.Contains(value, "\n") {
		b.WriteString("=" + value + "\n")
		return
	}
	b.WriteByte('\n')
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
	b.WriteString(value + "\n")
}

// stamp writes a time for machines; a time that is not set is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
