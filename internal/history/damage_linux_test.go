package history

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/incident"
)

// sample writes a history of a few hundred ticks and returns its bytes.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), DefaultFile)
	s := open(t, path, Options{})
	if err := s.Declare([]string{"r", "s"}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 300; n++ {
		commit(t, s, load(n))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// use does everything that can be done with a store.
func use(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Declare([]string{"r"}); err != nil {
		t.Fatal(err)
	}
	for n := 1000; n < 1020; n++ {
		commit(t, s, load(n))
	}
	if e, ok, err := s.Next("r"); err != nil || !ok {
		t.Fatalf("next: %v, %v", ok, err)
	} else if err := s.Done("r", e.Seq); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Incidents(Query{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Series("n", began(), load(1020).At, 0); err != nil {
		t.Fatal(err)
	}
	if state, err := s.State(); err != nil || string(state) != "1019" {
		t.Fatalf("state %q, %v", state, err)
	}
}

// TestDamagedFiles: whatever became of a file, it can be opened, or is moved
// aside for a new one; and the store works.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	random := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	change := func(do func(b []byte) []byte) []byte { return do(append([]byte(nil), whole...)) }
	cases := map[string][]byte{
		"text": []byte("this is no database\n"), "noise": noise, "one byte": {0}, "nothing": nil, "zeros": make([]byte, 1<<20),
		"half": whole[:len(whole)/2], "two pages": whole[:8192], "a page and a bit": whole[:5000],
		"both roots gone":        change(func(b []byte) []byte { clear(b[:8192]); return b }),
		"all but the roots gone": change(func(b []byte) []byte { clear(b[8192:]); return b }),
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), DefaultFile)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenReadOnly(path); !errors.Is(err, ErrDamaged) && name != "half" && name != "two pages" {
				t.Errorf("got %v when reading", err)
			}
			s := open(t, path, Options{Hold: -1})
			err := s.MovedAside()
			moved, ok := errors.AsType[*MovedAsideError](err)
			if !ok || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path+".damaged") {
				t.Fatalf("got %v, want it moved aside", err)
			}
			if b, err := os.ReadFile(moved.Aside); err != nil || string(b) != string(content) {
				t.Errorf("what is aside is not what was there: %v", err)
			}
			use(t, s)
		})
	}
}

// TestFlippedBits flips and overwrites parts of a file at random.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	random := rand.New(rand.NewPCG(6, 7))
	var aside, unreadable int
	const files = 100
	dir := t.TempDir()
	for range files {
		b := append([]byte(nil), whole...)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(b))
			switch random.IntN(4) {
			case 0:
				b[at] ^= 1 << random.IntN(8)
			case 1:
				clear(b[at:min(len(b), at+random.IntN(600))])
			case 2: // a page where another belongs
				from := random.IntN(len(b)/4096) * 4096
				copy(b[at/4096*4096:], b[from:from+4096])
			case 3: // a number within the head of a page
				b[at/4096*4096+random.IntN(64)] = byte(random.Uint32())
			}
		}
		path := filepath.Join(dir, DefaultFile)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := OpenReadOnly(path); err == nil {
			_, _, _ = r.Incidents(Query{}) // it may say anything, but end
			_, _ = r.Series("n", began(), load(300).At, 0)
		}
		s, err := Open(path, Options{Hold: -1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Incidents(Query{}); err != nil {
			t.Fatal(err)
		}
		if s.MovedAside() != nil {
			aside++
		}
		use(t, s)
		if s.Stats().Unreadable > 0 {
			unreadable++
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("of %d files %d were moved aside, and %d had values that could not be read", files, aside, unreadable)
}

// TestDamagedWhileOpen: the file is cut short or overwritten under an open store,
// which goes on with a new one and with what it had in memory.
func TestDamagedWhileOpen(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"cut short":    func(path string) error { return os.Truncate(path, 8192) },
		"emptied":      func(path string) error { return os.Truncate(path, 0) },
		"overwritten":  func(path string) error { return os.WriteFile(path, make([]byte, 200_000), 0o600) },
		"root only":    func(path string) error { return overwrite(path, 0, 8192) },
		"all but root": func(path string) error { return overwrite(path, 8192, 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), DefaultFile)
			s := open(t, path, Options{Hold: -1})
			if err := s.Declare([]string{"r"}); err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= 300; n++ {
				commit(t, s, load(n))
			}
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			// It may take a tick until it is noticed; none may be lost from then on.
			failed := 0
			for n := 301; n <= 330; n++ {
				if err := s.Commit(load(n)); err != nil {
					t.Log(err)
					failed++
				}
			}
			if failed > 2 {
				t.Errorf("got %d ticks that failed", failed)
			}
			if err := s.Declare([]string{"r"}); err != nil {
				t.Fatal(err)
			}
			use(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path, Options{})
			all, err := s.Incidents(Query{Match: func(in *incident.Incident) bool { return in.UID >= uidOf(1000) }})
			if err != nil || len(all) != 6 {
				t.Errorf("got %d incidents, %v, want those of after", len(all), err)
			}
		})
	}
}

// overwrite sets a part of a file to 0xff.
func overwrite(path string, from, n int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := from; i < min(from+n, len(b)); i++ {
		b[i] = 0xff
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// TestDamagedNames: where the names of the series are lost, new ones get none of
// the figures of old ones.
func TestDamagedNames(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), DefaultFile)
	s := open(t, path, Options{})
	for n := 1; n <= 20; n++ {
		commit(t, s, load(n))
	}
	s.names.saved = s.names.Tick // they are not saved again
	s.pending.set(bucketMeta, keySeries, []byte("nonsense"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.SeriesNames(); !errors.Is(err, errValue) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want a damaged value", err)
	}
	if in, ok, err := r.Incident(uidOf(3)); !ok || err != nil || in.UID != uidOf(3) {
		t.Errorf("got %v, %v, %v", in.UID, ok, err)
	}
	s = open(t, path, Options{})
	commit(t, s, Tick{At: load(21).At, Points: []Point{{"other", 1}}})
	got, err := s.Series("other", began(), load(30).At, 0)
	if err != nil || len(got) != 1 {
		t.Errorf("got %d figures, %v, want 1", len(got), err)
	}
	if n := s.Stats().Unreadable; n != 1 {
		t.Errorf("got %d values that could not be read, want 1", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := r.SeriesNames(); err != nil || strings.Join(names, " ") != "other" {
		t.Errorf("got %q, %v", names, err)
	}
}
