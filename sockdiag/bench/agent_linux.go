package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/prometheus/procfs"
)

const (
	// agentFor is how long the agent runs unless told otherwise.
	agentFor = 10 * time.Minute
	// scrapeEvery is how often both are asked for their metrics.
	scrapeEvery = 10 * time.Second
)

// subject is a program whose cost is measured, from its start on.
type subject struct {
	name    string
	address string
	cmd     *exec.Cmd
	slowest time.Duration
	bytes   int64
	early   float64 // processor seconds after startFor
}

// startFor is the time that counts as the start.
const startFor = time.Minute

// compareAgent spreads the sockets over namespaces and runs the agent with its
// default settings, and node_exporter with its tcpstat collector alone, side by side.
func compareAgent(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "tcpdoctor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "tcpdoctor")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/tcpdoctor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the agent, from the top of the repository: %w", err)
	}
	return spreadOver(ctx, o, func() error { return runBeside(ctx, o, dir, program) })
}

func runBeside(ctx context.Context, o options, dir, program string) error {
	agent, err := startSubject(ctx, "tcpdoctor agent", func(at string) []string {
		return []string{program, "agent", "--state-dir", filepath.Join(dir, "state"), "--listen", at}
	})
	if err != nil {
		return err
	}
	defer agent.stop()
	exporter, err := startSubject(ctx, "node_exporter, tcpstat alone", func(at string) []string {
		return []string{"prometheus-node-exporter", "--collector.disable-defaults", "--collector.tcpstat", "--web.listen-address=" + at, "--log.level=error"}
	})
	if err != nil {
		return err
	}
	defer exporter.stop()
	all := []*subject{agent, exporter}
	began := time.Now()
	end := began.Add(cmp.Or(o.during, agentFor))
	for next := began.Add(scrapeEvery); next.Before(end); next = next.Add(scrapeEvery) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Until(next)):
		}
		for _, s := range all {
			if err := s.scrape(ctx); err != nil {
				return err
			}
			if since := time.Since(began); since >= startFor && since < startFor+scrapeEvery {
				stat, err := s.stat()
				if err != nil {
					return err
				}
				s.early = stat.CPUTime()
			}
		}
	}
	if err := describeMachine(os.Stdout); err != nil {
		return err
	}
	return printSubjects(o, all, time.Since(began))
}

func startSubject(ctx context.Context, name string, args func(address string) []string) (*subject, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &subject{name: name, address: l.Addr().String()}
	l.Close()
	argv := args(s.address)
	s.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	s.cmd.Stderr = os.Stderr
	return s, s.cmd.Start()
}

func (s *subject) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// scrape asks for the metrics, as Prometheus would.
func (s *subject) scrape(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.bytes = n
	s.slowest = max(s.slowest, time.Since(began))
	return nil
}

// stat is what the kernel counts of the program.
func (s *subject) stat() (procfs.ProcStat, error) {
	p, err := procfs.NewProc(s.cmd.Process.Pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return p.Stat()
}

func printSubjects(o options, all []*subject, ran time.Duration) error {
	fmt.Printf("\n%d sockets in %d namespaces, %v, both scraped every %v; processor time from the start of each program on\n",
		o.sockets, o.namespaces, ran.Round(time.Second), scrapeEvery)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "program\tCPU\tof one core\tafter the first minute\tresident\tat most\tslowest scrape\tbytes\t")
	for _, s := range all {
		stat, err := s.stat()
		if err != nil {
			return err
		}
		p, err := procfs.NewProc(s.cmd.Process.Pid)
		if err != nil {
			return err
		}
		status, err := p.NewStatus()
		if err != nil {
			return err
		}
		const mib = 1 << 20
		fmt.Fprintf(w, "%s\t%.2f s\t%.2f %%\t%.2f %%\t%.1f MiB\t%.1f MiB\t%s\t%d\t\n", s.name, stat.CPUTime(), 100*stat.CPUTime()/ran.Seconds(),
			100*(stat.CPUTime()-s.early)/(ran-startFor).Seconds(), float64(status.VmRSS)/mib, float64(status.VmHWM)/mib, short(s.slowest), s.bytes)
	}
	return w.Flush()
}
