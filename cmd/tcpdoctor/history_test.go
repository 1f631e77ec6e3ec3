package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// remember makes the state folder of an agent that found what a file says:
// remember [-held] past.json folder. With -held the history stays open for
// writing until the script ends, as that of a running agent.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	held := len(args) == 3 && args[0] == "-held"
	if held {
		args = args[1:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: remember [-held] past.json folder")
	}
	var past struct {
		// Windows go through the flight recorder; an incident with a recording is
		// written after the last of them.
		Windows   []facts.Window      `json:"windows"`
		Incidents []incident.Incident `json:"incidents"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &past))
	dir := ts.MkAbs(args[1])
	r := history.NewRecorder(filepath.Join(dir, history.RecordingFolder), history.RecorderOptions{})
	for _, w := range past.Windows {
		ts.Check(r.Add(w))
	}
	s, err := history.Open(filepath.Join(dir, history.DefaultFile), history.Options{})
	ts.Check(err)
	for _, in := range past.Incidents {
		if in.Recording != "" {
			in.Recording, err = r.Write(in.UID)
			ts.Check(err)
		}
		in.Worst = in.Finding
		ts.Check(s.Commit(history.Tick{At: in.LastSeen, Incidents: []incident.Incident{in}}))
	}
	if held {
		ts.Defer(func() { _ = s.Close() })
		return
	}
	ts.Check(s.Close())
}

// matches compares a document with the schema that ships with the documentation:
// matches history.schema.json FILE.
func matches(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: matches schema document")
	}
	c := jsonschema.NewCompiler()
	const base = "https://github.com/tcpdoctor/tcpdoctor/docs/"
	for _, name := range []string{"report.schema.json", args[0]} {
		b, err := os.ReadFile("../../docs/" + name)
		ts.Check(err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		ts.Check(err)
		ts.Check(c.AddResource(base+name, doc))
	}
	s, err := c.Compile(base + args[0])
	ts.Check(err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(s.Validate(v))
}

func TestParseMoment(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 3*3600)
	now := time.Date(2026, 3, 15, 14, 30, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"now": now, "0s": now, "7d": now.AddDate(0, 0, -7), "2w": now.AddDate(0, 0, -14), "36h": now.Add(-36 * time.Hour),
		"1d12h": now.Add(-36 * time.Hour), "1w1d1h1m1s": now.AddDate(0, 0, -8).Add(-3661 * time.Second), "1.5h": now.Add(-90 * time.Minute),
		"today": time.Date(2026, 3, 15, 0, 0, 0, 0, zone), "yesterday": time.Date(2026, 3, 14, 0, 0, 0, 0, zone),
		"2026-03-01": time.Date(2026, 3, 1, 0, 0, 0, 0, zone), "2026-03-01 12:30": time.Date(2026, 3, 1, 12, 30, 0, 0, zone),
		"2026-03-01T12:30:05Z": time.Date(2026, 3, 1, 12, 30, 5, 0, time.UTC), " 5m ": now.Add(-5 * time.Minute),
	} {
		if got, err := parseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "7", "-7d", "7 d", "d", "7y", "soon", "12h1d", "99999999999h", "2026-13-01", "1e3h"} {
		if got, err := parseMoment(text, now); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestLasting(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "less than 1 s", 499 * time.Millisecond: "less than 1 s", 40 * time.Second: "40 s", 59*time.Second + 700*time.Millisecond: "1 min",
		4*time.Minute + 10*time.Second: "4 min 10 s", 3*time.Hour + 5*time.Minute + 20*time.Second: "3 h 5 min", time.Hour: "1 h",
		23*time.Hour + 59*time.Minute + 50*time.Second: "1 d", 50 * time.Hour: "2 d 2 h",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

// TestHistoryHidesNothing: what an incident is called cannot steer a terminal.
func TestHistoryHidesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := history.Open(filepath.Join(dir, history.DefaultFile), history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	in := incident.Incident{UID: "\x1b[2Jx", State: incident.Open, Since: at, LastSeen: at, Netns: "a\x1b]0;b"}
	in.Worst.Summary, in.EndReason = "\x1b[31mred\u202e", "\x07"
	if err := s.Commit(history.Tick{At: at, Incidents: []incident.Incident{in}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args  []string
		never string
	}{
		{[]string{"history"}, "\x1b\x07\u202e"},
		{[]string{"history", "show", in.UID}, "\x1b\x07\u202e"},
		{[]string{"history", "-o", "json"}, "\x1b\x07"}, // programs get every letter
		{[]string{"history", "-o", "yaml"}, "\x1b\x07"},
	} {
		code, out, errs := tcpdoctor(t.Context(), append(tt.args, "--state-dir", dir)...)
		if code != codeOK || errs != "" || !strings.Contains(out, "red") || strings.ContainsAny(out, tt.never) {
			t.Errorf("%q: got %d, %q, %q", tt.args, code, out, errs)
		}
	}
}
