package sysctl_test

import (
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

func ExampleLookup() {
	s, _ := sysctl.Lookup("net.core.somaxconn")
	fmt.Println(s.About())
	fmt.Println("default:", s.Default.Text)
	fmt.Println("takes effect", s.Takes)
	// Output:
	// upper bound of every listener's backlog (int, connections)
	// default: 128; 4096 since 5.4
	// takes effect at the next listen()
}

func ExampleNearest() {
	near, _ := sysctl.Nearest("net.ipv4_tcpsynack_retries")
	fmt.Println(near)
	// Output: net.ipv4.tcp_synack_retries
}

func ExampleMerge() {
	wants, conflicts := sysctl.Merge(
		sysctl.Want{Key: "net.core.somaxconn", Op: sysctl.AtLeast, Value: "4096", Reason: "web-server"},
		sysctl.Want{Key: "net.core.somaxconn", Op: sysctl.AtLeast, Value: "16384", Reason: "syn-flood-defence"},
		sysctl.Want{Key: "net.ipv4.tcp_congestion_control", Op: sysctl.Exactly, Value: "bbr", Reason: "bulk-wan"},
		sysctl.Want{Key: "net.ipv4.tcp_congestion_control", Op: sysctl.Exactly, Value: "cubic", Reason: "local policy"},
	)
	fmt.Println(wants[0])
	fmt.Println(conflicts[0])
	// Output:
	// net.core.somaxconn at-least 16384
	// net.ipv4.tcp_congestion_control: exactly bbr (bulk-wan) against exactly cubic (local policy)
}

// A plan is made against plain data, so it can be made for a host that is not at
// hand.
func ExampleNewPlan() {
	host := sysctl.State{
		Env:     sysctl.Env{Kernel: sysctl.Release{Major: 6, Minor: 18}, RAMBytes: 24 << 30},
		Initial: true,
		Raw:     map[sysctl.Key]string{"net.core.somaxconn": "128", "net.ipv4.tcp_rmem": "4096\t131072\t33554432"},
	}
	plan := sysctl.NewPlan([]sysctl.Want{
		{Key: "net.core.somaxconn", Op: sysctl.AtLeast, Value: "4096"},
		{Key: "net.ipv4.tcp_rmem", Field: "max", Op: sysctl.Exactly, Value: "16777216"},
	}, host)
	for _, c := range plan.Changes {
		fmt.Printf("%s: %s to %s\n", c.Key, c.Before, c.After)
	}
	for _, r := range plan.Refused {
		fmt.Println("refused:", r.Text)
	}
	// Output:
	// net.core.somaxconn: 128 to 4096
	// refused: net.ipv4.tcp_rmem[max]: the kernel's own 33554432 already gives more than 16777216
}

func ExampleConf_Expect() {
	early, vendor := "net.core.somaxconn = 8192\n", "net.core.somaxconn = 128\n"
	conf := sysctl.Conf{}.
		With("/etc/sysctl.d/60-local.conf", &early).
		With("/usr/lib/sysctl.d/99-vendor.conf", &vendor)
	e := conf.Expect(sysctl.ReaderSystemd, "net.core.somaxconn")
	fmt.Printf("%s sets %s, from %s line %d\n", e.Reader, e.Value, e.File, e.Line)
	// Output: systemd-sysctl sets 128, from /usr/lib/sysctl.d/99-vendor.conf line 1
}
