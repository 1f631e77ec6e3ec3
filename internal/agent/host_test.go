package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/history"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// pretended is a host with one listener, whose queue overflows while it is told to.
type pretended struct {
	mu        sync.Mutex
	overflows bool
	fails     error
	ticks     int
	walks     int
	polls     int
	refreshes int
	last      time.Time
	dropped   uint64
}

func (p *pretended) set(do func(*pretended)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do(p)
}

func (p *pretended) count() (ticks, walks, polls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ticks, p.walks, p.polls
}

// Refresh finds the one namespace.
func (p *pretended) Refresh(context.Context) error {
	p.set(func(p *pretended) { p.refreshes++ })
	return nil
}

// Poll looks at the listener.
func (p *pretended) Poll(context.Context) { p.set(func(p *pretended) { p.polls++ }) }

// HurryOwners does nothing: the owner is known.
func (p *pretended) HurryOwners() {}

// Tick returns counters and the listener.
func (p *pretended) Tick(context.Context) (facts.Window, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticks++
	if p.fails != nil {
		return facts.Window{}, p.fails
	}
	now := time.Now()
	seconds := now.Sub(p.last).Seconds()
	if p.last.IsZero() {
		seconds = 0
	}
	p.last = now
	before := p.dropped
	l := facts.Listener{Cookie: 7, Local: netip.MustParseAddrPort("0.0.0.0:80"), Family: facts.IPv4, Inode: 70, Limit: 128}
	watch := facts.Watch{Cookie: 7, Polls: 10, FirstDrops: facts.Some(uint32(before))}
	if p.overflows {
		p.dropped += 400
		l.Queue, watch.Full, watch.HighWater, watch.LowWater, watch.SumQueue, watch.FullAtEnd = 129, 10, 129, 129, 1290, true
	}
	l.Drops, watch.LastDrops = facts.Some(uint32(p.dropped)), facts.Some(uint32(p.dropped))
	counters := func(dropped uint64) facts.Counters {
		return facts.Counters{
			"TcpExt.ListenOverflows": dropped, "TcpExt.ListenDrops": dropped, "TcpExt.TCPReqQFullDrop": 0, "TcpExt.TCPReqQFullDoCookies": 0,
			"Tcp.PassiveOpens": 1000, "Tcp.ActiveOpens": 1000, "TcpExt.TCPTimeWaitOverflow": 0, "TcpExt.SyncookiesSent": 0, "TcpExt.SyncookiesRecv": 0,
		}
	}
	n := facts.NamespaceWindow{
		Namespace: facts.Namespace{Cookie: 1, Inode: 4026531840, Self: true},
		Settings: map[string]string{
			"net.core.somaxconn": "128", "net.ipv4.tcp_max_syn_backlog": "1024", "net.ipv4.tcp_syncookies": "1",
			"net.ipv4.tcp_abort_on_overflow": "0", "net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.tcp_max_tw_buckets": "65536",
		},
		End:     facts.Snapshot{AtSeconds: seconds, Counters: counters(p.dropped)},
		Watches: []facts.Watch{watch},
		Gaps:    []facts.Gap{{Source: facts.SourceSockets, Reason: "not walked in this tick"}},
	}
	n.End.Census.Listeners, n.End.Census.ListenersOnly = []facts.Listener{l}, true
	if seconds > 0 {
		n.Start = facts.Snapshot{Counters: counters(before)}
		n.Start.Census.ListenersOnly = true
	}
	return facts.Window{
		Host:    facts.Host{Hostname: "web-1", BootID: "b0", Kernel: "6.18.44"},
		Started: now.Add(-time.Duration(seconds * float64(time.Second))), Seconds: seconds,
		Namespaces: []facts.NamespaceWindow{n},
		Processes:  []facts.Process{{PID: 812, Comm: "nginx", HoldsInodes: []uint32{70}}},
	}, nil
}

// Walk completes the census.
func (p *pretended) Walk(_ context.Context, w *facts.Window) error {
	p.set(func(p *pretended) { p.walks++ })
	n := &w.Namespaces[0]
	n.Gaps = nil
	for _, s := range []*facts.Snapshot{&n.Start, &n.End} {
		s.Census.ListenersOnly, s.Census.Complete = false, true
	}
	n.End.Census.Sockets = 1
	n.End.Census.IPv4[facts.Listen] = 1
	return nil
}

// heard gathers what would be told.
type heard struct {
	mu     sync.Mutex
	alerts []string
	state  []byte
	broken error
	active []incident.Alert
	awoken int
}

// Commit remembers the state and the alerts.
func (h *heard) Commit(t history.Tick) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return h.broken
	}
	if t.State != nil {
		h.state = t.State
	}
	for _, a := range t.Alerts {
		h.alerts = append(h.alerts, fmt.Sprintf("%s %s %s", a.Status, a.Labels["id"], a.Labels["severity"]))
	}
	return nil
}

// State returns what was remembered.
func (h *heard) State() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state, nil
}

// Wake counts.
func (h *heard) Wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.awoken++
}

// SetActive remembers.
func (h *heard) SetActive(a []incident.Alert) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active = a
}

func (h *heard) fires() []incident.Alert {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.active
}

// breakWith makes every commit fail; nil mends it.
func (h *heard) breakWith(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = err
}

func (h *heard) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.alerts...)
}

var errPretended = errors.New("pretended")
