package sockdiag

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

var update = flag.Bool("update", false, "record dumps and write golden files anew")

// recordedDump plays what a kernel once sent: netlink messages one after the
// other. It is the other dumper beside the netlink socket.
type recordedDump struct {
	data []byte
	rest []byte
	// piece bounds what one receive gives; 0 means as much as fits.
	piece int
}

// readDump opens a recorded dump, which may be compressed.
func readDump(t testing.TB, path string) *recordedDump {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return &recordedDump{data: data}
}

// request starts the recording from its beginning, whatever is asked for.
func (d *recordedDump) request(ctx context.Context, _ uint16, _ []byte) (uint32, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	d.rest = d.data
	m, _, err := splitMessage(d.data)
	if err != nil {
		return 0, nil
	}
	return m.seq, nil
}

var errNoMore = errors.New("the recording has ended")

// receive gives as many whole messages as fit; what is no message comes whole.
func (d *recordedDump) receive(_ context.Context, buf []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, errNoMore
	}
	limit := len(buf)
	if d.piece > 0 {
		limit = min(limit, d.piece)
	}
	var n int
	for n < len(d.rest) {
		_, rest, err := splitMessage(d.rest[n:])
		if err != nil {
			n = min(len(d.rest), len(buf))
			break
		}
		if end := len(d.rest) - len(rest); end <= limit || n == 0 {
			n = min(end, len(buf))
		} else {
			break
		}
	}
	copy(buf, d.rest[:n])
	d.rest = d.rest[n:]
	return n, nil
}

func (d *recordedDump) close() error { return nil }

// teeDumper keeps what a dumper receives.
type teeDumper struct {
	dumper
	kept bytes.Buffer
}

func (d *teeDumper) receive(ctx context.Context, buf []byte) (int, error) {
	n, err := d.dumper.receive(ctx, buf)
	if err == nil {
		d.kept.Write(buf[:n])
	}
	return n, err
}

// save writes what came into testdata, compressed if the name ends in .gz.
func (d *teeDumper) save(t testing.TB, path string) {
	t.Helper()
	data := d.kept.Bytes()
	if filepath.Ext(path) == ".gz" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		data = packed.Bytes()
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The recordings: a few sockets in every state, and some hundred connections.
const (
	zooDump  = "testdata/dump/linux-6.18-zoo.bin"
	busyDump = "testdata/dump/linux-6.18-busy.bin.gz"
)

// collect gathers a walk that must not fail.
func collect(t testing.TB, walk iter.Seq2[*facts.Socket, error]) []facts.Socket {
	t.Helper()
	var out []facts.Socket
	for s, err := range walk {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, *s)
	}
	return out
}
