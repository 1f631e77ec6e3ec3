package web_test

import (
	"fmt"
	"iter"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

func loopback(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
}

func severityOf(s string) rules.Severity { return rules.Severity(s) }

// address makes up one of many addresses.
func address(net byte, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{net, byte(i >> 16), byte(i >> 8), byte(i)})
}

// flood is half-open entries from so many sources and connections to so many
// destinations, as a walk streams them. Round shifts both: no tick sees the
// same ones.
func flood(sources, destinations, round int) iter.Seq2[*facts.Socket, error] {
	return func(yield func(*facts.Socket, error) bool) {
		cookie := uint64(round) << 32
		send := func(s facts.Socket) bool {
			cookie++
			s.Cookie, s.Family = cookie, facts.IPv4
			return yield(&s, nil)
		}
		for i := range sources {
			ok := send(facts.Socket{
				State: facts.SynRecv, Local: netip.AddrPortFrom(address(10, 1), 80),
				Remote: netip.AddrPortFrom(address(11, i+round*sources), uint16(1024+i%60000)),
			})
			if !ok {
				return
			}
		}
		for i := range destinations {
			connections := 1
			if i%100 == 0 { // a hundred of them take more than a hundredth of the ports
				connections = 300 + i/50
			}
			for port := range connections {
				ok := send(facts.Socket{
					State: facts.Established, Local: netip.AddrPortFrom(address(10, 1), uint16(33000+port)),
					Remote: netip.AddrPortFrom(address(12, i+round), 443), Inode: 1,
				})
				if !ok {
					return
				}
			}
		}
	}
}

// giant is a host with so much of everything that nobody could want it all told.
func giant(tb testing.TB, namespaces, listeners, round int) web.Snapshot {
	tb.Helper()
	var ports facts.PortSet
	ports.Add(80)
	census, err := facts.Reduce(flood(60_000, 10_000, round), facts.ReduceOptions{
		Listening: ports, PortLow: 32768, PortHigh: 60999, Limits: facts.Limits{Destinations: 10_000},
	})
	if err != nil {
		tb.Fatal(err)
	}
	w := facts.Window{Host: facts.Host{Hostname: "giant", MemoryBytes: 16 << 30, PageBytes: 4096}, Started: at, Seconds: 10}
	settings := map[string]string{"net.ipv4.ip_local_port_range": "32768\t60999", "net.ipv4.ip_local_reserved_ports": ""}
	for i := range namespaces {
		n := facts.NamespaceWindow{
			Namespace: facts.Namespace{Cookie: uint64(i + 1), Inode: uint64(i + 1), Name: fmt.Sprintf("pod-%d-%d", i, round%3)},
			Settings:  settings,
			End: facts.Snapshot{AtSeconds: 10, Census: facts.Census{
				Complete: true, Sockets: 50, IPv4: facts.StateCounts{facts.Established: uint64(40 + (i*7+round*13)%97)},
			}},
		}
		if i == 0 {
			n.Namespace.Name, n.Namespace.Self = "", true
			n.End.Census = census
		}
		for j := range listeners / namespaces {
			cookie := uint64(round%2)<<40 | uint64(i)<<20 | uint64(j+1)
			n.End.Census.Listeners = append(n.End.Census.Listeners, facts.Listener{
				Cookie: cookie, Local: netip.AddrPortFrom(address(10, i), uint16(1000+j)), Family: facts.IPv4,
				Queue: uint32((i + j + round*31) % 130), Limit: 128, Drops: facts.Some(uint32(j + round)),
			})
		}
		w.Namespaces = append(w.Namespaces, n)
	}
	return web.Snapshot{Ready: true, LastTick: at, LastWalk: at, View: model.NewView(w)}
}

