package model

import (
	"fmt"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// HostLabel is the label of the namespace that tcpdoctor itself runs in.
const HostLabel = "host"

// containerDigits is how much of a container's ID people write.
const containerDigits = 12

// NetnsLabel names a namespace in labels of metrics, alerts and series: by its
// name, else by its container, else "host" where tcpdoctor itself runs. One
// without any of them goes by its cookie, or before Linux 5.14 its inode.
func NetnsLabel(n facts.Namespace) string {
	switch {
	case n.Name != "":
		return n.Name
	case len(n.Container) > containerDigits:
		return n.Container[:containerDigits]
	case n.Container != "":
		return n.Container
	case n.Self:
		return HostLabel
	}
	return "netns-" + identity(n)
}

func identity(n facts.Namespace) string {
	if n.Cookie != 0 {
		return fmt.Sprint(n.Cookie)
	}
	return fmt.Sprintf("i%d", n.Inode)
}

// NetnsLabels returns the labels of several namespaces of one host, in their
// order. Where two would have the same, the later one has its cookie added.
func NetnsLabels(all []facts.Namespace) []string {
	out := make([]string, len(all))
	taken := make(map[string]bool, len(all))
	for i, n := range all {
		out[i] = NetnsLabel(n)
		if taken[out[i]] {
			out[i] += "#" + identity(n)
		}
		taken[out[i]] = true
	}
	return out
}

// labels gives each namespace of the view its label.
func (v *View) labels() {
	all := make([]facts.Namespace, len(v.Namespaces))
	for i := range v.Namespaces {
		all[i] = v.Namespaces[i].ID
	}
	for i, label := range NetnsLabels(all) {
		v.Namespaces[i].Label = label
	}
}
