package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// collect samples the kernel as the options say.
func collect(ctx context.Context, o *diagnoseOptions) (facts.Window, error) {
	handles, gaps, err := namespaces(o.netns)
	if err != nil {
		return facts.Window{}, err
	}
	defer func() {
		for _, h := range handles {
			_ = h.Close()
		}
	}()
	bar := newProgress(o.io)
	w, err := sockdiag.Collect(ctx, sockdiag.Options{
		Window: time.Duration(o.window), Deadline: time.Duration(o.deadline), Namespaces: handles, Progress: bar.update,
	})
	bar.done()
	switch {
	case ctx.Err() != nil:
		return facts.Window{}, errInterrupted
	case errors.Is(err, errors.ErrUnsupported):
		return facts.Window{}, fmt.Errorf("only Linux can be sampled (a recording taken there is judged anywhere: --from FILE): %w", err)
	case err != nil:
		return facts.Window{}, err
	}
	w.Gaps = append(w.Gaps, gaps...)
	return w, nil
}

// namespaces opens what --netns names. Those of the host that may not be seen
// are gaps.
func namespaces(spec string) (handles []*netns.Handle, gaps []facts.Gap, err error) {
	switch spec {
	case "self":
		return nil, nil, nil // what the collector looks at unless told otherwise
	case "all":
		handles, errs := netns.All()
		for _, e := range errs {
			gaps = append(gaps, facts.Gap{Source: facts.SourceNamespaces, Reason: message(e)})
		}
		if len(handles) == 0 {
			return nil, nil, errors.Join(errs...)
		}
		return handles, gaps, nil
	}
	h, err := netns.Open(spec)
	if err != nil {
		return nil, nil, err
	}
	if h.PIDCount() == 0 {
		// Members are told to the reader, and used for advice; not vital.
		if err := h.LoadPIDs(); err != nil {
			gaps = append(gaps, facts.Gap{Source: facts.SourceNamespaces, Reason: message(err)})
		}
	}
	return []*netns.Handle{h}, gaps, nil
}
