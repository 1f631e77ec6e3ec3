package lab

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// needBench skips where namespaces may not be made, but never in CI.
func needBench(t *testing.T) *Bench {
	t.Helper()
	b, err := NewBench()
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// start starts a fault that ends with the test.
func start(t *testing.T, f Fault, o Options) *Running {
	t.Helper()
	began := time.Now()
	r, err := Start(t.Context(), f, o)
	if errors.Is(err, fs.ErrPermission) && os.Getenv("CI") == "" {
		t.Skipf("needs root or `unshare -rn`: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stands after %v", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestEachFault(t *testing.T) {
	t.Parallel()
	for _, f := range All() {
		for _, family := range f.InFamilies() {
			t.Run(f.Name+"/"+family.String(), func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_ = ctx
				start(t, f, Options{Family: family, Seed: 1})
			})
		}
	}
}
