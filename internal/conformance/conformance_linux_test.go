package conformance

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// suiteAtMost bounds the whole suite.
const suiteAtMost = 6 * time.Minute

func TestConformance(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), suiteAtMost)
	defer cancel()
	report, err := Run(ctx, Options{Only: os.Getenv("CONFORMANCE_ONLY")})
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	if testing.Verbose() {
		for _, c := range report.Comparisons {
			t.Logf("%v %s: %s\n  model  %s\n  kernel %s", c.Agree, c.Where(), c.What, c.Model, c.Kernel)
		}
	}
	if !report.Agrees() {
		t.Error("the model and this kernel disagree")
	}
}
