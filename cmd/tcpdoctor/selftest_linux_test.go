package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/selftest"
)

// TestSelftestInterrupted ends a run after its first fault: rows are kept, one
// line says how far it came, and the exit code is that of a failure.
func TestSelftestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out := &onText{text: "silent", do: cancel}
	var errs bytes.Buffer
	code := run(ctx, []string{"selftest", "--only", "harmless-", "--parallel", "1"}, streams{In: strings.NewReader(""), Out: out, Err: &errs, Width: 80})
	if strings.Contains(errs.String(), "not permitted") && os.Getenv("CI") == "" {
		t.Skip("needs root or `unshare -rn`: " + errs.String())
	}
	if code != codeFailed || !strings.HasPrefix(errs.String(), "tcpdoctor: interrupted: 1 of 1 as expected, ") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("got code %d, errors %q, output\n%s", code, errs.String(), out.all.String())
	}
}

// TestSelftestJSON runs one fault and reads the document.
func TestSelftestJSON(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	code, out, errs := tcpdoctor(ctx, "selftest", "--only", "close-wait-leak-stuck-reader", "--family", "6", "-o", "json")
	if strings.Contains(errs, "not permitted") && os.Getenv("CI") == "" {
		t.Skip("needs root or `unshare -rn`: " + errs)
	}
	var doc struct {
		Schema string
		selftest.Report
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != codeOK || errs != "" {
		t.Fatalf("got code %d, %v, errors %q and\n%s", code, err, errs, out)
	}
	row := doc.Rows[0]
	if doc.Schema != "tcpdoctor.selftest/v1" || doc.Expected != 1 || doc.Total != 1 || !row.Found || !row.Culprit ||
		row.Cause != "stuck-reader" || row.Family != "ipv6" || row.WantID != "close-wait-leak" {
		t.Errorf("got %+v", doc)
	}
}
