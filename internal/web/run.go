package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// What a client is given: enough for a slow line, too little to be worth an
// attack.
const (
	headerWait  = 5 * time.Second
	requestWait = 10 * time.Second
	answerWait  = 30 * time.Second
	idleWait    = 60 * time.Second
	headerBytes = 16 << 10
	goodbyeWait = 3 * time.Second
)

// Run listens and serves until the context ends, then lets requests that are
// being answered finish for a moment. It returns nil then, and otherwise why it
// cannot serve.
func (s *Server) Run(ctx context.Context) error {
	listeners, err := s.open(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	room := make(chan struct{}, s.limits.Connections)
	servers := make([]*http.Server, len(listeners))
	var serving sync.WaitGroup
	for i, l := range listeners {
		servers[i] = s.server(room)
		serving.Go(func() {
			flags := &toolkit.FlagConfig{WebConfigFile: &s.configFile}
			err := toolkit.Serve(limitedListener{l, room}, servers[i], flags, slog.New(quiet{s.logger.Handler()}))
			if !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("web: serve on %s: %w", l.Addr(), err))
			}
		})
	}
	<-ctx.Done()
	s.goodbye(servers)
	for _, l := range listeners {
		l.Close() // of a server that never began to serve
	}
	serving.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// open listens on every address, or on none.
func (s *Server) open(ctx context.Context) ([]net.Listener, error) {
	var config net.ListenConfig
	var out []net.Listener
	for _, address := range s.listen {
		l, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			for _, o := range out {
				o.Close()
			}
			return nil, fmt.Errorf("web: %w", err)
		}
		out = append(out, l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range out {
		s.addrs = append(s.addrs, l.Addr())
	}
	close(s.bound)
	return out, nil
}

func (s *Server) server(room chan struct{}) *http.Server {
	crowded := func(w http.ResponseWriter, r *http.Request) {
		if len(room) > cap(room)/2 {
			w.Header().Set("Connection", "close") // others want in
		}
		s.handler.ServeHTTP(w, r)
	}
	return &http.Server{
		Handler:           http.HandlerFunc(crowded),
		ReadHeaderTimeout: headerWait,
		ReadTimeout:       requestWait,
		WriteTimeout:      answerWait,
		IdleTimeout:       idleWait,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// goodbye ends the servers: politely, then by force.
func (s *Server) goodbye(servers []*http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWait)
	defer cancel()
	var ending sync.WaitGroup
	for _, srv := range servers {
		ending.Go(func() {
			if err := srv.Shutdown(ctx); err != nil {
				srv.Close()
			}
		})
	}
	ending.Wait()
}

// limitedListener accepts no more connections than there is room for; the others
// wait in the accept queue.
type limitedListener struct {
	net.Listener
	room chan struct{}
}

// Accept waits for a connection, and for room.
func (l limitedListener) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: c, room: l.room}, nil
}

type limitedConn struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

// Close closes the connection and makes room.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.room })
	return err
}
