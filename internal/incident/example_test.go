package incident_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/internal/incident"
	"github.com/tcpdoctor/tcpdoctor/internal/steady"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// A fault that lasts is told of once, and once when it is over, whether or not
// the program that watches was restarted in between.
func ExampleTracker() {
	options := incident.Options{Instance: "web-1", Config: incident.Defaults()}
	tracker := incident.New(options, incident.Memory{})
	seen := incident.Observation{
		BootID: "7a6e1f0e", Namespaces: []facts.Namespace{{Cookie: 1, Self: true}}, Rules: []string{"close-wait-leak"},
		Findings: []rules.Finding{{
			ID: "close-wait-leak", Severity: rules.Warning, Netns: rules.Netns{Cookie: 1},
			Subject: rules.Subject{Kind: rules.SubjectProcess, PID: 4410, Comm: "java", Cgroup: "/system.slice/orders.service"},
		}},
	}
	at := steady.Moment{Wall: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
	for tick := range 30 {
		if tick == 10 {
			seen.Findings = nil
		}
		if tick == 5 {
			kept, _ := json.Marshal(tracker.Memory())
			var m incident.Memory
			_ = json.Unmarshal(kept, &m)
			tracker = incident.New(options, m)
		}
		_, alerts := tracker.Observe(at, seen)
		for _, a := range alerts {
			fmt.Println(at.Wall.Format(time.TimeOnly), a.Status, a.Labels["alertname"], a.Labels["subject"])
		}
		at.Wall, at.Mono = at.Wall.Add(10*time.Second), at.Mono+10*time.Second
	}
	// Output:
	// 03:04:30 firing TcpdoctorCloseWaitLeak process java (orders.service)
	// 03:07:40 resolved TcpdoctorCloseWaitLeak process java (orders.service)
}
