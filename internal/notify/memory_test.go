package notify

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMemoryQueueDropsRepetitionsFirst(t *testing.T) {
	q := NewMemoryQueue(3)
	q.Declare([]string{"a", "b"})
	q.Put(sample(1), repeated(sample(1), 1), sample(2))
	e, ok, err := q.Next("b")
	if err != nil || !ok {
		t.Fatalf("got %v, %v", ok, err)
	}
	if err := q.Done("b", e.Seq); err != nil {
		t.Fatal(err)
	}
	q.Put(over(sample(1)), over(sample(2)))
	if diff := cmp.Diff([]string{"a2-firing-0", "a1-resolved-0", "a2-resolved-0"}, drained(t, q, "a")); diff != "" {
		t.Errorf("a (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a2-firing-0", "a1-resolved-0", "a2-resolved-0"}, drained(t, q, "b")); diff != "" {
		t.Errorf("b (-want +got):\n%s", diff)
	}
	if _, dropped := q.Backlog("a"); dropped != 2 {
		t.Errorf("a: %d dropped, want 2", dropped)
	}
	if _, dropped := q.Backlog("b"); dropped != 1 {
		t.Errorf("b: %d dropped, want 1", dropped)
	}
}

// drained empties the queue of a receiver.
func drained(t *testing.T, q Queue, receiver string) []string {
	t.Helper()
	var got []string
	for {
		e, ok, err := q.Next(receiver)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return got
		}
		got = append(got, key(e.Alert))
		if err := q.Done(receiver, e.Seq); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMemoryQueueForgetsReceivers(t *testing.T) {
	q := NewMemoryQueue(0)
	q.Declare([]string{"a", "b"})
	q.Put(sample(1))
	q.Declare([]string{"b", "c"})
	q.Put(sample(2))
	for receiver, want := range map[string][]string{"a": nil, "b": {"a1-firing-0", "a2-firing-0"}, "c": {"a2-firing-0"}} {
		if diff := cmp.Diff(want, drained(t, q, receiver)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", receiver, diff)
		}
	}
	if err := q.Done("a", 1); err != nil {
		t.Errorf("done for nobody: %v", err)
	}
}

// TestMemoryQueueProperties: whatever is put and taken, the queue is in order,
// within its bound, and what is missing was counted.
func TestMemoryQueueProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.IntRange(1, 8).Draw(t, "bound")
		q := NewMemoryQueue(bound)
		q.Declare([]string{"r"})
		var put, taken int
		var last uint64
		for _, op := range rapid.SliceOf(rapid.IntRange(0, 3)).Draw(t, "ops") {
			switch op {
			case 0, 1:
				q.Put(repeated(sample(put), op))
				put++
			case 2:
				e, ok, _ := q.Next("r")
				if !ok {
					continue
				}
				if e.Seq <= last {
					t.Fatalf("number %d after %d", e.Seq, last)
				}
				last = e.Seq
				taken++
				_ = q.Done("r", e.Seq)
			case 3: // out of order, as when the head was displaced meanwhile
				_ = q.Done("r", last)
			}
			waiting, dropped := q.Backlog("r")
			if waiting > bound {
				t.Fatalf("%d wait, at most %d may", waiting, bound)
			}
			if put != taken+waiting+int(dropped) {
				t.Fatalf("%d put, but %d taken, %d waiting, %d dropped", put, taken, waiting, dropped)
			}
		}
		if !slices.IsSortedFunc(q.lines["r"].entries, func(a, b Entry) int { return int(a.Seq) - int(b.Seq) }) {
			t.Fatal("out of order")
		}
	})
}
