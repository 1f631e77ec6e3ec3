package history

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// model is what a view should show.
type model map[string]map[string]string

func (m model) set(bucket, key, value string) {
	if m[bucket] == nil {
		m[bucket] = make(map[string]string)
	}
	m[bucket][key] = value
	if value == "" {
		delete(m[bucket], key)
	}
}

// same compares a view with what it should show, in every way it can be asked.
func same(t *rapid.T, what string, v view, m model, from string) {
	names, err := v.buckets()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, bucket := range append(names, "none") {
		keys := slices.Sorted(maps.Keys(m[bucket]))
		for _, down := range []bool{false, true} {
			for _, start := range []string{"", from} {
				var want, got []string
				for _, k := range keys {
					if start == "" || !down && k >= start || down && k <= start {
						want = append(want, k+"="+m[bucket][k])
					}
				}
				if down {
					slices.Reverse(want)
				}
				var first []byte
				if start != "" {
					first = []byte(start)
				}
				err := v.walk(bucket, first, down, func(k, v []byte) error {
					got = append(got, string(k)+"="+string(v))
					return nil
				})
				if err != nil || !slices.Equal(got, want) {
					t.Fatalf("%s: walk %s from %q, down %v: got %d keys, %v, want %d", what, bucket, start, down, len(got), err, len(want))
				}
			}
		}
		if got, err := v.get(bucket, []byte(from)); err != nil || string(got) != m[bucket][from] {
			t.Fatalf("%s: get %s: got %q, %v, want %q", what, from, got, err, m[bucket][from])
		}
	}
	for bucket, keys := range m {
		if len(keys) > 0 && !slices.Contains(names, bucket) {
			t.Fatalf("%s: no bucket %s in %v", what, bucket, names)
		}
	}
}

// TestPagesReadWhatBoltWrote compares our reading with what was written, before
// and after it was, over deep trees, long values and deletions.
func TestPagesReadWhatBoltWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		d := &disk{path: filepath.Join(dir, fmt.Sprint(n)), maxBytes: 64 << 20}
		if err := d.load(); err != nil {
			t.Fatal(err)
		}
		defer d.release()
		d.db.NoSync = true
		want := make(model)
		o := newOverlay(d.pages, d.tallies)
		key := rapid.StringMatching(`[a-e]{1,3}[0-9]{0,40}`)
		for range rapid.IntRange(1, 5).Draw(t, "transactions") {
			for range rapid.IntRange(0, 120).Draw(t, "changes") {
				bucket := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "bucket")
				k := key.Draw(t, "key")
				v := ""
				if rapid.IntRange(0, 3).Draw(t, "remove") > 0 {
					v = string(bytes.Repeat([]byte(k), rapid.SampledFrom([]int{1, 5, 300}).Draw(t, "length")))
				}
				want.set(bucket, k, v)
				var value []byte
				if v != "" {
					value = []byte(v)
				}
				if err := o.change(bucket, []byte(k), value); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "drop") == 0 {
				o.drop("two")
				delete(want, "two")
			}
			from := key.Draw(t, "from")
			same(t, "before it is written", o, with(want, d.pages), from)
			if err := d.write(o.diffs); err != nil {
				t.Fatal(err)
			}
			same(t, "after", d.pages, with(want, d.pages), from)
			tallies, err := d.pages.verify(d.fileBytes())
			if err != nil {
				t.Fatal(err)
			}
			for _, bucket := range []string{"one", "two"} {
				if tallies[bucket] != o.tallies[bucket] || tallies[bucket].n != len(want[bucket]) {
					t.Fatalf("%s: got %+v, counted %+v", bucket, tallies[bucket], o.tallies[bucket])
				}
			}
			o = newOverlay(d.pages, o.tallies)
		}
		if err := d.compact(); err != nil {
			t.Fatal(err)
		}
		same(t, "compacted", d.pages, with(want, d.pages), "a")
		boltAgrees(t, d.path)
	})
}

// with adds what every file has.
func with(m model, v view) model {
	out := maps.Clone(m)
	stored, err := v.get(bucketMeta, []byte(keySchema))
	if err != nil {
		panic(err)
	}
	out.set(bucketMeta, keySchema, string(stored))
	return out
}

// boltAgrees has bbolt check the file by its own means.
func boltAgrees(t *rapid.T, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".copy", b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path+".copy", 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt: %v", err)
		}
		return nil
	})
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
}
