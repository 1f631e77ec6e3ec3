package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// How long the pauses between attempts are: each twice the one before, give or
// take a half, so that many hosts do not return at the same moment.
const (
	pauseFirst   = time.Second
	pauseLongest = time.Minute
	pauseJitter  = 0.5
)

// graceful is how long what is under way may take once all is to end.
const graceful = 2 * time.Second

// worker takes messages off the queue of one receiver.
type worker struct {
	receiver Receiver
	queue    Queue
	keep     filter
	current  *current
	tally    *tally
	log      *slog.Logger
	news     chan struct{} // holds one token while there may be something new
	back     *backoff.ExponentialBackOff
	failing  bool
	// settled is the message that is settled although the queue still has it,
	// as it could not be taken off; 0 for none.
	settled uint64
}

func newWorker(r Receiver, q Queue, keep filter, c *current, t *tally, log *slog.Logger) *worker {
	back := backoff.NewExponentialBackOff()
	back.InitialInterval, back.MaxInterval = pauseFirst, pauseLongest
	back.Multiplier, back.RandomizationFactor = 2, pauseJitter
	return &worker{
		receiver: r, queue: q, keep: keep, current: c, tally: t, back: back,
		log: log.With("receiver", r.Name()), news: make(chan struct{}, 1),
	}
}

func (w *worker) wake() {
	select {
	case w.news <- struct{}{}:
	default: // it will look anyway
	}
}

// run delivers until ctx ends.
func (w *worker) run(ctx context.Context) {
	var beside sync.WaitGroup
	if l, ok := w.receiver.(levelled); ok {
		beside.Go(func() { l.run(ctx) })
	}
	for ctx.Err() == nil {
		e, ok, err := w.queue.Next(w.receiver.Name())
		switch {
		case err != nil:
			w.failed(fmt.Errorf("notify: queue: %w", err))
			w.pause(ctx, w.back.NextBackOff())
		case ok && e.Seq == w.settled:
			w.pause(ctx, w.back.NextBackOff())
			w.done(e)
		case ok:
			w.deliver(ctx, e)
		default:
			select {
			case <-w.news:
			case <-ctx.Done():
			}
		}
	}
	beside.Wait()
	if c, ok := w.receiver.(closer); ok {
		c.close()
	}
}

// deliver sends one message, again and again until it is settled.
func (w *worker) deliver(ctx context.Context, e Entry) {
	for tries := 0; ctx.Err() == nil; {
		if w.needless(e.Alert) {
			w.done(e)
			return
		}
		err := w.attempt(ctx, e.Alert)
		if err == nil || errors.Is(err, errNotNeeded) {
			w.worked(err == nil)
			w.done(e)
			return
		}
		if ctx.Err() != nil {
			return // not the receiver's fault; it stays in the queue
		}
		f := asFailure(err)
		w.failed(err)
		if f.tries != triesUnlimited {
			tries++
		}
		if f.tries != triesUnlimited && tries >= f.tries {
			w.giveUp(ctx, e, tries, err)
			return
		}
		w.pause(ctx, max(w.back.NextBackOff(), min(f.after, askedAtMost)))
	}
}

// needless reports whether a message need not be sent, and counts why.
func (w *worker) needless(a incident.Alert) bool {
	switch {
	case !w.keep.wants(a):
		w.tally.change(func(s *Stats) { s.Filtered++ })
	case w.current.superseded(a):
		w.tally.change(func(s *Stats) { s.Superseded++ })
	default:
		return false
	}
	return true
}

// attempt sends once.
func (w *worker) attempt(ctx context.Context, a incident.Alert) error {
	sending, cancel := graced(ctx)
	defer cancel()
	return w.receiver.Send(sending, a)
}

// graced returns a context that ends a little later than ctx, so that what is
// under way comes to its end instead of being sent twice. cancel has to be called.
func graced(ctx context.Context) (sending context.Context, cancel context.CancelFunc) {
	sending, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(graceful)
		defer timer.Stop()
		select {
		case <-timer.C:
			end()
		case <-sending.Done():
		}
	})
	return sending, func() { stop(); end() }
}

// done takes a message off the queue. A queue that cannot, and offers it once
// more, has it taken off again, not sent again; one that goes on with the next
// message is not waited for.
func (w *worker) done(e Entry) {
	w.settled = e.Seq
	if err := w.queue.Done(w.receiver.Name(), e.Seq); err != nil {
		w.failed(fmt.Errorf("notify: queue: %w", err))
		return
	}
	w.settled = 0
}

// giveUp takes a message off the queue that the receiver would not have.
func (w *worker) giveUp(ctx context.Context, e Entry, tries int, err error) {
	w.tally.change(func(s *Stats) { s.Refused++ })
	w.log.WarnContext(ctx, "message given up", "uid", e.Alert.UID, "status", e.Alert.Status,
		"subject", e.Alert.Labels["subject"], "tries", tries, "error", err)
	w.back.Reset() // the next one may please it
	w.done(e)
}

func (w *worker) worked(sent bool) {
	w.back.Reset()
	if !sent {
		w.tally.change(func(s *Stats) { s.Superseded++ })
		return
	}
	w.tally.change(func(s *Stats) { s.Sent++ })
	w.tally.success()
	if w.failing {
		w.failing = false
		w.log.Info("telling works again")
	}
}

func (w *worker) failed(err error) {
	w.tally.failure(err)
	if !w.failing {
		w.failing = true
		w.log.Warn("telling fails, will try again", "error", err)
		return
	}
	w.log.Debug("telling still fails", "error", err)
}

// pause waits, or until ctx ends.
func (w *worker) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
