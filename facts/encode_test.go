package facts

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// compareFacts lets go-cmp look into the types whose fields are their own.
var compareFacts = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.AllowUnexported(Opt[uint8]{}, Opt[uint32]{}, Opt[uint64]{}, Opt[float64]{}),
}

func encoded(t interface{ Fatal(...any) }, w Window) []byte {
	var b bytes.Buffer
	if err := Encode(&b, w); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodeDecodeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawWindow(t)
		b := encoded(t, want)
		got, err := Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, compareFacts); d != "" {
			t.Fatalf("decoded window differs (-want +got):\n%s", d)
		}
		if !bytes.Equal(b, encoded(t, got)) {
			t.Fatal("encoding the decoded window gives other bytes")
		}
	})
}

func sampleWindow() Window {
	return Window{
		Host:    Host{Hostname: "web-1", Kernel: "6.18.44", BootID: "b"},
		Started: time.Date(2026, 3, 4, 14, 2, 11, 0, time.UTC), Seconds: 5,
		Namespaces: []NamespaceWindow{{
			Namespace: Namespace{Cookie: 1, Inode: 4026531833, Self: true},
			End: Snapshot{AtSeconds: 5, Counters: Counters{"TcpExt.ListenOverflows": 7}, Census: Census{
				Sockets: 1, Complete: true, IPv4: StateCounts{Listen: 1},
				Listeners: []Listener{{Cookie: 9, Local: netip.MustParseAddrPort("0.0.0.0:443"), Family: IPv4, Limit: 128, Drops: Some(uint32(3))}},
			}},
		}},
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good := encoded(t, sampleWindow())
	flipped := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x10
		return b
	}
	tests := []struct {
		name  string
		input []byte
		want  error
		says  string
	}{
		{"nothing", nil, ErrNotRecording, ""},
		{"one byte", good[:1], ErrNotRecording, ""},
		{"text", []byte("net.core.somaxconn = 128\n"), ErrNotRecording, ""},
		{"plain JSON", []byte(`{"schema":"tcpdoctor.recording/v1","window":{}}`), ErrNotRecording, ""},
		{"cut in the header", good[:7], ErrTruncated, ""},
		{"cut in the middle", good[:len(good)/2], ErrTruncated, ""},
		{"cut in the checksum", good[:len(good)-3], ErrTruncated, ""},
		{"bit flipped in the checksum", flipped(len(good) - 6), ErrCorrupt, "checksum"},
		{"bit flipped in the body", flipped(len(good) / 2), ErrCorrupt, ""},
		{"trailing garbage", append(bytes.Clone(good), "\n"...), ErrCorrupt, "follows its end"},
		{"two recordings", append(bytes.Clone(good), good...), ErrCorrupt, "follows its end"},
		{"gzip of something else", zipped(t, "hello"), ErrNotRecording, ""},
		{"gzip of nothing", zipped(t, ""), ErrNotRecording, ""},
		{"a report", zipped(t, `{"schema":"tcpdoctor.report/v1","findings":[]}`), ErrNotRecording, "tcpdoctor.report/v1"},
		{"no schema", zipped(t, `{"window":{}}`), ErrNotRecording, ""},
		{"schema without a number", zipped(t, `{"schema":"tcpdoctor.recording/vx","window":{}}`), ErrNotRecording, ""},
		{"no window", zipped(t, `{"schema":"tcpdoctor.recording/v1"}`), ErrCorrupt, "no window"},
		{"window of another form", zipped(t, `{"schema":"tcpdoctor.recording/v1","window":[]}`), ErrCorrupt, ""},
		{"unknown state", zipped(t, `{"schema":"tcpdoctor.recording/v1","window":{"namespaces":[{"end":{"census":{"ipv4":{"nap":1}}}}]}}`), ErrCorrupt, "nap"},
		{"more behind the window", zipped(t, `{"schema":"tcpdoctor.recording/v1","window":{}} 1`), ErrCorrupt, ""},
		{"more in the object", zipped(t, `{"schema":"tcpdoctor.recording/v1","window":{},"x":1}`), ErrCorrupt, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode(bytes.NewReader(tt.input))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got error %v, want %v saying %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestDecodeNewerSchema(t *testing.T) {
	t.Parallel()
	_, err := Decode(bytes.NewReader(zipped(t, `{"schema":"tcpdoctor.recording/v7","window":{"namespaces":"other"}}`)))
	newer, ok := errors.AsType[*NewerSchemaError](err)
	if !ok || newer.Schema != "tcpdoctor.recording/v7" || newer.Newest != 1 {
		t.Errorf("got error %v, want a NewerSchemaError for v7", err)
	}
}

func TestDecodeIsBounded(t *testing.T) {
	t.Parallel()
	bomb := zipped(t, `{"schema":"tcpdoctor.recording/v1","window":{"host":{"hostname":"`+strings.Repeat("a", 1<<20)+`"}}}`)
	for _, input := range [][]byte{bomb, zipped(t, strings.Repeat(" ", 1<<20))} {
		if _, err := decode(bytes.NewReader(input), 1<<16); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got error %v, want %v", err, ErrTooLarge)
		}
	}
	if _, err := decode(bytes.NewReader(bomb), 2<<20); err != nil {
		t.Errorf("got error %v within the limit, want none", err)
	}
}

func TestDecodeReportsReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	good := encoded(t, sampleWindow())
	for _, n := range []int{0, 1, 30, len(good)} {
		r := io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken))
		if _, err := Decode(r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: got error %v, want %v", n, err, broken)
		}
	}
}

func TestEncodeReportsWriteErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("no space")
	r, w := io.Pipe()
	if err := r.CloseWithError(broken); err != nil {
		t.Fatal(err)
	}
	if err := Encode(w, sampleWindow()); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}

func FuzzDecode(f *testing.F) {
	good := encoded(f, sampleWindow())
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(zipped(f, `{"schema":"tcpdoctor.recording/v1","window":{"namespaces":[{"end":{"census":{"classes":{"unread":{"ages":[1,2]}}}}}]}}`))
	f.Add(zipped(f, `{"schema":"tcpdoctor.recording/v2"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := decode(bytes.NewReader(b), 1<<20)
		if err != nil {
			return
		}
		// Whatever is accepted can be kept again, and then reads the same.
		again, err := Decode(bytes.NewReader(encoded(t, w)))
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if !bytes.Equal(encoded(t, w), encoded(t, again)) {
			t.Error("a second round trip changes the recording")
		}
	})
}

// FuzzDecodeJSON reaches the JSON, which mutated gzip streams hardly ever do.
func FuzzDecodeJSON(f *testing.F) {
	f.Add(`{"host":{"hostname":"a"},"started":"2026-03-04T14:02:11Z","namespaces":[{"namespace":{"inode":1},"end":{}}]}`)
	f.Add(`{"namespaces":[{"end":{"census":{"ipv4":{"listen":1},"listeners":[{"local":"0.0.0.0:1","drops":null}]}}}]}`)
	f.Fuzz(func(t *testing.T, window string) {
		b := zipped(t, `{"schema":"tcpdoctor.recording/v1","window":`+window+`}`)
		w, err := Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := Decode(bytes.NewReader(encoded(t, w)))
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if !bytes.Equal(encoded(t, w), encoded(t, again)) {
			t.Error("a second round trip changes the recording")
		}
	})
}

// TestDecodeFirstSchema reads a recording of the first schema as it was
// written when that was the newest: recordings are readable for ever.
func TestDecodeFirstSchema(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/recording-v1.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	n := w.Namespaces[0]
	l := n.End.Census.Listeners[0]
	if w.Host.Hostname != "web-1" || w.Seconds != 5 || l.Local.String() != "0.0.0.0:443" || l.Limit != 128 ||
		n.Watches[0].Full != 40 || n.Watches[0].LastDrops != Some(uint32(194)) ||
		n.End.Counters["TcpExt.ListenOverflows"] != 193 || n.Settings["net.core.somaxconn"] != "128" ||
		n.End.Census.IPv4[TimeWait] != 8114 || w.Processes[0].Comm != "nginx" || w.Processes[0].FDLimit != Some(uint64(4096)) {
		t.Errorf("got %+v", w)
	}
}
