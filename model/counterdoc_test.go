package model

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestCounterDocsAreComplete(t *testing.T) {
	t.Parallel()
	docs := CounterDocs()
	seen := make(map[string]bool)
	for _, d := range docs {
		if seen[plainCounter(string(d.Name))] {
			t.Errorf("%s is documented twice", d.Name)
		}
		seen[plainCounter(string(d.Name))] = true
		group, name, ok := strings.Cut(string(d.Name), ".")
		if !ok || d.When == "" {
			t.Errorf("%q: want a group, a name and when it counts", d.Name)
		}
		for _, spelling := range []string{string(d.Name), group + name, strings.ToLower(name), strings.ToUpper(group + "." + name)} {
			if got, ok := FindCounter(spelling); !ok || got.Name != d.Name {
				t.Errorf("%q: got %q, want %q", spelling, got.Name, d.Name)
			}
		}
	}
	for _, c := range []Counter{
		CActiveOpens, CPassiveOpens, CAttemptFails, CEstabResets, COutRsts, CInErrs, CRetransSegs, COutNoRoutes,
		CSyncookiesSent, CSyncookiesRecv, CSyncookiesFailed, CEmbryonicRsts, CListenOverflows, CListenDrops,
		CTCPReqQFullDrop, CTCPReqQFullDoCookies, CTCPDeferAcceptDrop, CTCPMigrateReqSuccess, CTCPMigrateReqFailure,
		CTCPTimeouts, CTCPSynRetrans, CTCPAbortOnTimeout, CTCPAbortOnData, CTCPAbortOnClose, CTCPAbortOnLinger,
		CTCPAbortOnMemory, CTW, CTWKilled, CTWRecycled, CTCPTimeWaitOverflow, CPAWSEstab, CPAWSOldAck, CPAWSTimewait,
		CTSEcrRejected, CBeyondWindow, CTCPChallengeACK, CTCPSYNChallenge, CTCPACKSkippedSynRecv,
		CTCPACKSkippedFinWait2, CTCPACKSkippedTimeWait, CTCPACKSkippedChallenge, CTCPKeepAlive, CTCPWinProbe, CTCPZeroWindowDrop, CTCPRcvQDrop,
	} {
		if _, ok := FindCounter(string(c)); !ok {
			t.Errorf("%s is not documented", c)
		}
	}
	if _, ok := FindCounter("NoSuchThing"); ok {
		t.Error("found a counter that there is not")
	}
}

// TestCounterDocsExist compares the names with those of the running kernel.
func TestCounterDocsExist(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // nothing to compare with
	}
	there := make(map[string][]string)
	for _, file := range []string{"netstat", "snmp", "sockstat"} {
		b, err := os.ReadFile("/proc/net/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			group, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if file == "sockstat" {
				group = "sockstat." + group
			}
			there[group] = append(there[group], strings.Fields(rest)...)
		}
	}
	for _, d := range CounterDocs() {
		at := strings.LastIndexByte(string(d.Name), '.')
		group, name := string(d.Name[:at]), string(d.Name[at+1:])
		// A kernel between the two releases may lack what has come since.
		if d.Since == "" && !slices.Contains(there[group], name) {
			t.Errorf("%s: this kernel has no such counter", d.Name)
		}
	}
}
