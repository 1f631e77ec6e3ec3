package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// patience is how long a scene may take until it stands.
const patience = 3 * time.Minute

// options are what the command line says.
type options struct {
	out, only string
	windows   int
	window    time.Duration
	parallel  int
	salt      []byte
}

func main() {
	lab.Main()
	o := options{salt: make([]byte, 32)}
	flag.StringVar(&o.out, "out", "", "folder to write to")
	flag.StringVar(&o.only, "only", "", "record only scenes with this in their name")
	flag.IntVar(&o.windows, "windows", 3, "consecutive windows of each scene")
	flag.DurationVar(&o.window, "window", 3*time.Second, "length of each window")
	flag.IntVar(&o.parallel, "parallel", 2, "scenes at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// run records every scene, so many at a time.
func (o *options) run(ctx context.Context) error {
	if o.out == "" || o.windows < 1 || o.parallel < 1 {
		return errors.New("want -out and positive numbers")
	}
	_, _ = rand.Read(o.salt) // never fails
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, o.parallel)
	for _, f := range append(lab.All(), scenes()...) {
		if !strings.Contains(f.Name, o.only) {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := o.record(ctx, f); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// record makes one scene and writes its windows, the server's namespace before
// the client's in each.
func (o *options) record(ctx context.Context, f lab.Fault) error {
	running, err := lab.Start(ctx, f, lab.Options{Patience: patience})
	if err != nil {
		return err
	}
	for i := range o.windows {
		w, err := sockdiag.Collect(ctx, sockdiag.Options{
			Window: o.window, Namespaces: []*netns.Handle{running.Server, running.Client},
		})
		if err == nil {
			err = o.write(w, fmt.Sprintf("%s.%d.rec", f.Name, i+1))
		}
		if err != nil {
			return errors.Join(err, running.Close())
		}
	}
	return running.Close()
}

// fewer keeps the first samples of the plain sample of what is established: they
// are those of the lowest hashes, so the rest of the class is as good as before.
func fewer(w *facts.Window) {
	const kept = 32
	for i := range w.Namespaces {
		for _, s := range []*facts.Snapshot{&w.Namespaces[i].Start, &w.Namespaces[i].End} {
			if c, ok := s.Census.Classes[facts.ClassEstablished]; ok {
				c.Samples = c.Samples[:min(kept, len(c.Samples))]
				s.Census.Classes[facts.ClassEstablished] = c
			}
		}
	}
}

func (o *options) write(w facts.Window, name string) error {
	fewer(&w)
	w.Host.Kernel, _, _ = strings.Cut(w.Host.Kernel, "-") // whose build it is matters to nobody
	var b bytes.Buffer
	if err := facts.Encode(&b, facts.Redact(w, o.salt)); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%6d bytes %s\n", b.Len(), name)
	return os.WriteFile(filepath.Join(o.out, name), b.Bytes(), 0o644)
}