// However much there is, and however it changes, the series are bounded, a
// scrape is quick, publishing is cheap, and memory does not grow.
func TestBounds(t *testing.T) {
	s := newServer(t, web.Options{})
	const most = 2500
	var before, after runtime.MemStats
	published, scraped := time.Hour, time.Hour // the best of all rounds: others use this machine too
	var series, size int
	for round := range 5 {
		snap := giant(t, 2000, 6000, round)
		begin := time.Now()
		s.Publish(snap)
		published = min(published, time.Since(begin))
		begin = time.Now()
		_, body := get(t, s, "/metrics")
		scraped = min(scraped, time.Since(begin))
		got := samples(t, body)
		series, size = len(got), len(body)
		if series > most {
			t.Fatalf("round %d: got %d series, want at most %d", round, series, most)
		}
		if n := len(family(got, "tcpdoctor_sockets")); n != 51*22 {
			t.Errorf("got %d series of sockets, want those of 50 namespaces and the others", n)
		}
		if n := len(family(got, "tcpdoctor_listener_drops_total")); n != 201 {
			t.Errorf("got %d listeners, want 200 and the others", n)
		}
		if n := len(family(got, "tcpdoctor_ephemeral_ports_used_ratio")); n != 50 {
			t.Errorf("got %d destinations, want 50", n)
		}
		var sum float64
		for _, x := range family(got, "tcpdoctor_sockets") {
			if strings.Contains(x, `state="syn_recv"`) {
				sum += got[x]
			}
		}
		if sum != 60_000 {
			t.Errorf("got %v half-open, want 60000", sum)
		}
		expect(t, got, map[string]float64{
			`tcpdoctor_metrics_dropped_series{metric="tcpdoctor_sockets"}`:               1950 * 22,
			`tcpdoctor_metrics_dropped_series{metric="tcpdoctor_listener_accept_queue"}`: 5800,
		})
		runtime.GC()
		if round == 1 {
			runtime.ReadMemStats(&before)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d series, %d bytes, published in %s, scraped in %s, heap grew by %d KiB in three rounds", series, size, published, scraped, grown>>10)
	if scraped > 100*time.Millisecond {
		t.Errorf("a scrape took %s, want less than 100 ms", scraped)
	}
	if published > 250*time.Millisecond {
		t.Errorf("publishing took %s, want less than 250 ms", published)
	}
	if grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes, want it bounded", grown)
	}
}

// Series stay from tick to tick while what they tell of does: where thousands
// are alike, not others every time.
func TestSeriesAreSteady(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	var before map[string]float64
	var changed int
	for round := range 4 {
		snap := giant(t, 300, 600, 0)
		w := *snap.View.Window
		for i := range w.Namespaces {
			c := &w.Namespaces[i].End.Census
			c.IPv4[facts.Established] += uint64((i * (round + 3)) % 17) // wobbles
			for j := range c.Listeners {
				c.Listeners[j].Queue = uint32((i + j + round) % 9)
			}
		}
		snap.View = model.NewView(w)
		s.Publish(snap)
		got := scrape(t, s)
		for series := range before {
			if _, ok := got[series]; !ok {
				changed++
			}
		}
		before = got
	}
	if changed > 0 {
		t.Errorf("%d series vanished, want none to", changed)
	}
}

// A reader that is slow or many readers do not keep the loop waiting, and see
// whole snapshots.
func TestPublishWhileRead(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Options{})
	snaps := []web.Snapshot{giant(t, 100, 200, 0), giant(t, 100, 200, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			s.Publish(snaps[i%2])
		}
	}()
	for {
		for _, path := range []string{"/metrics", "/api/v1/page", "/api/v1/findings"} {
			if res, body := get(t, s, path); res.StatusCode != 200 && !strings.Contains(body, "no judgement") {
				t.Fatalf("%s: got %d %s", path, res.StatusCode, body)
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{100, 5000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			s := newServer(b, web.Options{})
			snap := giant(b, n/10, n, 0)
			b.ReportAllocs()
			for b.Loop() {
				s.Publish(snap)
			}
		})
	}
}

func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{100, 5000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			s := newServer(b, web.Options{})
			s.Publish(giant(b, n/10, n, 0))
			b.ReportAllocs()
			for b.Loop() {
				get(b, s, "/metrics")
			}
		})
	}
}
