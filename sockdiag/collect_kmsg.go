package sockdiag

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

const (
	// logHorizon is how far back log lines still say something about a window.
	logHorizon = time.Hour
	// logLinesMax bounds how many lines are kept, the newest ones.
	logLinesMax = 64
	// logLimit bounds the time spent on the log, and logRecordsMax the number
	// of records: a ring of 16 MiB holds some 150,000.
	logLimit      = 500 * time.Millisecond
	logRecordsMax = 400_000
)

// logKinds are the texts that matter. The first has a colon-separated address
// before the port since 6.2; both forms contain this much. Texts of the
// connection tracker name the namespace in newer kernels.
var logKinds = [...]struct{ text, kind string }{
	{"ossible SYN flooding on port", "syn-flood"},
	{"too many orphaned sockets", "orphans"},
	{"out of memory -- consider tuning tcp_mem", "tcp-memory"},
	{"nf_conntrack: table full", "conntrack-full"},
	{"eighbor table overflow", "neighbour-overflow"},
	{"eighbour table overflow", "neighbour-overflow"},
}

// logKind says what a kernel log text tells about TCP, "" for nothing.
func logKind(text string) string {
	for _, k := range logKinds {
		if strings.Contains(text, k.text) {
			return k.kind
		}
	}
	return ""
}

// logRecord is one record of /dev/kmsg.
type logRecord struct {
	fromKernel bool // not written to /dev/kmsg by a process
	at         time.Duration
	text       string
}

// parseRecord reads the form of /dev/kmsg: "priority,sequence,microseconds,flags;text"
// and then lines of properties, which are left out (Documentation/ABI/testing/dev-kmsg).
func parseRecord(b []byte) (logRecord, error) {
	head, text, ok := bytes.Cut(b, []byte(";"))
	if !ok {
		return logRecord{}, fmt.Errorf("log record %.40q: no text", b)
	}
	fields := bytes.SplitN(head, []byte(","), 4)
	if len(fields) < 3 {
		return logRecord{}, fmt.Errorf("log record %.40q: %d fields before the text, want 3", b, len(fields))
	}
	priority, err := strconv.ParseUint(string(fields[0]), 10, 32)
	if err != nil {
		return logRecord{}, fmt.Errorf("log record: priority: %w", err)
	}
	micros, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil || micros < 0 {
		return logRecord{}, fmt.Errorf("log record: time %.20q", fields[2])
	}
	line, _ := cutLine(text)
	// The facility is in the bits above the level; 0 is the kernel, which a
	// process cannot choose.
	return logRecord{fromKernel: priority>>3 == 0, at: time.Duration(micros) * time.Microsecond, text: string(line)}, nil
}

// logTail gathers the lines that matter.
type logTail struct {
	now  time.Duration // since boot
	kept []keptLine
	bad  int
}

type keptLine struct {
	kind, text string
	at         time.Duration // since boot
}

func (l *logTail) add(b []byte) {
	r, err := parseRecord(b)
	if err != nil {
		l.bad++
		return
	}
	if !r.fromKernel || l.now-r.at > logHorizon {
		return
	}
	kind := logKind(r.text)
	if kind == "" {
		return
	}
	if len(l.kept) == logLinesMax {
		l.kept = append(l.kept[:0], l.kept[1:]...)
	}
	l.kept = append(l.kept, keptLine{kind, r.text, r.at})
}

// lines returns those that still say something.
func (l *logTail) lines() []facts.LogLine {
	var out []facts.LogLine
	for _, k := range l.kept {
		// The log's clock and ours differ by a little: a line cannot be younger
		// than the moment it was read.
		if ago := max(l.now-k.at, 0); ago <= logHorizon {
			out = append(out, facts.LogLine{Kind: k.kind, AgoSeconds: ago.Seconds(), Text: k.text})
		}
	}
	return out
}
