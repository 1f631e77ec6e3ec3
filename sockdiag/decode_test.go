package sockdiag

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// TestRecordedZoo decodes one dump of sockets in every state to the last field.
func TestRecordedZoo(t *testing.T) {
	t.Parallel()
	const golden = "testdata/dump/linux-6.18-zoo.golden"
	var got bytes.Buffer
	out := json.NewEncoder(&got)
	for _, s := range collect(t, newConn(readDump(t, zooDump)).Sockets(t.Context(), Request{})) {
		if err := out.Encode(s); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("decoded otherwise than %s (-want +got):\n%s", golden, diff)
	}
}

// TestPiecesDoNotMatter decodes the same dump received in pieces of every size.
func TestPiecesDoNotMatter(t *testing.T) {
	t.Parallel()
	d := readDump(t, zooDump)
	want := collect(t, newConn(d).Sockets(t.Context(), Request{}))
	if len(want) < 40 {
		t.Fatalf("the recording has only %d sockets", len(want))
	}
	for _, piece := range []int{1, 500, 1000, 4096, 20000} {
		got := collect(t, newConn(&recordedDump{data: d.data, piece: piece}).Sockets(t.Context(), Request{}))
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b facts.Socket) bool { return a == b })); diff != "" {
			t.Errorf("pieces of %d bytes (-whole +pieces):\n%s", piece, diff)
		}
	}
}

// TestDecodeDoesNotAllocate reduces a recorded dump of more than a thousand
// sockets. What the tables of the census need is allocated as they fill, not
// per socket.
func TestDecodeDoesNotAllocate(t *testing.T) {
	const perSocketMost = 0.15
	c := newConn(readDump(t, busyDump))
	var sockets uint64
	walk := testing.AllocsPerRun(10, func() {
		sockets = 0
		for _, err := range c.Sockets(t.Context(), Request{}) {
			if err != nil {
				t.Fatal(err)
			}
			sockets++
		}
	})
	if sockets < 1000 {
		t.Fatalf("the recording has only %d sockets", sockets)
	}
	if walk > 10 {
		t.Errorf("a walk over %d sockets allocates %v times, want a constant few", sockets, walk)
	}
	var o facts.ReduceOptions
	o.Listening.Add(1001)
	o.Listening.Add(2001)
	reduced := testing.AllocsPerRun(10, func() {
		if _, err := facts.Reduce(c.Sockets(t.Context(), Request{}), o); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d sockets: %v allocations for the walk, %v with the census", sockets, walk, reduced)
	if per := reduced / float64(sockets); per > perSocketMost {
		t.Errorf("a census of %d sockets allocates %v times, %.3f per socket", sockets, reduced, per)
	}
}

func BenchmarkWalk(b *testing.B) {
	c := newConn(readDump(b, busyDump))
	b.ReportAllocs()
	var sockets int
	for b.Loop() {
		sockets = 0
		for _, err := range c.Sockets(b.Context(), Request{}) {
			if err != nil {
				b.Fatal(err)
			}
			sockets++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(sockets), "ns/socket")
}

func BenchmarkCensus(b *testing.B) {
	c := newConn(readDump(b, busyDump))
	var o facts.ReduceOptions
	o.Listening.Add(1001)
	o.Listening.Add(2001)
	b.ReportAllocs()
	var sockets uint64
	for b.Loop() {
		census, err := facts.Reduce(c.Sockets(b.Context(), Request{}), o)
		if err != nil {
			b.Fatal(err)
		}
		sockets = census.Sockets
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(sockets), "ns/socket")
}
