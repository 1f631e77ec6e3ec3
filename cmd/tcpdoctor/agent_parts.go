package main

import (
	"context"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/notify"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
)

// queue is the history as the queue of messages that receivers read.
type queue struct{ *history.Store }

// Next returns the oldest message for a receiver.
func (q queue) Next(receiver string) (notify.Entry, bool, error) {
	e, ok, err := q.Store.Next(receiver)
	return notify.Entry(e), ok, err
}

// past is the history as the web server reads it.
type past struct{ *history.Store }

// Incidents returns those that overlap a span of time.
func (p past) Incidents(since, until time.Time, limit int) ([]incident.Incident, error) {
	return p.Store.Incidents(history.Query{Since: since, Until: until, Limit: limit})
}

// Series returns samples of a series.
func (p past) Series(name string, since, until time.Time, points int) ([]web.Sample, error) {
	found, err := p.Store.Series(name, since, until, points)
	out := make([]web.Sample, len(found))
	for i, s := range found {
		out[i] = web.Sample(s)
	}
	return out, err
}

// outbox is the dispatcher of the settings in force.
type outbox struct {
	mu     sync.Mutex
	now    *notify.Dispatcher
	active []incident.Alert
	stop   func()
}

// use goes on with another dispatcher; what the one before had not sent yet is
// still in the queue.
func (o *outbox) use(ctx context.Context, d *notify.Dispatcher) {
	o.close()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) }) // it returns nil
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = d
	o.stop = func() {
		cancel()
		running.Wait()
	}
	d.SetActive(o.active)
	d.Wake()
}

// close waits until nothing is being sent any more.
func (o *outbox) close() {
	o.mu.Lock()
	stop := o.stop
	o.stop = nil
	o.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Wake says that messages were queued.
func (o *outbox) Wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now != nil {
		o.now.Wake()
	}
}

// SetActive says which alerts fire.
func (o *outbox) SetActive(alerts []incident.Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active = alerts
	if o.now != nil {
		o.now.SetActive(alerts)
	}
}

// receivers is how the receivers are doing.
func (o *outbox) receivers() []web.Receiver {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil {
		return nil
	}
	var out []web.Receiver
	for _, s := range o.now.Stats() {
		r := web.Receiver{
			Name: s.Receiver, Sent: s.Sent, Failed: s.Failed, Dropped: s.Refused + s.Overflowed,
			Waiting: s.Waiting, LastSuccess: s.LastSuccess,
		}
		if s.LastFailure.After(s.LastSuccess) {
			r.LastError = s.LastError
		}
		out = append(out, r)
	}
	return out
}
