package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options are what the command line says.
type options struct {
	sockets   int
	rounds    int
	spread    int
	perHolder int
	methods   string
	deadline  time.Duration

	attribution bool
	descriptors int
	closeWait   int

	watch      bool
	agent      bool
	namespaces int
	during     time.Duration

	// Set only where the program runs itself.
	role        string
	index       int
	connections int
	fill        int
}

func main() {
	var o options
	flag.IntVar(&o.sockets, "sockets", 100_000, "`number` of TCP sockets to make")
	flag.IntVar(&o.rounds, "rounds", 7, "`times` that every method runs")
	flag.IntVar(&o.spread, "spread", 16, "destination `addresses` per holder")
	flag.IntVar(&o.perHolder, "per-process", 20_000, "most `descriptors` of one holder process")
	flag.BoolVar(&o.attribution, "attribution", false, "measure how long it takes to find the owners of sockets instead")
	flag.IntVar(&o.descriptors, "descriptors", 1_000_000, "with -attribution: `number` of open descriptors to make")
	flag.IntVar(&o.closeWait, "close-wait", 10_000, "with -attribution: `number` of sockets in CLOSE_WAIT to find the owners of")
	flag.BoolVar(&o.watch, "watch", false, "measure what watching the whole host costs instead")
	flag.BoolVar(&o.agent, "agent", false, "run the agent beside prometheus-node-exporter instead, and compare what they cost")
	flag.IntVar(&o.namespaces, "namespaces", 20, "with -watch and -agent: `number` of namespaces to spread the sockets over")
	flag.DurationVar(&o.during, "for", 0, "with -watch and -agent: go on for this `time`, and print the processor time on average")
	flag.StringVar(&o.methods, "methods", "", "only these, `separated` by commas")
	flag.DurationVar(&o.deadline, "deadline", 20*time.Minute, "give up after this `time`")
	flag.StringVar(&o.role, "role", "", "used by the program itself")
	flag.IntVar(&o.index, "index", 0, "used by the program itself")
	flag.IntVar(&o.connections, "connections", 0, "used by the program itself")
	flag.IntVar(&o.fill, "fill", 0, "used by the program itself")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.deadline)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	switch o.role {
	case "":
		switch {
		case o.agent:
			return compareAgent(ctx, o)
		case o.watch:
			return compareWatch(ctx, o)
		}
		return compare(ctx, o)
	case "watch":
		return watchAll(ctx, o)
	case "holder":
		return hold(o)
	default:
		return measure(ctx, o.role)
	}
}
