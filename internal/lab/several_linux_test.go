package lab_test

import (
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
)

// TestSeveralFaults makes several faults in the same two namespaces and wants
// one finding each.
func TestSeveralFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []string
		size   map[string]int
	}{
		{"overflow and leak", []string{"accept-queue-overflow-application-backlog", "close-wait-leak-descriptor-leak"}, nil},
		{"flood and overflow", []string{"syn-flood-cookies-on", "accept-queue-overflow-application-not-accepting"}, nil},
		{"15,000 CLOSE_WAIT beside a stalled listener",
			[]string{"accept-queue-overflow-application-not-accepting", "close-wait-leak-descriptor-leak"},
			map[string]int{"close-wait-leak-descriptor-leak": 15000}},
		{"overflow, leak and ports", []string{"accept-queue-overflow-fd-limit", "close-wait-leak-stuck-reader", "ephemeral-port-exhaustion-narrow-range"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bench, err := lab.NewBench()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := bench.Close(); err != nil {
					t.Errorf("clean up: %v", err)
				}
			})
			var running []*lab.Running
			for _, name := range c.faults {
				running = append(running, start(t, find(t, name), lab.Options{Bench: bench, Size: c.size[name]}))
			}
			res := diagnose(t, bench.Server, bench.Client)
			check(t, res, running...)
		})
	}
}

// TestCrowd hides a fault in one of twenty namespaces with fifty listeners each.
func TestCrowd(t *testing.T) {
	for _, c := range []struct {
		fault  string
		family lab.Family
	}{
		{"accept-queue-overflow-somaxconn", lab.IPv4},
		{"syn-flood-cookies-off", lab.IPv6},
		{"close-wait-leak-stuck-reader", lab.IPv6},
	} {
		t.Run(c.fault, func(t *testing.T) {
			crowd, err := lab.StartCrowd(t.Context(), find(t, c.fault), lab.CrowdOptions{Options: lab.Options{Family: c.family}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := crowd.Close(); err != nil {
					t.Errorf("clean up: %v", err)
				}
			})
			check(t, diagnose(t, crowd.Namespaces...), crowd.Running)
		})
	}
}

func find(t *testing.T, name string) lab.Fault {
	t.Helper()
	f, ok := lab.Find(name)
	if !ok {
		t.Fatalf("the lab has no fault %q", name)
	}
	return f
}
