package model

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestDialectEdges holds the first kernel with each behaviour against the last
// one without.
func TestDialectEdges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		has          func(Dialect) bool
		without, and []string
	}{
		{"Q > B", func(d Dialect) bool { return d.SynQueueExtra == 1 },
			[]string{"5.10.264", "6.1.191", "6.6.79", "6.12.116", "6.11.99", "6.8.1", "5.14.0-611.el9_7"}, []string{"5.10.265", "6.1.192", "6.6.80", "6.12.117", "6.13.0"}},
		{"linear", func(d Dialect) bool { return d.LinearSYN }, []string{"6.4.16", "5.14.0-611.el9_7"}, []string{"6.5.0", "6.12.0-55.el10_0"}},
		{"resend", func(d Dialect) bool { return d.ImmediateSYNResend }, []string{"5.9.16", "4.18.0-553.el8_10"}, []string{"5.10.0", "5.14.0-70.el9_0"}},
		{"FIN_WAIT2", func(d Dialect) bool { return d.FinWait2NotReused }, []string{"6.0.19", "5.10.264", "5.15.200"}, []string{"6.1.0", "5.10.265"}},
		{"delay", func(d Dialect) bool { return d.TWReuseDelay }, []string{"6.13.12"}, []string{"6.14.0"}},
		{"reuse 2", func(d Dialect) bool { return d.TWReuseDefaultLoopback }, []string{"4.18.20", "4.18.0-193.el8_2"}, []string{"4.19.0", "4.18.0-240.el8_3"}},
		{"challenge", func(d Dialect) bool { return d.HalfOpenRSTChallenge }, []string{"6.14.11", "6.1.191", "6.12.116"}, []string{"6.15.0", "6.1.192", "6.12.117"}},
		{"migrate", func(d Dialect) bool { return d.MigrateReq }, []string{"5.13.19"}, []string{"5.14.0"}},
		{"somaxconn", func(d Dialect) bool { return d.WideSomaxconn }, []string{"5.3.18"}, []string{"5.4.0"}},
		{"divisor", func(d Dialect) bool { return d.SynBacklogDivisor == 128 }, []string{"5.3.18"}, []string{"5.4.0"}},
		{"orphans", func(d Dialect) bool { return d.OrphanCountCached },
			[]string{"5.10.264", "5.15.134", "5.14.0-162.el9_1", "5.13.9"}, []string{"5.10.265", "5.15.135", "5.16.0", "5.14.0-284.el9_2"}},
		{"unlimited", func(d Dialect) bool { return d.ChallengeACKUnlimited }, []string{"6.0.19"}, []string{"6.1.0"}},
		{"address", func(d Dialect) bool { return d.FloodLogNamesAddress },
			[]string{"6.1.200", "4.18.0-425.el8_7", "5.14.0-162.el9_1"}, []string{"6.2.0", "4.18.0-477.el8_8", "5.14.0-284.el9_2"}},
		{"rto", func(d Dialect) bool { return d.RTOMax }, []string{"6.14.11"}, []string{"6.15.0"}},
		{"ports", func(d Dialect) bool { return d.PortStateRecomputed }, []string{"6.17.13"}, []string{"6.18.0"}},
		{"PAWSOldAck", func(d Dialect) bool { return d.CounterPAWSOldAck }, []string{"6.13.12"}, []string{"6.14.0"}},
		{"BeyondWindow", func(d Dialect) bool { return d.CounterBeyondWindow }, []string{"6.17.13"}, []string{"6.18.0"}},
		{"TCPZeroWindowDrop", func(d Dialect) bool { return d.CounterZeroWindowDrop }, []string{"4.18.20", "4.18.0-372.el8_6"}, []string{"4.19.0", "4.18.0-425.el8_7"}},
		{"certain", func(d Dialect) bool { return d.SynQueueExtraCertain },
			[]string{"4.19.80", "5.4.274", "5.15.136", "6.6.58", "6.8.2", "4.18.0-611.el8_11", "5.14.0-611.el9_7", "6.12.0-124.el10_1", "6.3.0"},
			[]string{"4.19.79", "5.4.273", "5.15.135", "6.6.57", "6.8.1", "4.18.0-553.el8_10", "5.14.0-570.el9_6", "6.12.0-55.el10_0", "6.13.0"}},
	} {
		for _, release := range tt.without {
			if tt.has(NewDialect(Probe{Release: release})) {
				t.Errorf("%s: %s has it", tt.name, release)
			}
		}
		for _, release := range tt.and {
			if !tt.has(NewDialect(Probe{Release: release})) {
				t.Errorf("%s: %s lacks it", tt.name, release)
			}
		}
	}
}

