package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/sockdiag"
)

// progress draws one line on a terminal while the kernel is sampled.
type progress struct {
	latest chan sockdiag.Progress
	over   chan struct{}
}

// newProgress returns a progress that shows itself only on a terminal.
func newProgress(io streams) *progress {
	p := &progress{latest: make(chan sockdiag.Progress, 1), over: make(chan struct{})}
	if io.ErrWidth <= 0 {
		close(p.over)
		return p
	}
	go p.draw(io.Err, io.ErrWidth)
	return p
}

// update is called by the collector and never waits for the terminal: what is
// not drawn yet is replaced.
func (p *progress) update(now sockdiag.Progress) {
	select {
	case <-p.latest:
	default:
	}
	select {
	case p.latest <- now:
	default:
	}
}

// done takes the line away.
func (p *progress) done() {
	close(p.latest)
	<-p.over
}

func (p *progress) draw(w io.Writer, width int) {
	defer close(p.over)
	for now := range p.latest {
		line := []rune(progressLine(now))
		fmt.Fprint(w, "\r\x1b[K"+string(line[:min(len(line), max(width-1, 0))]))
	}
	fmt.Fprint(w, "\r\x1b[K")
}

// progressLine says how far the collection is.
func progressLine(p sockdiag.Progress) string {
	const cells = 20
	what, filled := "processes", cells
	switch p.Phase {
	case sockdiag.PhaseStart:
		what, filled = "first walk", 0
	case sockdiag.PhaseSampling:
		what = "sampling " + p.Window.String()
		if p.Window > 0 {
			filled = int(min(float64(p.Elapsed)/float64(p.Window), 1) * cells)
		}
	case sockdiag.PhaseEnd:
		what = "second walk"
	case sockdiag.PhaseProcesses:
	}
	line := fmt.Sprintf("%-14s %s%s  sockets: %d", what, strings.Repeat("█", filled), strings.Repeat("░", cells-filled), p.Sockets)
	if p.Namespaces > 1 {
		line += fmt.Sprintf(", %d of %d namespaces", p.Done, p.Namespaces)
	}
	return line
}
