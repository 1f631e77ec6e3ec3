package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tcpdoctor/tcpdoctor/internal/netns"
)

// The methods.
const (
	methodFloor    = "floor"
	methodCensus   = "census"
	methodWalk     = "walk"
	methodSS       = "ss -tan"
	methodSSInfo   = "ss -tani"
	methodLibrary  = "netlink"
	methodProcfs   = "procfs"
	methodListener = "listeners"
	methodBareFD   = "bare"
	methodHolders  = "holders"
)

// method is one way of doing it.
type method struct{ name, what string }

// The methods in the order of their table. The first is what the others are
// compared with.
var (
	walks = []method{
		{methodFloor, "bare receive loop, same attributes"},
		{methodCensus, "our census: TCP_INFO, SKMEMINFO, CONG, CGROUP_ID, reduced"},
		{methodWalk, "our walk alone, decoded and counted"},
		{methodSS, "ss -tanH, output discarded"},
		{methodSSInfo, "ss -taniH, output discarded"},
		{methodLibrary, "netlink.SocketDiagTCPInfo, both families"},
		{methodProcfs, "procfs NetTCP and NetTCP6"},
		{methodListener, "our poll of the listeners, each of 200"},
	}
	attributions = []method{
		{methodBareFD, "bare walk of /proc/*/fd, one thread"},
		{methodHolders, "our search for the owners"},
	}
)

// compare makes what is to be looked at, runs every method in every round, and
// prints the table.
func compare(ctx context.Context, o options) error {
	methods, title := walks, fmt.Sprintf("%d sockets", o.sockets)
	if o.attribution {
		methods, title = attributions, fmt.Sprintf("%d sockets in CLOSE_WAIT among %d descriptors", o.closeWait, o.descriptors)
	}
	if only := strings.Split(o.methods, ","); o.methods != "" {
		methods = slices.DeleteFunc(slices.Clone(methods), func(m method) bool { return !slices.Contains(only, m.name) })
	}
	ns, err := netns.New()
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := ns.Do(loopbackUp); err != nil {
		return err
	}
	start := time.Now()
	holders, err := startHolders(ctx, ns, o)
	if err != nil {
		return err
	}
	defer stopHolders(holders)
	fmt.Fprintf(os.Stderr, "bench: %s in %d processes after %s\n", title, len(holders), time.Since(start).Round(time.Millisecond))

	results := make(map[string][]result)
	for round := range o.rounds {
		for i := range methods {
			// Every round begins with another method.
			m := methods[(i+round)%len(methods)].name
			r, err := runMethod(ctx, ns, m)
			if err != nil {
				return fmt.Errorf("%s: %w", m, err)
			}
			results[m] = append(results[m], r)
		}
		fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", round+1, o.rounds)
	}
	if err := describeMachine(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\n%s, medians of %d rounds\n", title, o.rounds)
	return printTable(methods, results)
}

func loopbackUp() error {
	h, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	return h.LinkSetUp(lo)
}

// runMethod runs one method in a process inside the namespace.
func runMethod(ctx context.Context, ns *netns.Handle, method string) (result, error) {
	if args, ok := strings.CutPrefix(method, "ss "); ok {
		return runForeign(ctx, ns, "ss", args+"H")
	}
	cmd, err := command(ctx, "-role="+method)
	if err != nil {
		return result{}, err
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := ns.Do(cmd.Run); err != nil {
		return result{}, err
	}
	var r result
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		return result{}, err
	}
	if method == methodListener {
		r.Wall, r.CPU = r.Wall/listenerPolls, r.CPU/listenerPolls
	}
	return r, nil
}

// runForeign runs another program, from its start to its end.
func runForeign(ctx context.Context, ns *netns.Handle, name string, args ...string) (result, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := ns.Do(cmd.Run); err != nil {
		return result{}, err
	}
	r := result{Wall: time.Since(start)}
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.PeakKiB = foreignPeakKiB(cmd.ProcessState)
	return r, nil
}

// printTable writes medians over the rounds, and what they are of the first.
func printTable(methods []method, results map[string][]result) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "method\twall\tbest\tworst\tof the first\tCPU\tof the first\tpeak MiB\tcount\t")
	firstWall, firstCPU := wallOf(results[methods[0].name]), cpuOf(results[methods[0].name])
	for _, m := range methods {
		runs := results[m.name]
		wall, cpu := wallOf(runs), cpuOf(runs)
		slices.SortFunc(runs, func(a, b result) int { return cmp.Compare(a.Wall, b.Wall) })
		last := runs[len(runs)-1]
		ofWall, ofCPU := ratio(wall, firstWall), ratio(cpu, firstCPU)
		if m.name == methodListener {
			ofWall, ofCPU = "-", "-" // it does something else
		}
		count := "-"
		if last.Count > 0 {
			count = strconv.Itoa(last.Count)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\t%s\t\n", m.what, short(wall), short(runs[0].Wall),
			short(last.Wall), ofWall, short(cpu), ofCPU, peakOf(runs), count)
	}
	return w.Flush()
}

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(max(b, 1))) }

func wallOf(runs []result) time.Duration {
	var d []time.Duration
	for _, r := range runs {
		d = append(d, r.Wall)
	}
	return median(d)
}

func cpuOf(runs []result) time.Duration {
	var d []time.Duration
	for _, r := range runs {
		d = append(d, r.CPU)
	}
	return median(d)
}

// peakOf is the highest peak of all runs, in MiB.
func peakOf(runs []result) float64 {
	var peak int
	for _, r := range runs {
		peak = max(peak, r.PeakKiB)
	}
	return float64(peak) / 1024
}

// short rounds a duration to what is worth reading.
func short(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(100 * time.Microsecond)
}
