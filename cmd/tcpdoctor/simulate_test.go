package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// inProcess runs the program inside the test, on any platform.
func inProcess(ctx context.Context, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(ctx, args, streams{In: strings.NewReader(""), Out: &o, Err: &e, Width: 80})
	return code, o.String(), e.String()
}

func TestBarRows(t *testing.T) {
	t.Parallel()
	got := barRows([]float64{0, 0.01, 1, 2, 3, 4}, 4, 2)
	want := []string{"    ▄█", " ▁▄███"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bars differ (-want +got):\n%s", d)
	}
	if got := barRows([]float64{0, 0}, 0, 1); got[0] != "  " {
		t.Errorf("got %q for nothing", got)
	}
	// More in a value never means less of a bar.
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		top := rapid.Float64Range(1, 1e6).Draw(t, "top")
		a := rapid.Float64Range(0, top).Draw(t, "a")
		b := rapid.Float64Range(a, top).Draw(t, "b")
		height := func(column int) (sum int) {
			for _, row := range barRows([]float64{a, b}, top, rows) {
				sum += strings.IndexRune(eighths, []rune(row)[column])
			}
			return sum
		}
		if height(0) > height(1) {
			t.Fatalf("%v is drawn higher than %v", a, b)
		}
	})
}

func TestBarAcross(t *testing.T) {
	t.Parallel()
	for share, want := range map[float64]string{0: "", -1: "", 0.001: "█", 0.5: "█████", 1: "██████████", 7: "██████████"} {
		if got := barAcross(share, 10); got != want {
			t.Errorf("%v: got %q, want %q", share, got, want)
		}
	}
}

