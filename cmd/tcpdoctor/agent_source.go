package main

import (
	"context"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// liveSource is the running kernel, as the agent looks at it.
type liveSource struct{ *sockdiag.Watcher }

// ownerShare is how much of the budget the search for owners may take, and
// pollShare the same of polls between ticks.
const (
	ownerShare = 0.3
	pollShare  = 0.2
)

// newLiveSource watches what a specification of namespaces names.
func newLiveSource(spec string, budget share) (*liveSource, error) {
	o := sockdiag.WatchOptions{OwnerShare: ownerShare * float64(budget), PollShare: pollShare * float64(budget)}
	if spec != "all" {
		o.Namespaces = func(context.Context) ([]*netns.Handle, []error) {
			h, err := openNamespace(spec)
			if err != nil {
				return nil, []error{err}
			}
			return []*netns.Handle{h}, nil
		}
	}
	w, err := sockdiag.NewWatcher(o)
	if err != nil {
		return nil, err
	}
	return &liveSource{w}, nil
}

func openNamespace(spec string) (*netns.Handle, error) {
	if spec == "self" {
		return netns.Self()
	}
	return netns.Open(spec)
}

// Poll looks at the listeners.
func (s *liveSource) Poll(ctx context.Context) { s.Watcher.Poll(ctx) }

// describe adds what collecting cost and what failed.
func (s *liveSource) describe(snap *web.Snapshot) {
	stats := s.Stats()
	snap.CollectErrors = stats.Errors
	snap.Cost.Collectors = map[string]time.Duration{
		"refresh": stats.Refresh.LastWall, "poll": stats.Poll.LastWall, "tick": stats.Tick.LastWall,
		"walk": stats.Walk.LastWall, "owners": stats.Owners.LastWall,
	}
}
