package sockdiag

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestLogKind(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.", "syn-flood"},
		{"TCP: request_sock_TCP: Possible SYN flooding on port 10.0.0.1:80. Sending cookies.", "syn-flood"},
		{"TCP: request_sock_TCP: Possible SYN flooding on port [::]:443. Dropping request.", "syn-flood"},
		{"TCP: TCP: Possible SYN flooding on port 80. Dropping request.  Check SNMP counters.", "syn-flood"},
		{"TCP: too many orphaned sockets", "orphans"},
		{"TCP: out of memory -- consider tuning tcp_mem", "tcp-memory"},
		{"nf_conntrack: table full, dropping packet", "conntrack-full"},
		{"nf_conntrack: nf_conntrack: table full, dropping packet", "conntrack-full"},
		{"nf_conntrack: nf_conntrack: table full in netns 4026532581, dropping packet", "conntrack-full"},
		{"neighbour: arp_cache: neighbor table overflow!", "neighbour-overflow"},
		{"neighbour: ndisc_cache: neighbor table overflow!", "neighbour-overflow"},
		{"Neighbour table overflow.", "neighbour-overflow"},
		{"Out of memory: Killed process 1234 (java)", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := logKind(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestParseRecord(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       logRecord
		wantErr    string
	}{
		{
			"kernel, with properties", "6,1234,5000000,-;TCP: too many orphaned sockets\n SUBSYSTEM=net\n DEVICE=x\n",
			logRecord{true, 5 * time.Second, "TCP: too many orphaned sockets"}, "",
		},
		{"more fields", "6,1,2,-,caller=T1;text\n", logRecord{true, 2 * time.Microsecond, "text"}, ""},
		{"semicolon in the text", "4,1,2,-;a;b\n", logRecord{true, 2 * time.Microsecond, "a;b"}, ""},
		{"written by a process", "12,1,2,-;TCP: too many orphaned sockets\n", logRecord{false, 2 * time.Microsecond, "TCP: too many orphaned sockets"}, ""},
		{"no text", "6,1,2,-", logRecord{}, "no text"},
		{"few fields", "6,1;text", logRecord{}, "2 fields"},
		{"no priority", "x,1,2,-;text", logRecord{}, "priority"},
		{"negative time", "6,1,-2,-;text", logRecord{}, "time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseRecord([]byte(tt.text))
			checkError(t, err, tt.wantErr)
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestLogTail(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration, priority int, text string) []byte {
		return fmt.Appendf(nil, "%d,1,%d,-;%s\n", priority, d.Microseconds(), text)
	}
	tail := logTail{now: 2 * time.Hour}
	tail.add(at(59*time.Minute, 6, "TCP: too many orphaned sockets"))                              // too old
	tail.add(at(90*time.Minute, 6, "TCP: too many orphaned sockets"))                              // counts
	tail.add(at(91*time.Minute, 14, "TCP: too many orphaned sockets"))                             // not from the kernel
	tail.add(at(92*time.Minute, 6, "eth0: link up"))                                               // not about TCP
	tail.add(at(2*time.Hour+time.Millisecond, 6, "TCP: out of memory -- consider tuning tcp_mem")) // clocks differ
	tail.add([]byte("nonsense"))
	want := []facts.LogLine{
		{Kind: "orphans", AgoSeconds: 1800, Text: "TCP: too many orphaned sockets"},
		{Kind: "tcp-memory", AgoSeconds: 0, Text: "TCP: out of memory -- consider tuning tcp_mem"},
	}
	if diff := cmp.Diff(want, tail.lines()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if tail.bad != 1 {
		t.Errorf("got %d records that are none, want 1", tail.bad)
	}
}

func TestLogTailKeepsTheNewest(t *testing.T) {
	t.Parallel()
	tail := logTail{now: time.Hour}
	for i := range 3 * logLinesMax {
		tail.add(fmt.Appendf(nil, "6,1,%d,-;neighbor table overflow %d\n", i, i))
	}
	lines := tail.lines()
	if len(lines) != logLinesMax {
		t.Fatalf("got %d lines, want %d", len(lines), logLinesMax)
	}
	if last := lines[logLinesMax-1].Text; !strings.HasSuffix(last, fmt.Sprint(3*logLinesMax-1)) {
		t.Errorf("the last line is %q", last)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte("6,1234,5000000,-;TCP: too many orphaned sockets\n SUBSYSTEM=net\n"))
	f.Add([]byte("12,1,2,-,caller=T1;a;b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tail := logTail{now: time.Hour}
		tail.add(b)
		for _, l := range tail.lines() {
			if l.AgoSeconds < 0 || l.AgoSeconds > logHorizon.Seconds() || l.Kind == "" || strings.Contains(l.Text, "\n") {
				t.Errorf("got %+v", l)
			}
		}
	})
}