func TestUnreadableReleaseIsTheNewest(t *testing.T) {
	t.Parallel()
	ignore := cmpopts.IgnoreFields(Dialect{}, "Release", "SynQueueExtraCertain")
	if diff := cmp.Diff(NewDialect(Probe{Release: "6.18.0"}), NewDialect(Probe{Release: "weird"}), ignore); diff != "" {
		t.Errorf("(-newest +got):\n%s", diff)
	}
	if !NewDialect(Probe{Release: "6.18"}).PortStateRecomputed {
		t.Error("two numbers are a release")
	}
}

func TestEachCounterIsProbed(t *testing.T) {
	t.Parallel()
	counters := []Counter{CPAWSOldAck, CPAWSTimewait, CTSEcrRejected, CBeyondWindow, CTCPZeroWindowDrop, CTCPMigrateReqSuccess}
	for _, c := range counters {
		d := NewDialect(Probe{Release: "4.18.0", Counters: map[string]bool{string(c): true}})
		for _, other := range counters {
			if got := d.HasCounter(other); got != (other == c) {
				t.Errorf("%s probed: got %s %v", c, other, got)
			}
		}
	}
	for key, has := range map[string]func(Dialect) bool{
		KeySynLinearTimeouts: func(d Dialect) bool { return d.LinearSYN }, KeyTWReuseDelay: func(d Dialect) bool { return d.TWReuseDelay },
		KeyMigrateReq: func(d Dialect) bool { return d.MigrateReq }, KeyRTOMax: func(d Dialect) bool { return d.RTOMax },
	} {
		if !has(NewDialect(Probe{Release: "4.18.0", Sysctls: map[string]bool{key: true}})) {
			t.Errorf("%s probed: not taken", key)
		}
	}
}

// TestRHELBuilds tells minor releases by their build numbers.
func TestRHELBuilds(t *testing.T) {
	t.Parallel()
	for major, builds := range map[int][]int{
		8:  {80, 147, 193, 240, 305, 348, 372, 425, 477, 513, 553},
		9:  {70, 162, 284, 362, 427, 503, 570, 611},
		10: {55, 124},
	} {
		for minor, build := range builds {
			for n, want := range map[int]int{build: minor, build - 1: max(0, minor-1)} {
				gotMajor, got := parseRHEL(fmt.Sprintf("-%d.1.2.el%d.x86_64", n, major))
				if gotMajor != major || got != want {
					t.Errorf("build %d of el%d: got %d.%d, want minor %d", n, major, gotMajor, got, want)
				}
			}
		}
	}
	for rest, want := range map[string][2]int{
		"-427.13.1.el9_4.x86_64": {9, 4}, "-1.el7.x86_64": {0, 0}, "-1.el11.x86_64": {0, 0}, "-44-generic": {0, 0}, "-x.el9": {9, 0}, "-1.elrepo": {0, 0},
	} {
		if major, minor := parseRHEL(rest); major != want[0] || minor != want[1] {
			t.Errorf("%q: got %d.%d, want %v", rest, major, minor, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]struct {
		v    version
		rest string
		ok   bool
	}{
		"6.18.44-cloud": {version{6, 18, 44}, "-cloud", true},
		"6.18":          {version{6, 18, 0}, "", true},
		"6.18-rc1":      {version{6, 18, 0}, "-rc1", true},
		"6.1.2.3":       {version{6, 1, 2}, "3", true},
		"6":             {version{6, 0, 0}, "", false},
		"6.x":           {version{6, 0, 0}, "x", false},
		"":              {version{}, "", false},
	} {
		v, rest, ok := parseVersion(s)
		if v != want.v || rest != want.rest || ok != want.ok {
			t.Errorf("%q: got %v, %q, %v, want %v", s, v, rest, ok, want)
		}
	}
	if !(version{6, 1, 2}).before(version{6, 1, 3}) || (version{6, 1, 3}).before(version{6, 1, 3}) || (version{7, 0, 0}).before(version{6, 9, 9}) {
		t.Error("versions are in the wrong order")
	}
}
