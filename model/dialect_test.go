package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDialectByRelease(t *testing.T) {
	t.Parallel()
	// The names of the behaviours each kernel has, as read in its source.
	features := func(d Dialect) map[string]bool {
		return map[string]bool{
			"extra": d.SynQueueExtra == 1, "linear": d.LinearSYN, "resend": d.ImmediateSYNResend,
			"fw2": d.FinWait2NotReused, "delay": d.TWReuseDelay, "tw2": d.TWReuseDefaultLoopback,
			"rst": d.HalfOpenRSTChallenge, "migrate": d.MigrateReq, "wide": d.WideSomaxconn,
			"divisor": d.SynBacklogDivisor == 128, "cached": d.OrphanCountCached,
			"unlimited": d.ChallengeACKUnlimited, "address": d.FloodLogNamesAddress,
			"rtomax": d.RTOMax, "ports": d.PortStateRecomputed,
			"pawsold": d.CounterPAWSOldAck, "pawstw": d.CounterPAWSTimewait, "tsecr": d.CounterTSEcrRejected,
			"beyond": d.CounterBeyondWindow, "zerowin": d.CounterZeroWindowDrop, "cmigrate": d.CounterMigrateReq,
		}
	}
	tests := []struct {
		release, build string
		has            []string
		certain        bool
	}{
		{"4.18.0-240.el8.x86_64", "", []string{"tw2"}, true}, // the build number tells 8.3
		{"4.18.0-239.el8.x86_64", "", nil, true},
		{"4.18.0-477.el8.x86_64", "", []string{"tw2", "zerowin", "address"}, true},
		{"5.14.0-284.el9.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "address"}, true},
		{"5.14.0-611.el9.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "address"}, false},
		{"6.12.0-124.el10.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear"}, false},
		{"4.18.0-x.el8.x86_64", "", nil, true},
		{"4.18.0-193.el8_2.x86_64", "", nil, true},
		{"4.18.0-240.el8_3.x86_64", "", []string{"tw2"}, true},
		{"4.18.0-425.el8_7.x86_64", "", []string{"tw2", "zerowin"}, true},
		{"4.18.0-553.el8_10.x86_64", "", []string{"tw2", "zerowin", "address"}, true},
		{"4.18.20", "", nil, false},
		{"4.19.79", "", []string{"tw2", "zerowin"}, true},
		{"4.19.80", "", []string{"tw2", "zerowin"}, false},
		{"5.4.273", "", []string{"tw2", "zerowin", "wide", "divisor"}, true},
		{"5.10.264", "", []string{"tw2", "zerowin", "wide", "divisor", "resend"}, false},
		{"5.10.265", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "fw2", "cached", "extra"}, true},
		{"5.14.0-70.el9_0.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate"}, true},
		{"5.14.0-570.el9_6.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "address"}, true},
		{"5.14.0-611.el9_7.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "address"}, false},
		{"5.15.135", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached"}, true},
		{"5.15.0-105-generic", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate"}, false},
		{"5.17.1", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached"}, false},
		{"6.1.0-18-amd64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited"}, false},
		{"6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-01-01)",
			[]string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "extra", "rst"}, true},
		{"6.2.0", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address"}, false},
		{"6.6.57", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear"}, true},
		{"6.6.80", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear", "extra"}, true},
		{"6.8.1", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear"}, true},
		{"6.8.2", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear"}, false},
		{"6.12.0-55.el10_0.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear"}, true},
		{"6.12.0-124.el10_1.x86_64", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear"}, false},
		{"6.12.117", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear", "extra", "rst"}, true},
		{"6.13.0", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear", "extra"}, true},
		{"6.14.0", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear", "extra", "delay", "pawsold"}, true},
		{"6.15.2", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear", "extra", "delay", "pawsold", "rst", "rtomax"}, true},
		{"6.18.44-cloud", "", []string{"tw2", "zerowin", "wide", "divisor", "resend", "migrate", "cmigrate", "cached", "fw2", "unlimited", "address", "linear", "extra", "delay", "pawsold", "rst", "rtomax", "ports", "pawstw", "tsecr", "beyond"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.release+tt.build, func(t *testing.T) {
			t.Parallel()
			d := NewDialect(Probe{Release: tt.release, Build: tt.build})
			want := features(Dialect{})
			for _, f := range tt.has {
				if _, known := want[f]; !known {
					t.Fatalf("no feature %q", f)
				}
				want[f] = true
			}
			if diff := cmp.Diff(want, features(d)); diff != "" {
				t.Errorf("features (-want +got):\n%s", diff)
			}
			if d.SynQueueExtraCertain != tt.certain {
				t.Errorf("got certain %v, want %v", d.SynQueueExtraCertain, tt.certain)
			}
			if d.SynBacklogDivisor != 128 && d.SynBacklogDivisor != 256 {
				t.Errorf("got divisor %d, want 128 or 256", d.SynBacklogDivisor)
			}
		})
	}
}

func TestDialectProbeWins(t *testing.T) {
	t.Parallel()
	d := NewDialect(Probe{
		Release:  "6.1.192",
		Sysctls:  map[string]bool{KeySynLinearTimeouts: true, KeyMigrateReq: false},
		Counters: map[string]bool{"TcpExt.PAWSTimewait": true, "TcpExt.TCPZeroWindowDrop": false},
	})
	if !d.LinearSYN || d.MigrateReq || !d.CounterPAWSTimewait || d.CounterZeroWindowDrop {
		t.Errorf("got %+v, want what was probed", d)
	}
	if d.TWReuseDelay || !d.FinWait2NotReused {
		t.Errorf("got %+v, want the release where nothing was probed", d)
	}
}

func TestDialectUnreadableRelease(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"", "weird", "6", "6.x", "x.6"} {
		d := NewDialect(Probe{Release: release})
		if d.SynQueueExtraCertain || d.SynQueueExtra != 1 || !d.PortStateRecomputed {
			t.Errorf("%q: got %+v, want the newest dialect without certainty", release, d)
		}
	}
}

func TestHasCounter(t *testing.T) {
	t.Parallel()
	old, recent := NewDialect(Probe{Release: "4.18.0-240.el8_3"}), NewDialect(Probe{Release: "6.18.44"})
	late := []Counter{CPAWSOldAck, CPAWSTimewait, CTSEcrRejected, CBeyondWindow, CTCPZeroWindowDrop, CTCPRcvQDrop, CTCPMigrateReqSuccess, CTCPMigrateReqFailure}
	for _, c := range late {
		if old.HasCounter(c) || !recent.HasCounter(c) {
			t.Errorf("%s: got old %v, recent %v, want false, true", c, old.HasCounter(c), recent.HasCounter(c))
		}
	}
	if !old.HasCounter(CListenDrops) {
		t.Error("ListenDrops is in every kernel")
	}
}