func TestTimeAxis(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{20: "0───────30 s────60 s", 10: "0─────60 s", 3: "0 s"} {
		if got := timeAxis([3]string{"0", "30 s", "60 s"}, width); got != want {
			t.Errorf("%d columns: got %q, want %q", width, got, want)
		}
	}
	if got := thinned([]float64{1, 5, 2, 3, 9}, 2); !cmp.Equal(got, []float64{5, 9}) {
		t.Errorf("got %v, want the peaks kept", got)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 3: "3", 0.25: "0.2", 0.004: "0.004", 12.34: "12.3", 123.6: "124", 12345: "12,345"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v): got %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0.0", 0.0001: "<0.1", 0.5: "50.0", 0.99999: ">99.9", 1: "100.0"} {
		if got := percent(v); got != want {
			t.Errorf("percent(%v): got %q, want %q", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0", 20 * time.Microsecond: "0.02 ms", 1500 * time.Microsecond: "1.5 ms", 370 * time.Millisecond: "370 ms",
		3137 * time.Millisecond: "3.14 s", 17250 * time.Millisecond: "17.3 s", 60 * time.Second: "60 s", 125 * time.Second: "2m5s",
	} {
		if got := shortTime(d); got != want {
			t.Errorf("shortTime(%v): got %q, want %q", d, got, want)
		}
	}
}

// point is a point of a sweep with that many drops among a thousand clients.
func point(value int, drops uint64) model.SweepPoint {
	r := model.SimResult{Counters: model.SimCounters{ListenDrops: drops}}
	r.Arrivals = 1000
	return model.SweepPoint{Value: value, Result: r}
}

func TestSweepKnee(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, parameter string
		points          []model.SweepPoint
		want            int
	}{
		{"less and less", "somaxconn", []model.SweepPoint{point(128, 900), point(256, 400), point(512, 0), point(1024, 0)}, 2},
		{"a twentieth is chance", "somaxconn", []model.SweepPoint{point(128, 1000), point(256, 40), point(512, 0)}, 1},
		{"no difference", "somaxconn", []model.SweepPoint{point(128, 70), point(256, 70)}, -1},
		{"hardly a difference", "somaxconn", []model.SweepPoint{point(128, 1000), point(256, 990)}, -1},
		{"one", "somaxconn", []model.SweepPoint{point(128, 70)}, -1},
		{"not ascending", "backlog", []model.SweepPoint{point(512, 0), point(1, 900), point(256, 0)}, 2},
		{"more is worse", "tcp_synack_retries", []model.SweepPoint{point(0, 100), point(1, 900)}, 0},
		{"a load", "flood", []model.SweepPoint{point(10, 0), point(20, 1), point(40, 50), point(80, 900)}, 1},
	} {
		if got := sweepKnee(tt.parameter, tt.points); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestSweepVerdict(t *testing.T) {
	t.Parallel()
	enough := model.SimConfig{Backlog: -1, Service: model.Service{PerSecond: 10}, Duration: time.Second}
	tooMuch := enough
	tooMuch.Arrivals = []model.Arrivals{{Kind: model.PoissonArrivals, PerSecond: 20}}
	small := enough
	small.Backlog = 300
	for _, tt := range []struct {
		name   string
		c      model.SimConfig
		of     string
		points []model.SweepPoint
		want   string
		tone   verdictTone
	}{
		{"enough", enough, "somaxconn", []model.SweepPoint{point(128, 9), point(256, 0)}, "somaxconn 256 is the knee: nothing beyond it drops noticeably less; 0 drops/s are left", toneGood},
		{"the last", enough, "somaxconn", []model.SweepPoint{point(128, 900), point(256, 300)}, "somaxconn 256, the largest tried, is the best so far", toneWarn},
		{"the backlog binds", small, "somaxconn", []model.SweepPoint{point(128, 900), point(512, 300), point(1024, 300)}, "from there on the application's backlog of 300 binds", toneWarn},
		{"overload", tooMuch, "somaxconn", []model.SweepPoint{point(128, 900), point(512, 300), point(1024, 300)}, "20/s come and at most 10/s are accepted, so no queue is long enough", toneWarn},
		{"overload, short", tooMuch, "somaxconn", []model.SweepPoint{point(128, 900), point(512, 0)}, "a longer run fills any queue", toneWarn},
		{"overload, no difference", tooMuch, "somaxconn", []model.SweepPoint{point(128, 900), point(512, 900)}, "with every value, because 20/s come", toneWarn},
		{"no difference", enough, "somaxconn", []model.SweepPoint{point(128, 0), point(512, 0)}, "somaxconn makes no difference to what is dropped: 0 drops/s", toneGood},
		{"less is better", enough, "tcp_synack_retries", []model.SweepPoint{point(0, 10), point(5, 900)}, "the smallest tried, is the best", toneGood},
		{"a load", enough, "flood", []model.SweepPoint{point(10, 0), point(5000, 900)}, "up to 10/s the flood does no more harm", toneGood},
	} {
		text, tone := sweepVerdict(tt.c, tt.of, tt.points, sweepKnee(tt.of, tt.points))
		if !strings.Contains(text, tt.want) || tone != tt.tone {
			t.Errorf("%s: got %q (%s), want %q (%s)", tt.name, text, tone, tt.want, tt.tone)
		}
	}
}

func TestSimulationVerdict(t *testing.T) {
	t.Parallel()
	for want, tally := range map[string]model.SimTally{
		"nobody came":                         {},
		"5 of 9 spoofed SYNs found no place":  {FloodSYNs: 9, FloodDropped: 5},
		"all of 9 SYNs were answered":         {FloodSYNs: 9},
		"4 of 100 clients were not served (4": {Arrivals: 100, TimedOut: 1, Reset: 1, GaveUp: 1, Hung: 1, Served: 96},
		"50 of 100 clients still waited":      {Arrivals: 100, Served: 50, Pending: 50},
		"no client of 100 was lost, 1 undec":  {Arrivals: 100, Served: 99, Pending: 1, SynsDropped: 3},
		"no client of 100 was turned away, 1": {Arrivals: 100, Served: 99, Pending: 1},
		"all of 100 clients were served; the": {Arrivals: 100, Served: 100},
	} {
		if got, _ := simulationVerdict(model.SimResult{SimTally: tally}); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSimulationReasons(t *testing.T) {
	t.Parallel()
	base := model.SimConfig{Backlog: -1, Somaxconn: 128, Service: model.Service{PerSecond: 1e6}, MaxSynBacklog: 256, Duration: time.Minute}
	counts := func(k model.SimCounters) model.SimResult { return model.SimResult{Counters: k} }
	overflow := counts(model.SimCounters{ListenOverflows: 1, ListenDrops: 1})
	for _, tt := range []struct {
		change func(*model.SimConfig)
		r      model.SimResult
		want   string
	}{
		{func(*model.SimConfig) {}, overflow, "somaxconn 128 binds"},
		{func(c *model.SimConfig) { c.Backlog = 64 }, overflow, "the application's backlog of 64 binds, somaxconn 128 does not"},
		{func(c *model.SimConfig) { c.Backlog = 128 }, overflow, "backlog and somaxconn are both 128"},
		{func(c *model.SimConfig) { c.Backlog = 511 }, overflow, "somaxconn 128 cuts the backlog of 511"},
		{func(*model.SimConfig) {}, counts(model.SimCounters{ReqQFullDrop: 1, ListenDrops: 1}), "tcp_syncookies is 0"},
		{func(*model.SimConfig) {}, counts(model.SimCounters{ListenDrops: 1}), "three quarters of tcp_max_syn_backlog 256 taken"},
		{func(*model.SimConfig) {}, counts(model.SimCounters{DoCookies: 1200}), "SYN cookies instead, 1,200 times"},
		{func(c *model.SimConfig) {
			c.Service = model.Service{Never: true}
			c.Arrivals = []model.Arrivals{{Kind: model.BurstArrivals, Size: 2, Every: time.Second}}
		}, counts(model.SimCounters{}), "nothing is accepted"},
		{func(c *model.SimConfig) {
			c.Service = model.Service{PerSecond: 4}
			c.Stalls = []model.Stall{{Length: time.Second, Every: 2 * time.Second}, {At: 30 * time.Second, Length: time.Hour}}
			c.Arrivals = []model.Arrivals{{Kind: model.BurstArrivals, Size: 2, Every: time.Second}}
		}, counts(model.SimCounters{}), "2/s come, at most 0/s are accepted (4/s less the stalls)"},
	} {
		c := base
		tt.change(&c)
		got := simulationReasons(c, tt.r)
		if len(got) != 1 || !strings.Contains(got[0], tt.want) {
			t.Errorf("got %q, want one with %q", got, tt.want)
		}
	}
}

// TestChartMarksTheLimit: in colour, bars that reach the limit are red.
func TestChartMarksTheLimit(t *testing.T) {
	t.Parallel()
	p := simulatePage{ink: true}
	if got, want := p.marked("▄█ ", []float64{1, 2, 2}, 2), "▄\x1b[1;31m█\x1b[m "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var out bytes.Buffer
	code := run(t.Context(), []string{"simulate", "--arrivals", "10", "--for", "5s", "--service", "never", "--backlog", "3"},
		streams{Out: &out, Err: &out, Width: 80, Color: true})
	if code != codeOK || !strings.HasPrefix(out.String(), "\x1b[1;33m! ") {
		t.Errorf("got code %d and %q", code, out.String())
	}
}

// TestSimulateInterrupted: a long simulation is left at once.
func TestSimulateInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, errs := inProcess(ctx, "simulate", "--arrivals", "10000/s", "--for", "100s", "--sweep", "somaxconn=1..10/1")
	if code != codeFailed || out != "" || errs != "tcpdoctor: interrupted: nothing was simulated to its end\n" {
		t.Errorf("got code %d, output %q, errors %q", code, out, errs)
	}
}

// TestSimulateAnything: whatever is asked for gives a result that fits the
// width, the same one each time, or one line that says what is wrong.
func TestSimulateAnything(t *testing.T) {
	t.Parallel()
	words := []string{"-1", "0", "1", "7", "128", "4096", "x", "", "1e9", "5/s", "poisson:9/s", "burst:50/1s", "constant:40/m", "never", "2s@1s",
		"100ms/1s", "50%:1s", "9/s,batch=3", "somaxconn=4..64", "backlog=9,1", "flood=1..9", "tcp_syncookies=0..2/1", "service=0..2"}
	flags := []string{"--arrivals", "--flood", "--slow", "--rtt", "--give-up", "--service", "--stall", "--backlog", "--somaxconn",
		"--max-syn-backlog", "--syncookies", "--synack-retries", "--syn-retries", "--syn-linear-timeouts", "--seed", "--samples", "--sweep"}
	rapid.Check(t, func(t *rapid.T) {
		args := []string{"simulate", "--for", "3s", "--arrivals", "20/s"}
		for range rapid.IntRange(0, 4).Draw(t, "flags") {
			args = append(args, rapid.SampledFrom(flags).Draw(t, "flag"), rapid.SampledFrom(words).Draw(t, "value"))
		}
		width := rapid.IntRange(20, 140).Draw(t, "width")
		once := func() (int, string, string) {
			var out, errs bytes.Buffer
			code := run(context.Background(), args, streams{Out: &out, Err: &errs, Width: width})
			return code, out.String(), errs.String()
		}
		code, out, errs := once()
		switch {
		case code == codeOK && errs == "" && out != "":
		case code == codeFailed && out == "" && strings.Count(errs, "\n") == 1:
		default:
			t.Fatalf("%q: got code %d, errors %q, output\n%s", args, code, errs, out)
		}
		for line := range strings.Lines(out) {
			if n := columns(strings.TrimRight(line, "\n")); n > max(width, leastWidth) {
				t.Fatalf("%q: %d columns of %d: %s", args, n, width, line)
			}
		}
		if _, again, _ := once(); again != out {
			t.Fatalf("%q: another time it is\n%s\nand not\n%s", args, again, out)
		}
	})
}

// TestSimulateJSON reads the document, whose figures must be those of the model.
func TestSimulateJSON(t *testing.T) {
	t.Parallel()
	args := []string{"simulate", "--arrivals", "constant:100/s+burst:50/5s", "--flood", "5/s", "--service", "poisson:200/s,batch=4", "--stall", "2s@10s,100ms/5s",
		"--backlog", "64", "--somaxconn", "4096", "--give-up", "9s", "--slow", "10%:500ms", "--seed", "7", "--samples", "30", "--for", "30s", "-o", "json"}
	code, out, errs := inProcess(t.Context(), args...)
	var d simulated
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != codeOK || errs != "" {
		t.Fatalf("got code %d, %v, errors %q and\n%s", code, err, errs, out)
	}
	want := simulatedConfig{
		Backlog: 64, Somaxconn: 4096, MaxSynBacklog: 512, Syncookies: 1, SynackRetries: 5,
		Arrivals:       []simulatedArrivals{{Kind: "constant", PerSecond: 100}, {Kind: "burst", Size: 50, EverySeconds: 5}},
		FloodPerSecond: 5, ServicePerSecond: 200, ServicePoisson: true, ServiceBatch: 4,
		Stalls:     []simulatedStall{{AtSeconds: 10, LengthSeconds: 2}, {AtSeconds: 5, LengthSeconds: 0.1, EverySeconds: 5}},
		RTTSeconds: 0.001, SlowShare: 0.1, SlowSeconds: 0.5, SynRetries: 6, SynLinearTimeouts: 4, GiveUpSeconds: 9, SimulatedSeconds: 30, Seed: 7,
	}
	if diff := cmp.Diff(want, d.Config); diff != "" {
		t.Errorf("the configuration differs (-want +got):\n%s", diff)
	}
	c := d.Outcome.Clients
	if sum := c.Served + c.TimedOut + c.Reset + c.GaveUp + c.Hung + c.Pending; sum != c.Arrivals || c.Arrivals < 3000 {
		t.Errorf("got %d clients accounted for, of %d", sum, c.Arrivals)
	}
	if n := d.Outcome.Counters[model.CListenDrops]; n == 0 || d.Outcome.DropsPerSecond != float64(n)/30 || d.Outcome.AcceptQueueLimit != 64 || len(d.Trajectory) != 30 {
		t.Errorf("got %d drops, %v/s, limit %d, %d points", n, d.Outcome.DropsPerSecond, d.Outcome.AcceptQueueLimit, len(d.Trajectory))
	}
	code, out, _ = inProcess(t.Context(), "simulate", "--arrivals", "burst:500/10s", "--service", "1000/s", "--for", "30s", "--sweep", "net.core.somaxconn=128..1024", "-o", "json")
	var s swept
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != codeOK {
		t.Fatalf("got code %d, %v and\n%s", code, err, out)
	}
	if s.Parameter != "somaxconn" || len(s.Points) != 4 || s.Knee == nil || *s.Knee != 512 || s.Points[2].Outcome.DropsPerSecond != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestParseSlow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]slowClients{"20%:3s": {0.2, 3 * time.Second}, "0.5:1m": {0.5, time.Minute}, "1:0": {1, 0}} {
		if got, err := parseSlow(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "3s", "x:3s", "-1%:3s", "101%:3s", "NaN:3s", "5%:", "5%:-1s"} {
		if got, err := parseSlow(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, %v, want an error of one line", text, got, err)
		}
	}
}
