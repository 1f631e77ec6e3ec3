package webtest

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// NeedBrowser starts a browser for a test. Where there is none the test is
// skipped, and fails where the environment variable CI is set.
func NeedBrowser(tb testing.TB) *Browser {
	tb.Helper()
	b, err := Start(context.Background())
	switch {
	case err == nil:
		tb.Cleanup(b.Close)
		return b
	case os.Getenv("CI") == "":
		tb.Skip(err)
	default:
		tb.Fatal(err)
	}
	return nil
}

// NeedProgram finds a program for a test, on the same terms.
func NeedProgram(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "" {
			tb.Skip(err)
		}
		tb.Fatal(err)
	}
	return path
}
