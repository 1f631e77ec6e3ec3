package incident

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/internal/trend"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// waiting is the connections in CLOSE_WAIT of one program at one time.
type waiting struct {
	comm  string
	pid   int
	count int
	// oldest is how old the oldest is; the others are spread evenly below it.
	oldest time.Duration
}

// closeWaitWindow is a window of a minute in which nothing else happens.
func closeWaitWindow(at time.Time, all []waiting) facts.Window {
	w := facts.Window{Host: facts.Host{BootID: "7a6e1f0e", Kernel: "6.18.44", MemoryBytes: 8 << 30}, Started: at, Seconds: 60}
	var class facts.Class
	inode := uint32(100)
	for _, p := range all {
		process := facts.Process{PID: p.pid, Comm: p.comm, FDLimit: facts.Some[uint64](4096), FDs: facts.Some(uint64(100 + p.count))}
		for i := range p.count {
			inode++
			age := p.oldest * time.Duration(p.count-i) / time.Duration(p.count)
			process.HoldsInodes = append(process.HoldsInodes, inode)
			class.Total++
			class.Samples = append(class.Samples, facts.Sample{
				Cookie: uint64(p.pid)<<32 | uint64(inode), Inode: inode, State: facts.CloseWait,
				Local: netip.MustParseAddrPort("10.0.0.1:8080"), Remote: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.9"), uint16(20000+i)),
				LastAckRecvMillis: facts.Some(uint32(age.Milliseconds())), BytesMoved: facts.Some[uint64](50),
			})
		}
		w.Processes = append(w.Processes, process)
	}
	snapshot := facts.Snapshot{Census: facts.Census{Complete: true, Classes: map[facts.ClassName]facts.Class{facts.ClassCloseWait: class}}}
	end := snapshot
	end.AtSeconds = 60
	w.Namespaces = []facts.NamespaceWindow{{Namespace: facts.Namespace{Cookie: 1, Inode: 11, Self: true}, Start: snapshot, End: end}}
	return w
}

// TestSlowLeakDay watches for two days, a walk a minute: a leak of three
// connections an hour in a program that is restarted every night, a program that
// closes late, whose connections follow the day's traffic, and one that leaked at
// its start and never again. The first alone is told of.
func TestSlowLeakDay(t *testing.T) {
	t.Parallel()
	book := trend.New(trend.Options{}, trend.Memory{})
	tracker := New(Options{Instance: "web-1", Config: Defaults()}, Memory{})
	at := steady.Moment{Wall: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Mono: time.Hour}
	var told []string
	for minute := range 48 * 60 {
		hours := float64(minute) / 60
		run := math.Mod(hours, 24) // since the restart
		wave := int(30 - 28*math.Cos(hours*math.Pi/12))
		v := model.NewView(closeWaitWindow(at.Wall, []waiting{
			{"leaking", 500 + int(hours/24), int(3 * run), time.Duration(run * float64(time.Hour))},
			{"late", 600, wave, 5 * time.Minute},
			{"once", 700, 40, time.Duration((hours + 1) * float64(time.Hour))},
		}))
		book.Annotate(v.Window, []string{v.Namespaces[0].Label}, model.TrendMetrics(), nil)
		r := rules.Eval(v, rules.Options{})
		readings, covered := model.Track(v)
		book.Observe(at, readings, covered)
		_, alerts := tracker.Observe(at, NewObservation(v, r, nil))
		for _, a := range alerts {
			if a.Repeat > 0 {
				continue
			}
			told = append(told, fmt.Sprintf("%.1f h: %s %s: %s", hours, a.Status, a.Labels["subject"], a.Annotations["description"]))
		}
		at.Wall, at.Mono = at.Wall.Add(time.Minute), at.Mono+time.Minute
	}
	var fired, resolved int
	for _, line := range told {
		if !strings.Contains(line, "process leaking") {
			t.Errorf("a false alarm: %s", line)
		}
		if !strings.Contains(line, "firing") {
			resolved++
		} else {
			fired++
			if !strings.Contains(line, "growing +3/h") || !strings.Contains(line, "out of descriptors in") {
				t.Errorf("got %s", line)
			}
		}
	}
	if fired != 2 || resolved != 1 || !strings.HasPrefix(told[0], "5.") && !strings.HasPrefix(told[0], "6.") {
		t.Errorf("got %q, want it told of on each day, once 16 are stuck", told)
	}
	t.Log(strings.Join(told, "\n"))
}
