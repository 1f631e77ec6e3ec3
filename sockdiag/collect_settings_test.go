package sockdiag

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

func TestReadSettings(t *testing.T) {
	t.Parallel()
	dir, err := sysctl.OpenDir(writeTree(t, map[string]string{
		"net/core/somaxconn":               "4096\n",
		"net/ipv4/tcp_rmem":                "4096\t131072\t33554432\n",
		"net/ipv4/ip_local_port_range":     "32768\t60999\n",
		"net/ipv4/tcp_fastopen_key":        "00000000-00000000-00000000-00000000\n",
		"net/ipv4/tcp_syncookies/a/folder": "",
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	got, err := readSettings(dir, []sysctl.Key{
		"net.core.somaxconn", "net.ipv4.tcp_rmem", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_fastopen_key",
		"net.ipv4.tcp_no_such_thing", "net.ipv4.tcp_syncookies",
	})
	want := map[string]string{
		"net.core.somaxconn": "4096", "net.ipv4.tcp_rmem": "4096 131072 33554432",
		"net.ipv4.ip_local_port_range": "32768 60999",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	checkError(t, err, "1 of 5 cannot be read (net.ipv4.tcp_syncookies)")
	if low, high := portRange(got); low != 32768 || high != 60999 {
		t.Errorf("got ports %d to %d, want 32768 to 60999", low, high)
	}
}

func TestPortRange(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1", "1 2 3", "x 2", "2 x", "9 8", "1 70000"} {
		if low, high := portRange(map[string]string{portRangeKey: text}); low != 0 || high != 0 {
			t.Errorf("%q: got %d to %d, want unknown", text, low, high)
		}
	}
}

func TestHiddenSettings(t *testing.T) {
	t.Parallel()
	_, keys := sysctl.Relevant()
	hidden := hiddenSettings(map[string]string{"net.core.netdev_max_backlog": "1000"}, keys, "6.18.44")
	has := map[string]bool{}
	for _, k := range hidden {
		has[k] = true
	}
	if !has["net.ipv4.tcp_mem"] || has["net.core.netdev_max_backlog"] || has["net.netfilter.nf_conntrack_max"] {
		t.Errorf("got %v: want tcp_mem, not what is there, not what a module brings", hidden)
	}
	if gaps := hiddenGap(hidden); len(gaps) != 1 {
		t.Errorf("got gaps %v, want one", gaps)
	}
	if gaps := hiddenGap(nil); gaps != nil {
		t.Errorf("got gaps %v, want none", gaps)
	}
	if got := hiddenSettings(nil, keys, "who knows"); got != nil {
		t.Errorf("got %v of a release that cannot be read, want nothing", got)
	}
}
