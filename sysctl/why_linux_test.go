package sysctl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What is explained is what the real readers do: the value that each leaves, the
// file and line that it comes from, and whether the two of them agree.
func TestExplainAgainstTheRealReaders(t *testing.T) {
	t.Parallel()
	const sets = 40
	dir, logs := makeConfSets(t, sets, 4242)
	h, tree := freshNetns(t), openProc(t)
	var env Env
	var fresh map[Key]string
	inNetns(t, h, func() (err error) {
		fresh = tree.ReadAll(readerKeys).Value
		env, err = HostEnv(tree)
		return err
	})
	ran := runReaders(t, dir)
	if len(ran) != 2*sets {
		t.Fatalf("got %d runs, want %d", len(ran), 2*sets)
	}
	said := map[string]int{}
	for i := 0; i < len(ran); i += 2 {
		conf, err := LoadConf(filepath.Join(dir, ran[i].set))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range readerKeys {
			for j, r := range ran[i : i+2] {
				// The host on which just this reader has run.
				w := Explain(k, WhyInput{Conf: conf, KeepsFiles: true, Initial: true, Running: r.values[k], Env: env})
				other := ran[i+1-j].values[k]
				if text := disagreement(w, r, other, fresh[k], filepath.Join(dir, r.set), said); text != "" {
					t.Errorf("%s, %s, %s: %s\n%+v\n%s", r.set, r.reader, k, text, w.Drift, logs[r.set])
				}
			}
		}
	}
	t.Logf("%d sets of files, two readers, %d parameters; said: %v", sets, len(readerKeys), said)
	for _, what := range []string{"file", "line read", "unset", "disagree"} {
		if said[what] < sets/4 {
			t.Errorf("%s: got it %d times, want the sets to show more of it", what, said[what])
		}
	}
}

// disagreement says in what an explanation and the real readers differ: r is what
// the reader left that the running value comes from, other what the other one left.
func disagreement(w Why, r ranReader, other, fresh, root string, said map[string]int) string {
	e := w.Boot
	if r.reader == ReaderProcps {
		e = w.ByHand
	}
	running := r.values[w.Key]
	if !e.Set {
		said["unset"]++
		if running != fresh {
			return fmt.Sprintf("no line is said to set it, and it became %s", running)
		}
	} else {
		said["file"]++
		if !w.reached(e) {
			return fmt.Sprintf("it became %s, explained as %s", running, e.Value)
		}
		// The line named has this value in it.
		if line := lineOf(r.reader, root, e.File, e.Line); line != "" {
			said["line read"]++
			a, ok, _ := r.reader.parseLine(line)
			taken, took := w.Spec.taken(a.Value, running)
			if !ok || taken != running || !took && w.Spec.Type != TypeVector {
				return fmt.Sprintf("it became %s, and %s line %d says %q", running, e.File, e.Line, line)
			}
		}
	}
	has := func(class DriftClass) bool {
		return slices.ContainsFunc(w.Drift, func(d Drift) bool { return d.Class == class })
	}
	if w.HasDefault || w.Boot.Set && w.ByHand.Set {
		if running != other {
			said["disagree"]++
		}
		if has(DriftReader) != (running != other) {
			return fmt.Sprintf("the readers leave %s and %s, explained as reader-dependent: %v", running, other, has(DriftReader))
		}
	}
	if r.reader == ReaderSystemd && has(DriftPersisted) {
		return "explained as different from what the boot sets, right after it"
	}
	if r.reader == ReaderProcps && w.Boot.Set && has(DriftPersisted) != (running != other) {
		return fmt.Sprintf("boot leaves %s, %s is running, explained as different: %v", other, running, has(DriftPersisted))
	}
	if e.Set && r.reader == ReaderSystemd && (w.Origin != Origin{Kind: OriginFile, Name: e.File, Line: e.Line}) {
		return fmt.Sprintf("explained as set by %+v, not by %s line %d", w.Origin, e.File, e.Line)
	}
	return ""
}

// lineOf returns one line of a file below a root; empty for one that is reached by
// a link that leaves the set.
func lineOf(r Reader, root, file string, number int) string {
	real, err := resolve(root, file)
	if err != nil {
		return ""
	}
	b, err := os.ReadFile(real)
	if err != nil {
		return ""
	}
	lines := r.lines(string(b))
	if number > len(lines) {
		return ""
	}
	return lines[number-1]
}
