package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
)

// streams is what a command reads from and writes to.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Width is how many columns the text may take.
	Width int
	// Color tells that Out is a terminal that may be coloured.
	Color bool
	// ErrWidth is the width of Err where lines on it can be written over, 0
	// where it is no terminal.
	ErrWidth int
}

// widthUsual is the width of text that goes into a file or a pipe.
const widthUsual = 100

// system returns the streams of the process.
func system() streams {
	s := streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Width: widthUsual}
	dumb := os.Getenv("TERM") == "dumb"
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		s.Color = os.Getenv("NO_COLOR") == "" && !dumb
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			s.Width = w
		}
	} else if w, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && w > 0 {
		s.Width = w
	}
	if w, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && !dumb {
		s.ErrWidth = w
	}
	return s
}

// text says how reports are to be written to these streams.
func (s streams) text() report.Options { return report.Options{Width: s.Width, Color: s.Color} }
