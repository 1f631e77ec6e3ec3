package sockdiag

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

func TestParsePairs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		text     string
		counters facts.Counters
		gauges   facts.Gauges
		wantErr  string
	}{{
		name: "columns go by name, gauges are told apart",
		text: "Ip: Forwarding InReceives\nIp: 2 3171\nTcp: RtoMin MaxConn CurrEstab InSegs\nTcp: 200 -1 4 18446744073709551615\n",
		counters: facts.Counters{
			"Ip.InReceives": 3171, "Tcp.InSegs": 18446744073709551615,
		},
		gauges: facts.Gauges{"Ip.Forwarding": 2, "Tcp.RtoMin": 200, "Tcp.MaxConn": -1, "Tcp.CurrEstab": 4},
	}, {
		name:     "a column nobody knew that is negative is a gauge",
		text:     "Tcp: NewAndSigned\nTcp: -7\n",
		counters: facts.Counters{}, gauges: facts.Gauges{"Tcp.NewAndSigned": -7},
	}, {
		name:     "groups not asked for are passed over",
		text:     "Udp: InDatagrams\nUdp: 65\nTcp: InSegs\nTcp: 1\n",
		counters: facts.Counters{"Tcp.InSegs": 1}, gauges: facts.Gauges{},
	}, {
		name:     "no newline at the end",
		text:     "Tcp: InSegs\nTcp: 1",
		counters: facts.Counters{"Tcp.InSegs": 1}, gauges: facts.Gauges{},
	}, {
		name:     "a group that does not fit is skipped and reported",
		text:     "Ip: A B\nIp: 1\nTcp: InSegs\nTcp: 1\n",
		counters: facts.Counters{"Tcp.InSegs": 1}, gauges: facts.Gauges{},
		wantErr: `group "Ip": 2 names, 1 numbers`,
	}, {
		name:     "numbers of another group",
		text:     "Ip: A\nTcp: 1\n",
		counters: facts.Counters{}, gauges: facts.Gauges{},
		wantErr: `group "Ip" is followed by "Tcp", want its numbers`,
	}, {
		name:     "names without numbers",
		text:     "Tcp: InSegs\n",
		counters: facts.Counters{}, gauges: facts.Gauges{},
		wantErr: `group "Tcp" is followed by "", want its numbers`,
	}, {
		name:     "not a number",
		text:     "Tcp: InSegs OutSegs\nTcp: x 2\n",
		counters: facts.Counters{"Tcp.OutSegs": 2}, gauges: facts.Gauges{},
		wantErr: "Tcp.InSegs: ",
	}, {
		name: "nothing", counters: facts.Counters{}, gauges: facts.Gauges{},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := newReading()
			err := parsePairs([]byte(tt.text), wantedSNMP, out)
			checkReading(t, out, tt.counters, tt.gauges)
			checkError(t, err, tt.wantErr)
		})
	}
}

func checkReading(t *testing.T, got *reading, counters facts.Counters, gauges facts.Gauges) {
	t.Helper()
	if diff := cmp.Diff(counters, got.counters); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(gauges, got.gauges); diff != "" {
		t.Errorf("gauges (-want +got):\n%s", diff)
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("got error %v, want %q", err, want)
	}
}

func TestParseSNMP6(t *testing.T) {
	t.Parallel()
	out := newReading()
	text := "Ip6InReceives     \t4\nIcmp6InMsgs \t2\nIcmp6OutType143\t9\nUdp6InDatagrams\t7\nIp6\t1\nIp6OutNoRoutes\tx\nlonely\n"
	err := parseSNMP6([]byte(text), out)
	checkReading(t, out, facts.Counters{"Ip6.InReceives": 4, "Icmp6.InMsgs": 2}, facts.Gauges{})
	checkError(t, err, "Ip6.OutNoRoutes")
}

