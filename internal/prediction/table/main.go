package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/internal/prediction"
)

func main() {
	lab.Main()
	var o prediction.Options
	flag.StringVar(&o.Only, "only", "", "try only what has this `text` in its name")
	flag.IntVar(&o.Parallel, "parallel", 0, "how many to try at a time; 0 stands for 24")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o prediction.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o.Progress = func(done, total int, r prediction.Result) {
		fmt.Fprintf(os.Stderr, "%d/%d %s\n", done, total, r.Text())
	}
	results, err := prediction.Run(ctx, o)
	if err != nil {
		return err
	}
	return prediction.WriteTable(os.Stdout, results)
}
