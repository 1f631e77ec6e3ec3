package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// options are the flags.
type options struct {
	dir      string
	file     string
	workers  int
	limit    float64
	timeout  time.Duration
	explicit bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "model", "folder of the package")
	flag.StringVar(&o.file, "file", "", "change only this file")
	flag.IntVar(&o.workers, "workers", 2, "test runs at once")
	flag.Float64Var(&o.limit, "limit", 5, "fail from this many percent of survivors on")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Second, "longest test run; a longer one has noticed the change")
	flag.BoolVar(&o.explicit, "v", false, "print every change")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	share, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if share >= o.limit {
		os.Exit(1)
	}
}

// run returns the percentage of survivors.
func run(ctx context.Context, o options) (float64, error) {
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	src, err := load(o.dir, o.file)
	if err != nil {
		return 0, err
	}
	o.dir = src.dir
	found := src.find()
	binary := filepath.Join(tmp, "model.test")
	overlay, err := src.write(tmp, found, nil)
	if err != nil {
		return 0, err
	}
	if out, err := build(ctx, o.dir, overlay, binary); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	unchanged := func() error {
		out, ok, err := test(ctx, o, binary, 0)
		if err == nil && !ok {
			err = fmt.Errorf("the tests fail without any change:\n%s", out)
		}
		return err
	}
	if err := unchanged(); err != nil {
		return 0, err
	}
	survivors, err := runAll(ctx, o, tmp, src, found, binary)
	if err != nil {
		return 0, err
	}
	// What broke on the way would have counted as noticed.
	if err := unchanged(); err != nil {
		return 0, err
	}
	slices.SortFunc(survivors, func(a, b mutant) int { return cmp.Compare(a.id, b.id) })
	for _, m := range survivors {
		fmt.Printf("survived  %s\n", m)
	}
	share := 100 * float64(len(survivors)) / float64(max(1, len(found)))
	fmt.Printf("%d changes, %d noticed, %d survived (%.1f %%)\n", len(found), len(found)-len(survivors), len(survivors), share)
	return share, nil
}

// runAll tries every change and returns those that no test noticed.
func runAll(ctx context.Context, o options, tmp string, src *source, all []mutant, binary string) ([]mutant, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var survivors []mutant
	jobs := make(chan mutant)
	var wg sync.WaitGroup
	for range max(1, o.workers) {
		wg.Go(func() {
			for m := range jobs {
				noticed, err := try(ctx, o, tmp, src, m, binary)
				if err != nil {
					cancel(fmt.Errorf("%s: %w", m, err))
					continue
				}
				mu.Lock()
				if o.explicit {
					fmt.Printf("%-9s %s\n", map[bool]string{true: "noticed", false: "survived"}[noticed], m)
				}
				if !noticed {
					survivors = append(survivors, m)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		if ctx.Err() != nil {
			break
		}
		jobs <- m
	}
	close(jobs)
	wg.Wait()
	return survivors, context.Cause(ctx)
}

// try runs the tests with one change and reports whether they notice.
func try(ctx context.Context, o options, tmp string, src *source, m mutant, binary string) (bool, error) {
	id := m.id
	if m.constant {
		dir, err := os.MkdirTemp(tmp, "const")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
		overlay, err := src.write(dir, nil, &m)
		if err != nil {
			return false, err
		}
		binary = filepath.Join(dir, "model.test")
		if _, err := build(ctx, o.dir, overlay, binary); err != nil {
			return true, ctx.Err() // it does not compile: noticed
		}
		id = 0
	}
	_, ok, err := test(ctx, o, binary, id)
	return !ok, err
}

func build(ctx context.Context, dir, overlay, binary string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".")
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// slow matches the tests that take most of the time; they run only if the
// others notice nothing.
const slow = "Simulat|Flood|StateSpace"

// drawn are left out: a picture of the table in a document would notice any
// change of it without knowing better.
const drawn = "Diagram|Mermaid"

// test runs the tests with one change switched on; 0 means none. It returns
// what they say and whether they pass, and an error where they could not run.
func test(ctx context.Context, o options, binary string, id int) (string, bool, error) {
	for _, pick := range [][2]string{{".", slow + "|" + drawn}, {slow, drawn}} {
		if out, ok, err := testSome(ctx, o, binary, id, pick[0], pick[1]); !ok || err != nil {
			return out, ok, err
		}
	}
	return "", true, nil
}

func testSome(ctx context.Context, o options, binary string, id int, only, skip string) (string, bool, error) {
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, binary, "-test.run="+only, "-test.skip="+skip, "-test.failfast", "-test.short", "-test.parallel=1",
		"-rapid.nofailfile", "-rapid.checks=50", "-rapid.shrinktime=1ms", "-rapid.seed=1")
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", variable, id), "GOMEMLIMIT=1GiB")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", false, ctx.Err()
	case err == nil:
		return "", true, nil
	case errors.As(err, &exit), limited.Err() != nil:
		return strings.TrimSpace(string(out)), false, nil
	}
	return "", false, err
}
