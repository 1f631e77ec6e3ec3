package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// DefaultListen is where the server listens unless told otherwise.
const DefaultListen = "127.0.0.1:9737"

// Options say how to serve. The zero value serves on [DefaultListen], without
// encryption, authentication or history.
type Options struct {
	// Listen are the addresses to listen on.
	Listen []string
	// ConfigFile is a web configuration file as Prometheus exporters have it:
	// TLS and basic authentication. "" is neither.
	ConfigFile string
	// Hosts are further names that clients may use for a loopback address, such
	// as that of a proxy before it.
	Hosts []string
	// History is nil where nothing is kept.
	History History
	// Logger is told what the server cannot answer; nil discards it.
	Logger *slog.Logger
	// Version is that of the program.
	Version string
	Limits  Limits
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Check returns everything that is wrong with the options.
func (o Options) Check() error {
	var all []error
	for _, address := range o.Listen {
		if _, err := net.ResolveTCPAddr("tcp", address); err != nil {
			all = append(all, fmt.Errorf("web: listen on %q: %w", address, err))
		}
	}
	if o.ConfigFile != "" {
		if err := toolkit.Validate(o.ConfigFile); err != nil {
			all = append(all, fmt.Errorf("web: configuration %s: %w", o.ConfigFile, err))
		}
	}
	return errors.Join(all...)
}

// Server tells what is published to it.
type Server struct {
	listen     []string
	configFile string
	hosts      map[string]bool
	history    History
	logger     *slog.Logger
	version    string
	limits     Limits
	now        func() time.Time
	begun      time.Time
	handler    http.Handler

	publishing sync.Mutex // one tick at a time
	keeper     *keeper
	current    atomic.Pointer[published]

	mu    sync.Mutex
	addrs []net.Addr
	bound chan struct{} // closed once it listens everywhere
}

// New prepares a server.
func New(o Options) (*Server, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	s := &Server{
		listen: o.Listen, configFile: o.ConfigFile, hosts: map[string]bool{}, history: o.History, logger: o.Logger,
		version: cmp.Or(o.Version, "unknown"), limits: o.Limits.withDefaults(), now: o.Now, bound: make(chan struct{}),
	}
	if len(s.listen) == 0 {
		s.listen = []string{DefaultListen}
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	for _, h := range o.Hosts {
		s.hosts[strings.ToLower(h)] = true
	}
	s.begun = s.now()
	s.keeper = newKeeper(s.limits)
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		newCollector(s),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("web: metrics: %w", err)
		}
	}
	handler, err := s.routes(registry)
	if err != nil {
		return nil, err
	}
	s.handler = handler
	return s, nil
}

// published is a snapshot and what was made of it.
type published struct {
	Snapshot
	figures *figures
	// at is when it was published, by the server's own clock.
	at time.Time

	page pageOnce
}

// Publish makes a snapshot what the server tells. It returns as soon as the
// view was put into numbers, whatever clients do.
func (s *Server) Publish(snap Snapshot) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	p := &published{Snapshot: snap, at: s.now()}
	switch before := s.current.Load(); {
	case snap.View != nil:
		p.figures = s.keeper.next(snap.View)
	case before != nil:
		p.figures = before.figures
	}
	p.View = nil
	s.current.Store(p)
}

// Handler answers requests. It is what [Server.Run] serves, without the
// authentication of the web configuration.
func (s *Server) Handler() http.Handler { return s.handler }

// Addrs waits until the server listens, and returns its addresses.
func (s *Server) Addrs(ctx context.Context) ([]net.Addr, error) {
	select {
	case <-s.bound:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.addrs, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Server) ready() bool {
	p := s.current.Load()
	return p != nil && p.Ready
}

// goVersion is that which the program was built with.
func goVersion() string { return runtime.Version() }

func compareText(a, b string) int { return cmp.Compare(a, b) }

// urgency orders incidents: the most severe first, then those that are open,
// then the oldest.
func urgency(a, b incident.Incident) int {
	open := func(i incident.Incident) int {
		if i.State == incident.Open {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(open(a), open(b)), cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
		a.Since.Compare(b.Since), cmp.Compare(a.UID, b.UID),
	)
}
