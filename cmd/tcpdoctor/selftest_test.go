package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/conformance"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/selftest"
)

// sampleCases and sampleRows are one of each kind of outcome.
func sampleCases() []selftest.Case {
	return []selftest.Case{
		{Fault: lab.Fault{Title: "accept queue, somaxconn clamps", Expect: lab.Expect{Cause: "somaxconn"}}, Family: lab.IPv4},
		{Fault: lab.Fault{Title: "SYN flood, cookies off", Expect: lab.Expect{Cause: "cookies-off"}}, Family: lab.IPv4},
		{Fault: lab.Fault{Title: "harmless: idle connections", Harmless: true}, Family: lab.IPv4},
		{Fault: lab.Fault{Title: "harmless: a server streams on after the client's half-close", Harmless: true}, Family: lab.IPv4},
		{Fault: lab.Fault{Title: "TIME_WAIT table too small"}, Family: lab.IPv4},
	}
}

func sampleRows() []selftest.Row {
	return []selftest.Row{
		{Title: "accept queue, somaxconn clamps", Found: true, Culprit: true, Cause: "somaxconn", AsExpected: true, Seconds: 3.44},
		{Title: "SYN flood, cookies off", Found: true, Cause: "cookies-off", Seconds: 12.06,
			Problems: []string{"process 7 is blamed, and it is 9: \x1b[31mevil[7] drops 300 connections/s"}},
		{Title: "harmless: idle connections", Harmless: true, AsExpected: true, Seconds: 3.1},
		{Title: "harmless: a server streams on after the client's half-close", Harmless: true, Seconds: 3,
			Problems: []string{"a false alarm: warning close-wait-leak: x"}},
		{Title: "TIME_WAIT table too small", Skipped: "this kernel has no IPv6", Seconds: 0.2},
	}
}

func TestFaultTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		width int
		want  string
	}{
		{100, `fault                                                         found   culprit  cause        seconds
accept queue, somaxconn clamps                                  ✔        ✔     somaxconn        3.4
SYN flood, cookies off                                          ✔        ✖     cookies-off     12.1
    ↳ process 7 is blamed, and it is 9: \x1b[31mevil[7] drops 300 connections/s
harmless: idle connections                                   silent                             3.1
harmless: a server streams on after the client's half-close     ✖                               3.0
    ↳ a false alarm: warning close-wait-leak: x
TIME_WAIT table too small                                    skipped                            0.2
    ↳ this kernel has no IPv6
2 of 4 as expected on Linux 6.18.44 in 9 s · 1 cannot be made here
`},
		{60, `fault                               found   culprit  seconds
accept queue, somaxconn clamps        ✔        ✔         3.4
SYN flood, cookies off                ✔        ✖        12.1
    ↳ process 7 is blamed, and it is 9: \x1b[31mevil[7]
      drops 300 connections/s
harmless: idle connections         silent                3.1
harmless: a server streams on         ✖                  3.0
  after the client's half-close
    ↳ a false alarm: warning close-wait-leak: x
TIME_WAIT table too small          skipped               0.2
    ↳ this kernel has no IPv6
2 of 4 as expected on Linux 6.18.44 in 9 s · 1 cannot be made here
`},
	} {
		var out bytes.Buffer
		table := newFaultTable(streams{Out: &out, Width: tt.width}, sampleCases())
		rows := sampleRows()
		for _, i := range []int{1, 0, 4, 2, 3} { // in whatever order they end
			table.add(i, rows[i])
		}
		if err := table.end(selftest.Report{Kernel: "6.18.44", WallSeconds: 9.2, Expected: 2, Total: 4, Rows: rows}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, out.String()); d != "" {
			t.Errorf("width %d (-want +got):\n%s", tt.width, d)
		}
	}
}

// TestFaultTableInOrder: a row is written as soon as all before it are known,
// and after an interruption without them.
func TestFaultTableInOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := newFaultTable(streams{Out: &out, Width: 80, Color: true}, sampleCases())
	rows := sampleRows()
	table.add(1, rows[1])
	if out.Len() > 0 {
		t.Errorf("got %q before the first row is known", out.String())
	}
	table.add(0, rows[0])
	if n := strings.Count(out.String(), "✔"); n != 3 {
		t.Errorf("got %d marks, want both rows in\n%s", n, out.String())
	}
	if !strings.Contains(out.String(), "\x1b[1;32m   ✔") || !strings.Contains(out.String(), "\x1b[1;31m   ✔") {
		t.Errorf("got %q, want good and bad in colour", out.String())
	}
	table.add(3, rows[3])
	if err := table.rest(); err != nil || !strings.Contains(out.String(), "half-close") {
		t.Errorf("got %v and\n%s\nwant what was done", err, out.String())
	}
	full := newFaultTable(streams{Out: brokenPipe{}}, sampleCases())
	full.add(0, rows[0])
	if err := full.end(selftest.Report{}); err == nil {
		t.Error("a write that failed was not told")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestTicker(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	bar := newTicker(streams{Err: &errs, ErrWidth: 40})
	bar.show(5, 10, "a title that is longer than the line")
	bar.clear()
	if want := "\r\x1b[K██████████░░░░░░░░░░  5 of 10  a title \r\x1b[K"; errs.String() != want {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
	silent := newTicker(streams{Err: brokenPipe{}})
	silent.show(0, 0, "nobody sees it")
	silent.clear()
}

func TestWriteConformance(t *testing.T) {
	t.Parallel()
	r := conformance.Report{Kernel: "6.18.44", WallSeconds: 100, Comparisons: []conformance.Comparison{
		{Subject: "a", Scenario: "b", What: "c", Model: "1", Kernel: "1", Agree: true},
		{Subject: "a", Scenario: "b", What: "d", Model: "1", Kernel: "2", Reason: "it is old"},
		{Subject: "a", Scenario: "b", What: "e", Model: "1", Kernel: "3"},
	}, Failures: []conformance.Failure{{Subject: "a", Scenario: "x", Error: "broke off"}}}
	var out bytes.Buffer
	o := selftestOptions{io: streams{Out: &out, Width: 80}}
	if err := o.writeConformance(r); err != nil {
		t.Fatal(err)
	}
	want := "\nthe model and Linux 6.18.44 agree in 1 of 3, differ in 1 for a known reason, in 1 for none that is known; 1 not brought to their end\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s\nwant the last line%s", out.String(), want)
	}
}
