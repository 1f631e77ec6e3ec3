package notify

import (
	"context"
	"encoding/json"
	"net/url"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// chunk is how many alerts are posted at once: some 100 KiB.
const chunk = 64

// peer is one member of a cluster. What it is to be told waits in order, with
// at most one piece of news for each alert: the latest.
type peer struct {
	url, host, generator string
	owner                *alertmanager
	kick                 chan struct{} // holds one token while something may be waiting

	mu      sync.Mutex
	order   []string // of keys
	waiting map[string]pending

	// Of the goroutine that posts alone.
	quietUntil time.Time // the server asked for it
}

// pending is news for a peer, and where to tell how it went.
type pending struct {
	alert incident.Alert
	done  chan<- error // has room for the answer; nil where nobody waits
}

func newPeer(address, generator string, owner *alertmanager) *peer {
	host := address
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	return &peer{
		url: address, host: host, generator: generator, owner: owner,
		kick: make(chan struct{}, 1), waiting: make(map[string]pending),
	}
}

// put leaves news with the peer, until it is woken.
func (p *peer) put(key string, a incident.Alert, done chan<- error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, ok := p.waiting[key]
	if !ok {
		p.order = append(p.order, key)
	}
	now.alert = a
	if done != nil {
		now.done = done
	}
	p.waiting[key] = now
}

// wake has what waits posted; it never blocks.
func (p *peer) wake() {
	select {
	case p.kick <- struct{}{}:
	default: // it will look anyway
	}
}

// take returns up to limit pieces of news and forgets them.
func (p *peer) take(limit int) []pending {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(limit, len(p.order))
	batch := make([]pending, n)
	for i, key := range p.order[:n] {
		batch[i] = p.waiting[key]
		delete(p.waiting, key)
	}
	p.order = p.order[n:]
	return batch
}

// run posts what waits until ctx ends. Whoever waits then hears that it failed.
func (p *peer) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-p.kick:
			p.drain(ctx)
		case <-ctx.Done():
		}
	}
	p.refuse(context.Cause(ctx))
}

// drain posts everything that waits. When the server is not there the rest is
// not tried: it will be told again.
func (p *peer) drain(ctx context.Context) {
	for ctx.Err() == nil {
		batch := p.take(chunk)
		if len(batch) == 0 {
			return
		}
		if err := p.post(ctx, batch); err != nil {
			p.refuse(err)
		}
	}
}

// refuse forgets what waits, for a reason.
func (p *peer) refuse(err error) {
	for rest := p.take(chunk); len(rest) > 0; rest = p.take(chunk) {
		answer(rest, err)
	}
}

// post posts some alerts, and tells whoever waits. It returns an error where
// there is no use in posting more.
func (p *peer) post(ctx context.Context, batch []pending) error {
	if wait := time.Until(p.quietUntil); wait > 0 {
		f := failed(triesUnlimited, "notify: %s: asked to be left alone for another %s", p.host, wait.Round(time.Second))
		f.after = wait
		answer(batch, f)
		return f
	}
	err := p.request(ctx, batch)
	if err == nil {
		answer(batch, nil)
		return nil
	}
	f := asFailure(err)
	if f.after > 0 {
		p.quietUntil = time.Now().Add(f.after)
	}
	if f.tries != triesRefused {
		answer(batch, err)
		return err
	}
	if len(batch) == 1 {
		answer(batch, err)
		return nil
	}
	// One of them is to blame; the others shall not suffer for it.
	for i := range batch {
		if err := p.post(ctx, batch[i:i+1]); err != nil {
			answer(batch[i+1:], err)
			return err
		}
	}
	return nil
}

// request makes one request, and notes how it went.
func (p *peer) request(ctx context.Context, batch []pending) error {
	alerts := make([]postable, len(batch))
	for i, b := range batch {
		alerts[i] = p.owner.postable(b.alert, p.generator)
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return failed(triesRefused, "notify: %w", err)
	}
	posting, cancel := graced(ctx)
	defer cancel()
	err = p.owner.poster.post(posting, p.url, nil, body, isAlertmanager)
	switch {
	case err == nil:
		p.owner.tally.success()
	case !awaited(batch) && ctx.Err() == nil: // else whoever waits counts it
		p.owner.tally.failure(err)
	}
	return err
}

func awaited(batch []pending) bool {
	for _, b := range batch {
		if b.done != nil {
			return true
		}
	}
	return false
}

// answer tells everybody who waits for a batch how it went.
func answer(batch []pending, err error) {
	for _, b := range batch {
		if b.done != nil {
			b.done <- err
		}
	}
}
