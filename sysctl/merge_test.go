package sysctl

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawWant makes wants that meet often: few keys, few values, some of them
// senseless.
func drawWant(t *rapid.T) Want {
	type kind struct {
		key    Key
		fields []string
		values []string
	}
	k := rapid.SampledFrom([]kind{
		{"net.core.somaxconn", []string{""}, []string{"128", "0x100", "4096", "many"}},
		{"net.ipv4.tcp_rmem", []string{"", "min", "default", "2", "nosuch"}, []string{"4096", "8192", "4096 131072 6291456"}},
		{"net.ipv4.ip_local_port_range", []string{"low", "high", ""}, []string{"16384", "60999", "1024 65535"}},
		{"net.ipv4.ip_local_reserved_ports", []string{""}, []string{"", "80", "8000-8010", "80,443"}},
		{"net.ipv4.tcp_congestion_control", []string{"", "x"}, []string{"cubic", " bbr"}},
		{"net.ipv4.nosuch", []string{""}, []string{"1"}},
	}).Draw(t, "kind")
	return Want{
		Key:    k.key,
		Field:  rapid.SampledFrom(k.fields).Draw(t, "field"),
		Op:     Op(rapid.IntRange(0, 5).Draw(t, "op")),
		Value:  rapid.SampledFrom(k.values).Draw(t, "value"),
		Lower:  rapid.Bool().Draw(t, "lower"),
		Reason: rapid.SampledFrom([]string{"", "web", "proxy", "web\nproxy"}).Draw(t, "reason"),
	}
}

func mustEqual(t *rapid.T, what string, a, b []Want, ca, cb []Conflict) {
	t.Helper()
	if diff := cmp.Diff(a, b); diff != "" {
		t.Fatalf("%s: wants differ:\n%s", what, diff)
	}
	if diff := cmp.Diff(ca, cb); diff != "" {
		t.Fatalf("%s: conflicts differ:\n%s", what, diff)
	}
}

func TestMergeLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.Custom(drawWant), 0, 6)
		a, b, c := draw.Draw(t, "a"), draw.Draw(t, "b"), draw.Draw(t, "c")
		ab, abConflicts := Merge(slices.Concat(a, b)...)
		ba, baConflicts := Merge(slices.Concat(b, a)...)
		mustEqual(t, "commutative", ab, ba, abConflicts, baConflicts)

		bc, _ := Merge(slices.Concat(b, c)...)
		left, leftConflicts := Merge(slices.Concat(ab, c)...)
		right, rightConflicts := Merge(slices.Concat(a, bc)...)
		mustEqual(t, "associative", left, right, leftConflicts, rightConflicts)

		again, againConflicts := Merge(slices.Concat(ab, ab)...)
		mustEqual(t, "idempotent", ab, again, abConflicts, againConflicts)
	})
}

// A value meets the merged wants exactly when it meets all of the wants.
func TestMergeKeepsMeaning(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var wants []Want
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			wants = append(wants, Want{
				Key: "net.core.somaxconn", Op: Op(rapid.IntRange(1, 3).Draw(t, "op")), Value: strconv.Itoa(rapid.IntRange(1, 6).Draw(t, "v")),
			})
		}
		merged, conflicts := Merge(wants...)
		possible := false
		for v := int64(0); v <= 8; v++ {
			all := meetsAll(wants, v)
			possible = possible || all
			if got := meetsAll(merged, v); got != all {
				t.Fatalf("%d: merged wants say %v, the wants say %v", v, got, all)
			}
		}
		if possible == (len(conflicts) > 0) {
			t.Fatalf("conflicts %v, but possible %v", conflicts, possible)
		}
	})
}

func meetsAll(wants []Want, v int64) bool {
	for _, w := range wants {
		n, _ := strconv.ParseInt(w.Value, 0, 64)
		if w.Op != AtMost && v < n || w.Op != AtLeast && v > n {
			return false
		}
	}
	return true
}

func TestMergeReportsConflicts(t *testing.T) {
	t.Parallel()
	_, conflicts := Merge(
		Want{Key: "net.core.somaxconn", Op: AtLeast, Value: "4096", Reason: "web-server"},
		Want{Key: "net.core.somaxconn", Op: AtMost, Value: "128", Reason: "memory-constrained"},
		Want{Key: "net.ipv4.tcp_congestion_control", Op: Exactly, Value: "bbr"},
		Want{Key: "net.ipv4.tcp_congestion_control", Op: Exactly, Value: "cubic"},
		Want{Key: "net.ipv4.ip_local_reserved_ports", Op: Includes, Value: "30000-32767"},
		Want{Key: "net.ipv4.ip_local_reserved_ports", Op: Exactly, Value: "80"},
	)
	var got []string
	for _, c := range conflicts {
		got = append(got, c.String())
	}
	want := []string{
		"net.core.somaxconn: at-least 4096 (web-server) against at-most 128 (memory-constrained)",
		"net.ipv4.ip_local_reserved_ports: exactly 80 against includes 30000-32767",
		"net.ipv4.tcp_congestion_control: exactly bbr against exactly cubic",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzWantSplit(f *testing.F) {
	f.Add("net.ipv4.tcp_rmem", "max", "4096", uint8(1))
	f.Add("net.ipv4.ip_local_reserved_ports", "", "1-5,9", uint8(4))
	f.Fuzz(func(t *testing.T, key, field, value string, op uint8) {
		parts, err := Want{Key: Key(key), Field: field, Op: Op(op), Value: value}.split()
		if err != nil {
			return
		}
		for _, p := range parts {
			again, err := p.split()
			if err != nil || len(again) != 1 || again[0] != p {
				t.Errorf("%v: split again: %v, %v", p, again, err)
			}
		}
		if strings.Contains(parts[0].Value, "\n") {
			t.Errorf("value %q has lines", parts[0].Value)
		}
	})
}
