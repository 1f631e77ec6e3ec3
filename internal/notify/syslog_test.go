package notify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// frozen is a clock that stands still.
func frozen() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8900_000, time.UTC) }

func TestSyslogLines(t *testing.T) {
	a := sample(1)
	a.StartsAt = frozen().Add(-time.Minute)
	nasty := with(with(a, "subject", "listener \"a]\\b\n\x00c"), "instance", "web 1\n")
	nasty.Annotations = map[string]string{"summary": "one\n<2>1 forged\u2028line \xff"}
	data := func(status, severity, subject, instance, ends string) string {
		return fmt.Sprintf(`[tcpdoctor@32473 id="accept-queue-overflow" status="%s" severity="%s" cause="somaxconn" actor="kernel-limit" instance="%s" `+
			`netns="host" subject="%s" uid="a1" incident="i1" repeat="0" starts_at="2026-03-04T05:05:07.0089Z"%s]`, status, severity, instance, subject, ends)
	}
	const summary = "nginx[812] drops 37 connections/s: its accept queue is full"
	for name, c := range map[string]struct {
		config SyslogConfig
		alert  incident.Alert
		want   string
	}{
		"5424": {
			SyslogConfig{Transport: "udp"}, a,
			"<26>1 2026-03-04T05:06:07.008900Z web-1 tcpdoctor - firing " + data("firing", "critical", "listener 0.0.0.0:1001 nginx", "web-1", "") + " critical accept-queue-overflow: " + summary,
		},
		"5424 resolved": {
			SyslogConfig{Transport: "tcp", Facility: "local7"}, over(a),
			"<189>1 2026-03-04T05:06:07.008900Z web-1 tcpdoctor - resolved " + data("resolved", "critical", "listener 0.0.0.0:1001 nginx", "web-1", ` ends_at="2026-03-04T05:05:08.0089Z"`) + " resolved accept-queue-overflow: " + summary,
		},
		"5424 nasty": {
			SyslogConfig{Transport: "udp", Facility: "kern"}, with(nasty, "severity", "warning"),
			"<4>1 2026-03-04T05:06:07.008900Z web_1_ tcpdoctor - firing " + data("firing", "warning", `listener \"a\]\\b  c`, "web 1 ", "") + " warning accept-queue-overflow: one <2>1 forged line ?",
		},
		"3164":          {SyslogConfig{Transport: "udp", Format: "rfc3164"}, a, "<26>Mar  4 05:06:07 web-1 tcpdoctor: critical accept-queue-overflow: " + summary},
		"local":         {SyslogConfig{Transport: "local"}, repeated(a, 3), "<26>Mar  4 05:06:07 tcpdoctor: still critical accept-queue-overflow: " + summary},
		"local, info":   {SyslogConfig{Transport: "local"}, with(a, "severity", "info"), "<30>Mar  4 05:06:07 tcpdoctor: info accept-queue-overflow: " + summary},
		"local, no sum": {SyslogConfig{Transport: "local"}, incident.Alert{Finding: rules.Finding{Summary: "what"}}, "<28>Mar  4 05:06:07 tcpdoctor:  : what"},
	} {
		got := newSyslog("s", c.config, Options{Now: frozen}).line(c.alert)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestSyslogLineIsOneLine: whatever an alert holds, a line is one line of text
// that every receiver takes.
func TestSyslogLineIsOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := sample(1)
		nasty := rapid.SliceOfN(rapid.Byte(), 0, 4000)
		for _, label := range []string{"id", "severity", "instance", "netns", "subject"} {
			a = with(a, label, string(nasty.Draw(t, label)))
		}
		a.Annotations = map[string]string{"summary": string(nasty.Draw(t, "summary"))}
		for _, c := range []SyslogConfig{{Transport: "udp"}, {Transport: "udp", Format: "rfc3164"}, {Transport: "local"}} {
			line := newSyslog("s", c, Options{Now: frozen}).line(a)
			if strings.ContainsAny(line, "\n\r\x00") || !utf8.ValidString(line) {
				t.Fatalf("got %q", line)
			}
			if len(line) > lineAtMost+len("…") {
				t.Fatalf("%d bytes", len(line))
			}
		}
		if got := journalFields(t, mustEntry(t, a)); got["MESSAGE_ID"] != MessageIDFiring || got["TCPDOCTOR_UID"] != "a1" {
			t.Fatalf("got %v", got)
		}
	})
}

func mustEntry(t rapid.TB, a incident.Alert) []byte {
	e, err := journalEntry(a, 3)
	if err != nil {
		t.Fatal(err)
	}
	return append(e.short, e.finding...)
}

// journalFields reads an entry as journald does.
func journalFields(t rapid.TB, b []byte) map[string]string {
	fields := make(map[string]string)
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			t.Fatalf("no end of line after %q", b)
		}
		name, value, plain := bytes.Cut(line, []byte("="))
		if !plain {
			if len(rest) < 8 {
				t.Fatalf("no length after %q", line)
			}
			n := binary.LittleEndian.Uint64(rest)
			if uint64(len(rest)) < 8+n+1 || rest[8+n] != '\n' {
				t.Fatalf("length %d of %d bytes", n, len(rest))
			}
			value, rest = rest[8:8+n], rest[8+n+1:]
		}
		if _, twice := fields[string(name)]; twice {
			t.Fatalf("%s twice", name)
		}
		fields[string(name)] = string(value)
		b = rest
	}
	return fields
}

// unixgram listens on a datagram socket.
func unixgram(t *testing.T) (net.PacketConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, path
}

