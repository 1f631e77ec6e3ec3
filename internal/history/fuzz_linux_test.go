package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// FuzzValue decodes stored values: whatever is in them is read or is an error,
// and a row that is read is written the same way.
func FuzzValue(f *testing.F) {
	var p packer
	in, err := p.packJSON(head{ended: neverEnded}.encode(), found("a", began()))
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{
		row{point(1, 3), point(7, -2.5)}.encode(),
		row{point(1, 3).add(point(1, 4)), point(1<<60, 1e300)}.encode(),
		line{next: 5, dropped: 1 << 50}.encode(), clock{last: 1, age: -1}.encode(), in, frame(formPlain), nil,
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		if len(stored) >= frameBytes { // else no input would get past the checksum
			stored = frame(stored[0], stored[frameBytes:])
		}
		if r, err := decodeRow(stored); err == nil {
			again, err := decodeRow(r.encode())
			if d := cmp.Diff(r, again, cmp.AllowUnexported(cell{})); d != "" || err != nil {
				t.Errorf("%v (-first +again):\n%s", err, d)
			}
			for _, c := range r {
				if got, ok, err := findCell(stored, c.id); !ok || got != c || err != nil {
					t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, c)
				}
			}
		} else if !errors.Is(err, errValue) {
			t.Errorf("got %v", err)
		}
		if l, err := decodeLine(stored); err == nil {
			if again, err := decodeLine(l.encode()); again != l || err != nil {
				t.Errorf("got %+v, %v, want %+v", again, err, l)
			}
		}
		_, _ = decodeHead(stored)
		var in incident.Incident
		if err := unpackJSON(stored, incidentHead, &in); err != nil && !errors.Is(err, errValue) {
			t.Errorf("got %v", err)
		}
		o := newOverlay(nothing{}, nil)
		for _, key := range []string{keySeries, keyClock, keySchema} {
			o.set(bucketMeta, key, stored)
		}
		_, _ = loadNames(o)
		_, _, _ = readClock(o)
		_ = checkSchema(o, "file")
	})
}

// FuzzPages reads files of any content. It ends, without a panic.
func FuzzPages(f *testing.F) {
	whole := sample(f)
	f.Add(whole[:6*4096])
	f.Add(small(whole))
	f.Add([]byte("no database"))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = sealed(b)
		p, err := openPages(bytes.NewReader(b))
		if err != nil {
			return
		}
		names, _ := p.buckets()
		for _, name := range append(names, bucketIncident) {
			steps := 0
			for _, down := range []bool{false, true} {
				_ = p.walk(name, []byte("k"), down, func([]byte, []byte) error {
					if steps++; steps > 1000 {
						return errStop // a tree may lead to one page many times
					}
					return nil
				})
			}
			_, _ = p.get(name, []byte("k"))
		}
		if _, err := p.verify(int64(len(b))); err == nil && len(names) > 0 {
			for _, name := range names {
				if err := p.walk(name, nil, false, func([]byte, []byte) error { return nil }); err != nil {
					t.Errorf("nothing wrong was found, and then %v", err)
				}
			}
		}
	})
}

// sealed gives the roots of a file the checksums that fit.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	for size := pageBytesMin; size <= pageBytesMax; size *= 2 {
		for _, at := range []int{0, size} {
			if len(b) < at+pageHeader+metaBytes {
				continue
			}
			m := b[at+pageHeader:]
			if binary.NativeEndian.Uint32(m) == boltMagic && int(binary.NativeEndian.Uint32(m[8:])) == size {
				sum := fnv.New64a()
				_, _ = sum.Write(m[:metaBytes-8])
				binary.NativeEndian.PutUint64(m[56:], sum.Sum64())
			}
		}
	}
	return b
}

// small is an empty file with pages of 1 KiB, which fuzzing gets through faster.
func small(like []byte) []byte {
	b := make([]byte, 4*pageBytesMin)
	order := binary.NativeEndian
	for i := range 2 {
		page := b[i*pageBytesMin:]
		copy(page, like[:pageHeader])
		order.PutUint64(page, uint64(i))
		m := page[pageHeader:]
		order.PutUint32(m, boltMagic)
		order.PutUint32(m[4:], boltVersion)
		order.PutUint32(m[8:], pageBytesMin)
		order.PutUint64(m[16:], 3)
		order.PutUint64(m[32:], 2)
		order.PutUint64(m[40:], 4)
		order.PutUint64(m[48:], uint64(i))
	}
	order.PutUint64(b[2*pageBytesMin:], 2)
	order.PutUint16(b[2*pageBytesMin+8:], flagFreelist)
	order.PutUint64(b[3*pageBytesMin:], 3)
	order.PutUint16(b[3*pageBytesMin+8:], flagLeaf)
	return b
}
