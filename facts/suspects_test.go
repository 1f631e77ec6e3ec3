package facts

import (
	"slices"
	"testing"
)

func TestSuspects(t *testing.T) {
	t.Parallel()
	n := NamespaceWindow{End: Snapshot{Census: Census{
		Listeners:    []Listener{{Inode: 9}, {Inode: 9}, {Inode: 0}},
		Destinations: []Destination{{Inodes: []uint32{5, 3}}},
		Locals:       []Local{{Passers: []uint32{7}}},
		Bound:        BoundPorts{Inodes: []uint32{1}},
		Classes: map[ClassName]Class{
			ClassCloseWait:   {Samples: []Sample{{Inode: 4}, {Inode: 0}}},
			ClassEstablished: {Samples: []Sample{{Inode: 3}, {Inode: 8}}},
		},
	}}}
	if got, want := n.Suspects(), []uint32{1, 3, 4, 5, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := new(NamespaceWindow).Suspects(); len(got) != 0 {
		t.Errorf("got %v of nothing, want none", got)
	}
}

// TestSuspectsAreBounded shows that listeners are kept and samples left out
// where there are too many.
func TestSuspectsAreBounded(t *testing.T) {
	t.Parallel()
	var n NamespaceWindow
	c := &n.End.Census
	for i := range uint32(suspectsMax) {
		c.Bound.Inodes = append(c.Bound.Inodes, 1000+i)
	}
	c.Listeners = []Listener{{Inode: 1}, {Inode: 2}}
	c.Classes = map[ClassName]Class{ClassCloseWait: {Samples: []Sample{{Inode: 3}}}}
	for range 2 * suspectGroups {
		c.Destinations = append(c.Destinations, Destination{Inodes: []uint32{uint32(500 + len(c.Destinations))}})
	}
	got := n.Suspects()
	if len(got) != suspectsMax || got[0] != 1 || got[1] != 2 || got[2] != 500 || got[2+suspectGroups] < 1000 {
		t.Errorf("got %d beginning with %v", len(got), got[:3])
	}
}