// datagram reads one.
func datagram(t *testing.T, conn net.PacketConn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<20)
	n, _, err := conn.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestJournal(t *testing.T) {
	conn, path := unixgram(t)
	s := newSyslog("journal", SyslogConfig{Address: path}, Options{Now: frozen})
	a := over(sample(1))
	if err := s.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	got := journalFields(t, datagram(t, conn))
	var finding rules.Finding
	if err := json.Unmarshal([]byte(got["TCPDOCTOR_FINDING"]), &finding); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(a.Finding, finding); diff != "" {
		t.Errorf("finding (-want +got):\n%s", diff)
	}
	delete(got, "TCPDOCTOR_FINDING")
	want := map[string]string{
		"MESSAGE":  "resolved accept-queue-overflow: nginx[812] drops 37 connections/s: its accept queue is full",
		"PRIORITY": "5", "MESSAGE_ID": MessageIDResolved, "SYSLOG_IDENTIFIER": "tcpdoctor", "SYSLOG_FACILITY": "3",
		"TCPDOCTOR_ID": "accept-queue-overflow", "TCPDOCTOR_STATUS": "resolved", "TCPDOCTOR_SEVERITY": "critical",
		"TCPDOCTOR_CAUSE": "somaxconn", "TCPDOCTOR_ACTOR": "kernel-limit", "TCPDOCTOR_INSTANCE": "web-1", "TCPDOCTOR_NETNS": "host",
		"TCPDOCTOR_SUBJECT": "listener 0.0.0.0:1001 nginx", "TCPDOCTOR_UID": "a1", "TCPDOCTOR_INCIDENT": "i1", "TCPDOCTOR_REPEAT": "0",
		"TCPDOCTOR_STARTS_AT": stamp(a.StartsAt), "TCPDOCTOR_ENDS_AT": stamp(a.EndsAt),
		"TCPDOCTOR_DESCRIPTION": "listen(511) was cut to 128\nby net.core.somaxconn",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}

	// A finding too large for a datagram is left out, and the rest arrives.
	for range 20_000 {
		a.Finding.Evidence = append(a.Finding.Evidence, rules.Evidence{Name: "ListenOverflows", Source: "/proc/net/netstat"})
	}
	if err := s.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	got = journalFields(t, datagram(t, conn))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestJournalStuck: a journal that reads nothing is waited for no longer than
// the time limit, one that is gone not at all.
func TestJournalStuck(t *testing.T) {
	noneLeft(t)
	conn, path := unixgram(t)
	s := newSyslog("journal", SyslogConfig{Address: path, Common: Common{Timeout: 100 * time.Millisecond}}, Options{Now: frozen})
	var err error
	for range 10_000 { // net.unix.max_dgram_qlen is 10 to some hundred
		if err = s.Send(t.Context(), sample(1)); err != nil {
			break
		}
	}
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Errorf("got %v, want that it took too long", err)
	}
	conn.Close()
	if err := s.Send(t.Context(), sample(1)); err == nil || asFailure(err).tries != triesUnlimited {
		t.Errorf("got %v", err)
	}
}

func TestSyslogLocal(t *testing.T) {
	a := sample(1)
	conn, path := unixgram(t)
	s := newSyslog("local", SyslogConfig{Transport: "local", Address: path}, Options{Now: frozen})
	if err := s.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got, want := string(datagram(t, conn)), s.line(a); got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	path = filepath.Join(t.TempDir(), "stream")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go accepted(l, got)
	s = newSyslog("local", SyslogConfig{Transport: "local", Address: path, Format: "rfc5424"}, Options{Now: frozen})
	if err := s.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got, want := <-got, s.line(a)+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// accepted takes one connection and returns all that comes.
func accepted(l net.Listener, got chan<- string) {
	conn, err := l.Accept()
	if err != nil {
		got <- err.Error()
		return
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		got <- err.Error()
		return
	}
	got <- string(text)
}

func TestSyslogUDP(t *testing.T) {
	a := sample(1)
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := newSyslog("udp", SyslogConfig{Transport: "udp", Address: conn.LocalAddr().String()}, Options{Now: frozen})
	if err := s.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got, want := string(datagram(t, conn)), s.line(a); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	conn.Close()
	if err := s.Send(t.Context(), a); runtime.GOOS == "linux" && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want that nobody listens", err)
	}
}

func TestSyslogTCP(t *testing.T) {
	a := sample(1)
	noneLeft(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSyslog("tcp", SyslogConfig{Transport: "tcp", Address: l.Addr().String(), Common: Common{Timeout: 200 * time.Millisecond}}, Options{Now: frozen})
	got := make(chan string, 1)
	go accepted(l, got)
	if err := s.Send(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	line := s.line(a)
	if got, want := <-got, fmt.Sprintf("%d %s", len(line), line); got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	// A server that tears the connection down took nothing, whatever could be
	// written; nor did one that does not close.
	for name, behave := range map[string]func(*net.TCPConn){
		"reset": func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() },
		"hangs": func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c); <-time.After(time.Second); c.Close() },
	} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if c, err := l.Accept(); err == nil {
				behave(c.(*net.TCPConn))
			}
		}()
		if err := s.Send(t.Context(), a); err == nil || asFailure(err).tries != triesUnlimited {
			t.Errorf("%s: got %v", name, err)
		}
		<-ended
	}
	l.Close()
	if err := s.Send(t.Context(), a); runtime.GOOS == "linux" && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want that nobody listens", err)
	}
}
