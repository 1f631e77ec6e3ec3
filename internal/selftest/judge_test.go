package selftest

import (
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// overflow is a fault as the lab would tell it, and finding what must be said of
// it.
func overflow() (Wanted, rules.Finding) {
	w := Wanted{
		Fault: lab.Fault{Name: "x-application-backlog", Expect: lab.Expect{
			ID: "x", Cause: "application-backlog", Severity: "warning", Culprit: lab.ServerSide, Also: []string{"also"},
		}},
		NetnsInode: 7, NetnsCookie: 70, Port: 8080, PID: 42,
	}
	f := rules.Finding{
		ID: "x", Cause: "application-backlog", Severity: rules.Critical, Netns: rules.Netns{Inode: 7, Cookie: 70},
		Subject:       rules.Subject{Kind: rules.SubjectListener, Port: 8080, PID: 42},
		Prescriptions: []rules.Prescription{{Kind: rules.PrescribeApplication, Text: "raise the backlog"}},
	}
	return w, f
}

func TestJudgeOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		spoil   func(*Wanted, *rules.Finding)
		found   bool
		culprit bool
		problem string // part of the first; "" for none
		stray   int
	}{
		{"as wanted", func(*Wanted, *rules.Finding) {}, true, true, "", 0},
		{"as a client", func(_ *Wanted, f *rules.Finding) { f.Subject.Port, f.Subject.PeerPort = 0, 8080 }, true, true, "", 0},
		{"nobody can be named", func(w *Wanted, f *rules.Finding) { w.PID, f.Subject.PID = 0, 0 }, true, true, "", 0},
		{"another process", func(_ *Wanted, f *rules.Finding) { f.Subject.PID = 43 }, true, false, "process 43 is blamed, and it is 42", 0},
		{"another port", func(_ *Wanted, f *rules.Finding) { f.Subject.Port = 81 }, true, false, "port 81", 0},
		{"another cookie", func(_ *Wanted, f *rules.Finding) { f.Netns.Cookie = 71 }, true, false, "cookie 71", 0},
		{"another cause", func(_ *Wanted, f *rules.Finding) { f.Cause = "somaxconn" }, true, true, `"somaxconn"`, 0},
		{"too mild", func(w *Wanted, f *rules.Finding) { w.Fault.Expect.Severity, f.Severity = "critical", rules.Warning }, true, true, "is called warning", 0},
		{"no advice", func(_ *Wanted, f *rules.Finding) { f.Prescriptions = nil }, true, true, "nothing is advised", 0},
		{"useless advice", func(_ *Wanted, f *rules.Finding) {
			f.Prescriptions = []rules.Prescription{{Kind: rules.PrescribeSysctl, Text: "net.core.somaxconn=4096", Effect: model.Effect{Verdict: model.Helps}}}
		}, true, true, "somaxconn is said to help", 0},
		{"a setting against CLOSE_WAIT", func(w *Wanted, f *rules.Finding) {
			w.Fault.Expect.ID, f.ID = "close-wait-leak", "close-wait-leak"
			f.Prescriptions = []rules.Prescription{{Kind: rules.PrescribeSysctl, Key: "net.ipv4.tcp_fin_timeout"}}
		}, true, true, "tcp_fin_timeout is advised", 0},
		{"only a remark", func(_ *Wanted, f *rules.Finding) { f.Severity = rules.Info }, false, false, "x was not found", 0},
		{"another namespace", func(_ *Wanted, f *rules.Finding) { f.Netns.Inode = 8 }, false, false, "x was not found", 1},
		{"another fault", func(_ *Wanted, f *rules.Finding) { f.ID = "y" }, false, false, "x was not found", 1},
		{"true as well", func(_ *Wanted, f *rules.Finding) { f.ID = "also" }, false, false, "x was not found", 0},
		{"a look-alike", func(w *Wanted, _ *rules.Finding) { w.Fault.Harmless = true }, false, false, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, f := overflow()
			c.spoil(&w, &f)
			verdicts, stray := Judge([]rules.Finding{f}, w)
			if len(verdicts) != 1 || len(stray) != c.stray {
				t.Fatalf("got %+v, stray %+v, want one verdict, %d stray", verdicts, stray, c.stray)
			}
			v := verdicts[0]
			if v.Found != c.found || v.Culprit != c.culprit {
				t.Errorf("got found %v, culprit %v, want %v, %v", v.Found, v.Culprit, c.found, c.culprit)
			}
			all := strings.Join(v.Problems, "\n")
			if (c.problem == "") != (all == "") || !strings.Contains(all, c.problem) {
				t.Errorf("got problems %q, want %q", v.Problems, c.problem)
			}
		})
	}
}

// TestJudgeSeveral: each fault takes one finding, its own; what is left over is
// a false alarm.
func TestJudgeSeveral(t *testing.T) {
	t.Parallel()
	a, fa := overflow()
	b, fb := overflow()
	b.Port, fb.Subject.Port = 8081, 8081
	for _, findings := range [][]rules.Finding{{fa, fb}, {fb, fa}} {
		verdicts, stray := Judge(findings, a, b)
		for i, port := range []uint16{8080, 8081} {
			if !verdicts[i].Culprit || verdicts[i].Finding.Subject.Port != port {
				t.Errorf("fault %d: got %+v, want port %d", i, verdicts[i], port)
			}
		}
		if len(stray) != 0 {
			t.Errorf("stray %+v", stray)
		}
	}
	_, stray := Judge([]rules.Finding{fa, fa}, a)
	if len(stray) != 1 {
		t.Errorf("got %+v, want the second finding of one fault to be stray", stray)
	}
}
