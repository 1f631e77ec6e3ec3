package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

type options struct {
	url, from, out, serve, wait string
	// replace says which texts of the page to show as others: names of the
	// machine that the picture is taken on.
	replace  map[string]string
	madeUp   bool
	view     webtest.View
	deadline time.Duration
}

func main() {
	o := options{replace: map[string]string{}}
	flag.StringVar(&o.url, "url", "", "page of a running agent")
	flag.StringVar(&o.from, "from", "", "recording to show instead")
	flag.BoolVar(&o.madeUp, "made-up", false, "show a host that does not exist instead")
	flag.StringVar(&o.out, "o", "page.png", "picture to write")
	flag.StringVar(&o.serve, "serve", "", "make no picture, serve on this address")
	flag.StringVar(&o.wait, "wait", "looked", "text to wait for")
	flag.Int64Var(&o.view.Width, "width", 1280, "width in CSS pixels")
	flag.Int64Var(&o.view.Height, "height", 900, "height in CSS pixels; the picture is as long as the page")
	flag.Float64Var(&o.view.Scale, "scale", 1, "pixels for each CSS pixel")
	flag.BoolVar(&o.view.Dark, "dark", false, "prefer dark colours")
	flag.BoolVar(&o.view.Mobile, "mobile", false, "act like a telephone")
	flag.DurationVar(&o.deadline, "deadline", time.Minute, "how long it may take")
	flag.Func("replace", "FROM=TO: show a name of this machine as another; may be given again", func(text string) error {
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" {
			return errors.New("want FROM=TO")
		}
		o.replace[from] = to
		return nil
	})
	flag.Parse()
	o.view.Still = true // a picture of colours on their way to others helps nobody
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.url == "" {
		s, err := prepare(o)
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		addrs, err := s.Addrs(ctx)
		if err != nil {
			return errors.Join(err, <-done)
		}
		o.url = fmt.Sprintf("http://%s/", addrs[0])
		if o.serve != "" {
			fmt.Fprintln(os.Stderr, "serving on", o.url)
			return <-done
		}
	}
	return picture(ctx, o)
}

// prepare makes a server that tells a recording or an example.
func prepare(o options) (*web.Server, error) {
	listen := o.serve
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	config := web.Options{Listen: []string{listen}, Version: "1.0.0"}
	var snap web.Snapshot
	switch {
	case o.from != "" && !o.madeUp:
		var err error
		if snap, err = replay(o.from); err != nil {
			return nil, err
		}
	case o.madeUp && o.from == "":
		config.History = webtest.NewPast(time.Now())
		snap = webtest.Scene{At: time.Now(), Overflow: true, Leak: 204}.Snapshot()
	default:
		return nil, errors.New("give one of -url, -from and -made-up")
	}
	s, err := web.New(config)
	if err != nil {
		return nil, err
	}
	s.Publish(snap)
	return s, nil
}

func picture(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, o.deadline)
	defer cancel()
	b, err := webtest.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := b.Open(o.url, o.view)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.WaitText(o.wait, o.deadline); err != nil {
		return err
	}
	if err := p.WaitFor("document.fonts.status === 'loaded' && document.querySelectorAll('.chart').length > 0", o.deadline); err != nil {
		return err
	}
	for from, to := range o.replace {
		if err := p.Replace(from, to); err != nil {
			return err
		}
	}
	return p.Screenshot(o.out)
}