func TestParsePerCPU(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		counters   facts.Counters
		gauges     facts.Gauges
		wantErr    string
	}{{
		name:     "rows are summed, the level is not",
		text:     "entries  drop early_drop\n0000000a 00000001 00000002\n0000000a 000000ff 00000000\n",
		counters: facts.Counters{"x.drop": 256, "x.early_drop": 2}, gauges: facts.Gauges{"x.entries": 10},
	}, {
		name: "no rows", text: "entries drop\n", counters: facts.Counters{}, gauges: facts.Gauges{}, wantErr: "no row of numbers",
	}, {
		name: "short row", text: "entries drop\n01\n", counters: facts.Counters{}, gauges: facts.Gauges{}, wantErr: "1 numbers, want 2",
	}, {
		name: "no number", text: "entries drop\n01 zz\n", counters: facts.Counters{}, gauges: facts.Gauges{}, wantErr: "row 0",
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := newReading()
			err := parsePerCPU([]byte(tt.text), "x.", "entries", out)
			checkReading(t, out, tt.counters, tt.gauges)
			checkError(t, err, tt.wantErr)
		})
	}
}

// TestCollectorsReadFiles runs every collector over a folder in the shape of
// /proc instead of a kernel.
func TestCollectorsReadFiles(t *testing.T) {
	t.Parallel()
	root := writeTree(t, map[string]string{
		"thread-self/net/netstat":                "TcpExt: ListenDrops\nTcpExt: 3\n",
		"thread-self/net/snmp":                   "Tcp: CurrEstab\nTcp: 5\n",
		"thread-self/net/sockstat":               "sockets: used 16\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 5\nUDP: inuse 0 mem 0\n",
		"thread-self/net/sockstat6":              "TCP6: inuse 6\n",
		"thread-self/net/softnet_stat":           "0000000b 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000004 00000000\n00000001 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000009 00000001\n",
		"thread-self/net/stat/nf_conntrack":      "entries drop\n00000007 00000001\n",
		"thread-self/net/stat/arp_cache":         "entries table_fulls lookups\n00000002 00000001 00000009\n",
		"sys/net/netfilter/nf_conntrack_count":   "7\n",
		"sys/net/netfilter/nf_conntrack_max":     "262144\n",
		"thread-self/net/an/unrelated/file/here": "",
	})
	run := func(scope collectorScope) *reading {
		list := scoped(scope)
		out, failed := newReader(tree{proc: root}, list, nil).read(t.Context())
		if gaps, err := judge(list, failed); err != nil || gaps != nil {
			t.Errorf("got gaps %v and error %v, want none", gaps, err)
		}
		return out
	}
	checkReading(t, run(perNamespace),
		facts.Counters{"TcpExt.ListenDrops": 3, "conntrack.drop": 1},
		facts.Gauges{
			"Tcp.CurrEstab": 5, "sockstat.sockets.used": 16, "sockstat.TCP.inuse": 1, "sockstat.TCP.tw": 3,
			"sockstat.TCP6.inuse": 6, "conntrack.entries": 7, "conntrack.count": 7,
		})
	checkReading(t, run(perHost),
		facts.Counters{
			"softnet.processed": 12, "softnet.dropped": 2, "softnet.time_squeezed": 2, "softnet.flow_limit": 3,
			"neighbour.arp.table_fulls": 1,
		},
		facts.Gauges{
			"sockstat.TCP.orphan": 2, "sockstat.TCP.alloc": 4, "sockstat.TCP.mem": 5,
			"softnet.backlog_longest": 9, "softnet.cpus": 2, "conntrack.max": 262144, "neighbour.arp.entries": 2,
		})
}

func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestCollectorsWithoutFiles shows what is a failure when nothing is there:
// what every kernel has, but not what a module or IPv6 brings.
func TestCollectorsWithoutFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "thread-self"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := map[facts.Source]bool{}
	for _, c := range collectors() {
		err := c.read(tree{proc: root}, newReading())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want a file that does not exist", c.source, err)
		}
		got[c.source] = got[c.source] || err != nil
	}
	want := map[facts.Source]bool{
		facts.SourceNetstat: true, facts.SourceSNMP: true, facts.SourceSockstat: true, facts.SourceSoftnet: true,
		facts.SourceConntrack: false, facts.SourceNeighbours: false,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got failures %v, want %v", got, want)
	}
}

