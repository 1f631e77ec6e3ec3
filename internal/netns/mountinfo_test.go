package netns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestReadMounts(t *testing.T) {
	t.Parallel()
	const text = `21 28 0:20 / /proc rw,nosuid shared:12 - proc proc rw
540 25 0:4 net:[4026532281] /run/netns/web rw shared:7 - nsfs nsfs rw
541 25 0:4 net:[4026532282] /srv/a\040b rw - nsfs nsfs rw
542 25 0:4 mnt:[4026532283] /run/mnt rw - nsfs nsfs rw
543 25 0:4 net:[oops] /run/netns/odd rw - nsfs nsfs rw
short line
`
	got, err := readMounts(strings.NewReader(text))
	want := []mount{{4026532281, "/run/netns/web"}, {4026532282, "/srv/a b"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, error %v, want %v", got, err, want)
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`/plain`: "/plain", `/a\040b\134`: `/a b\`, `/end\04`: `/end\04`, `/bad\999`: `/bad\999`, ``: "",
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q): got %q, want %q", in, got, want)
		}
	}
}

func FuzzReadMounts(f *testing.F) {
	f.Add(`540 25 0:4 net:[4026532281] /run/netns/a\040b rw shared:7 - nsfs nsfs rw`)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = readMounts(strings.NewReader(text))
	})
}

func TestUnknownErrorBoundsTheNames(t *testing.T) {
	t.Parallel()
	names := make([]string, 25)
	for i := range names {
		names[i] = fmt.Sprintf("n%02d", i)
	}
	got := (&UnknownError{Name: "x", Known: names, Unreadable: []string{"/run/d: permission denied"}}).Error()
	const want = `no namespace named "x" (there are: n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, n10, n11, ` +
		`n12, n13, n14, n15, n16, n17, n18, n19 and 5 more; unreadable: /run/d: permission denied); a pid or a path works too`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMembersKeepsTheSmallest(t *testing.T) {
	t.Parallel()
	for _, descending := range []bool{false, true} {
		var m members
		for i := range 100 {
			if descending {
				i = 99 - i
			}
			m.add(i + 1)
		}
		var h Handle
		h.setMembers(m)
		if h.PIDCount() != 100 || len(h.PIDs()) != MaxPIDs || h.PIDs()[0] != 1 || h.PIDs()[MaxPIDs-1] != MaxPIDs {
			t.Errorf("got %d of %d: %v", len(h.PIDs()), h.PIDCount(), h.PIDs())
		}
	}
}
