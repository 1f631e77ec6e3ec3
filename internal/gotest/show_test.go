package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lines(t *testing.T, events ...event) string {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestShow(t *testing.T) {
	t.Parallel()
	said := func(test, text string) event { return event{"output", "p", test, text} }
	tests := []struct {
		name    string
		events  []event
		want    string
		skipped []string
	}{
		{"a package that passes", []event{
			{"start", "p", "", ""}, {"run", "p", "TestA", ""},
			said("TestA", "=== RUN   TestA\n"), said("TestA", "    a_test.go:1: noise\n"), said("TestA", "--- PASS: TestA (0.00s)\n"),
			{"pass", "p", "TestA", ""}, said("", "-test.shuffle 1\n"), said("", "PASS\n"), said("", "ok  \tp\t0.1s\n"), {"pass", "p", "", ""},
		}, "ok  \tp\t0.1s\n", nil},
		{"a test that fails", []event{
			said("TestA", "=== RUN   TestA\n"), said("TestA", "    a_test.go:1: got 1, want 2\n"), said("TestA", "--- FAIL: TestA (0.00s)\n"),
			{"fail", "p", "TestA", ""}, said("", "FAIL\n"), said("", "FAIL\tp\t0.1s\n"), {"fail", "p", "", ""},
		}, "    a_test.go:1: got 1, want 2\n--- FAIL: TestA (0.00s)\nFAIL\nFAIL\tp\t0.1s\n", nil},
		{"a test that skips", []event{
			said("TestA", "    a_test.go:1: not root\n"), said("TestA", "--- SKIP: TestA (0.00s)\n"), {"skip", "p", "TestA", ""},
			said("", "ok  \tp\t0.1s\n"), {"pass", "p", "", ""},
		}, "    a_test.go:1: not root\n--- SKIP: TestA (0.00s)\nok  \tp\t0.1s\n", []string{"p.TestA"}},
		{"a package without tests", []event{
			said("", "?   \tp\t[no test files]\n"), {"skip", "p", "", ""},
		}, "?   \tp\t[no test files]\n", nil},
		{"a package that does not build", []event{
			{"build-output", "", "", "a.go:1: syntax error\n"}, {"build-fail", "", "", ""},
			said("", "FAIL\tp [build failed]\n"), {"fail", "p", "", ""},
		}, "a.go:1: syntax error\nFAIL\tp [build failed]\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			skipped, err := show(strings.NewReader(lines(t, tt.events...)), &out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("output differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, skipped); diff != "" {
				t.Errorf("skipped tests differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShowPassesOnWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	const text = "warning: x\n{broken\nlast line without end"
	if _, err := show(strings.NewReader(text), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != text {
		t.Errorf("got %q, want %q", out.String(), text)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestShowReportsThatItCannotWrite(t *testing.T) {
	t.Parallel()
	if _, err := show(strings.NewReader("text\n"), fullDisk{}); err == nil {
		t.Error("got no error")
	}
}

// TestRun runs the command on a module with a test that skips, one that fails
// and one that passes.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/m\n\ngo 1.26\n")
	write("m_test.go", `package m

import "testing"

func TestPasses(t *testing.T) {}

func TestSkips(t *testing.T) { t.Skip("no reason at all") }

func TestFails(t *testing.T) { t.Error("wrong") }
`)
	tests := []struct {
		name, run, ci string
		code          int
		contains      string
		ends          string
	}{
		{"pass", "Passes", "true", 0, "", "s\n"},
		{"skip on a desk", "Skips", "", 0, "no reason at all\n", "s\n"},
		{"skip in CI", "Skips", "true", 1, "1 tests skipped, and none may where CI is set:\n\texample.org/m.TestSkips\n", "FAIL\n"},
		{"fail", "Fails", "", 1, "wrong\n", "FAIL\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			code, err := run([]string{"-run", tt.run, "./..."}, tt.ci, &out, t.Output())
			if err != nil {
				t.Fatal(err)
			}
			if code != tt.code || !strings.Contains(out.String(), tt.contains) || !strings.HasSuffix(out.String(), tt.ends) {
				t.Errorf("got code %d and %q, want %d, %q within and %q at its end", code, out.String(), tt.code, tt.contains, tt.ends)
			}
		})
	}
}