// TestReaderGivesUp lets the second of three collectors hang: the others are read
// all the same, and nobody waits for it again until it comes back.
func TestReaderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		put := func(name string) func(tree, *reading) error {
			return func(_ tree, out *reading) error { out.gauges[name] = 1; return nil }
		}
		slow := func(_ tree, out *reading) error {
			out.gauges["slow"] = 1
			<-hang
			return nil
		}
		list := []collector{
			{source: "quick", limit: time.Second, read: put("quick")},
			{source: "slow", limit: 3 * time.Second, read: slow},
			{source: "behind", limit: time.Second, read: put("behind")},
		}
		entered := 0
		r := newReader(tree{}, list, func(fn func(tree) error) error {
			entered++
			return fn(tree{})
		})
		began := time.Now()
		out, failed := r.read(t.Context())
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("gave up after %v, want 3s", took)
		}
		if want := (facts.Gauges{"quick": 1, "behind": 1}); !maps.Equal(out.gauges, want) {
			t.Errorf("got %v, want %v", out.gauges, want)
		}
		if len(failed) != 1 || !errors.Is(failed[1], errTimeout) || entered != 2 {
			t.Errorf("got failures %v in %d threads, want that of the second and two", failed, entered)
		}
		for range 100 {
			began = time.Now()
			out, again := r.read(t.Context())
			if took := time.Since(began); took != 0 || len(again) != 1 || !errors.Is(again[1], errOutstanding) || len(out.gauges) != 2 {
				t.Fatalf("got %v and failures %v after %v, want it refused at once", out.gauges, again, took)
			}
		}
		if n := r.outstanding(); n != 1 {
			t.Errorf("got %d calls outstanding, want 1", n)
		}
		close(hang)
		synctest.Wait()
		if out, failed := r.read(t.Context()); len(failed) != 0 || len(out.gauges) != 3 || r.outstanding() != 0 {
			t.Errorf("got %v and failures %v, want all once it has come back", out.gauges, failed)
		}
		if _, err := judge(list, failed); err != nil {
			t.Errorf("got %v, want gaps only", err)
		}
		required := slices.Clone(list) // the hanging one still looks at its own
		required[1].required = true
		_, err := judge(required, failed)
		if unreadable, ok := errors.AsType[*UnreadableError](err); !ok || unreadable.Source != "slow" {
			t.Errorf("got %v, want that slow could not be read", err)
		}
	})
}

func TestReaderEndsWithContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		list := []collector{{limit: time.Second, read: func(tree, *reading) error { <-hang; return nil }}}
		_, failed := newReader(tree{}, list, nil).read(ctx)
		if !errors.Is(failed[0], context.DeadlineExceeded) {
			t.Errorf("got %v, want that of the context", failed[0])
		}
	})
}

// TestReaderCannotEnter is a namespace that may not be entered.
func TestReaderCannotEnter(t *testing.T) {
	t.Parallel()
	list := []collector{{limit: time.Second}, {limit: time.Second}}
	_, failed := newReader(tree{}, list, func(func(tree) error) error { return fs.ErrPermission }).read(t.Context())
	for i := range list {
		if !errors.Is(failed[i], fs.ErrPermission) {
			t.Errorf("collector %d: got %v, want %v", i, failed[i], fs.ErrPermission)
		}
	}
}

func FuzzParsePairs(f *testing.F) {
	f.Add([]byte("Ip: Forwarding InReceives\nIp: 2 3171\nTcp: MaxConn InSegs\nTcp: -1 4\n"))
	f.Add([]byte("Tcp:\nTcp:\n"))
	f.Add([]byte("\n\n:\n:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := newReading()
		_ = parsePairs(b, func(string) bool { return true }, out)
		checkNames(t, out)
	})
}

func FuzzParseSNMP6(f *testing.F) {
	f.Add([]byte("Ip6InReceives     \t4\nIcmp6InMsgs \t2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := newReading()
		_ = parseSNMP6(b, out)
		checkNames(t, out)
	})
}

func FuzzParsePerCPU(f *testing.F) {
	f.Add([]byte("entries drop\n0000000a 00000001\n0000000a 000000ff\n"))
	f.Add([]byte("entries entries\n01 02\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := newReading()
		if err := parsePerCPU(b, "x.", "entries", out); err != nil && len(out.counters)+len(out.gauges) > 0 {
			t.Error("a file that is wrong was taken in part")
		}
		checkNames(t, out)
	})
}

// checkNames makes sure that every name has a group and that nothing is counter
// and gauge at once.
func checkNames(t *testing.T, out *reading) {
	t.Helper()
	for name := range out.counters {
		if _, both := out.gauges[name]; both {
			t.Errorf("%q is counter and gauge", name)
		}
		if !strings.Contains(name, ".") {
			t.Errorf("%q has no group", name)
		}
	}
}
