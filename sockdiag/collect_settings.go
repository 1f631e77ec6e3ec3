package sockdiag

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tcpdoctor/tcpdoctor/facts"
	"github.com/tcpdoctor/tcpdoctor/sysctl"
)

// portRangeKey names the ephemeral port range.
const portRangeKey = "net.ipv4.ip_local_port_range"

// readSettings reads kernel parameters on the calling thread, in whose network
// namespace the kernel resolves them. A parameter that this kernel does not
// have is left out; one that cannot be read is left out and reported.
func readSettings(dir *sysctl.Dir, keys []sysctl.Key) (map[string]string, error) {
	keys = slices.DeleteFunc(slices.Clone(keys), func(k sysctl.Key) bool {
		spec, ok := sysctl.Lookup(k)
		return ok && spec.Secret || k.IsPattern()
	})
	read := dir.ReadAll(keys)
	values := make(map[string]string, len(read.Value))
	for key, value := range read.Value {
		values[key.String()] = value
	}
	var unreadable []string
	var why error
	for _, key := range keys {
		err := read.Err[key]
		if failed, ok := errors.AsType[*sysctl.KeyError](err); err == nil || ok && failed.Kind == sysctl.FailedAbsent {
			continue
		}
		unreadable, why = append(unreadable, key.String()), err
	}
	if why != nil {
		return values, fmt.Errorf("%d of %d cannot be read (%s): %w", len(unreadable), len(keys), shortList(unreadable, 4), why)
	}
	return values, nil
}

// hiddenSettings lists the keys of the host that every kernel of this release
// has but that could not be seen: they are shown in the first network namespace
// only.
func hiddenSettings(values map[string]string, keys []sysctl.Key, kernel string) []string {
	release, err := sysctl.ParseRelease(kernel)
	if err != nil {
		return nil
	}
	var hidden []string
	for _, key := range keys {
		if _, ok := values[key.String()]; ok {
			continue
		}
		spec, ok := sysctl.Lookup(key)
		if ok && spec.Module == "" && spec.Exists(release) == sysctl.Yes && !spec.Secret {
			hidden = append(hidden, key.String())
		}
	}
	slices.Sort(hidden)
	return hidden
}

// hiddenGap says which of the host's settings could not be seen, if any.
func hiddenGap(hidden []string) []facts.Gap {
	if len(hidden) == 0 {
		return nil
	}
	return []facts.Gap{{Source: facts.SourceHostSettings, Reason: fmt.Sprintf(
		"%d are not shown in this network namespace (%s); run in the host's namespace to judge them",
		len(hidden), shortList(hidden, 4))}}
}

// shortList joins the first few of many words.
func shortList(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:most], ", ") + ", ..."
}

// portRange returns the ephemeral port range among the settings of a namespace,
// or zeros where it is not known.
func portRange(settings map[string]string) (low, high uint16) {
	words := strings.Fields(settings[portRangeKey])
	if len(words) != 2 {
		return 0, 0
	}
	l, errLow := strconv.ParseUint(words[0], 10, 16)
	h, errHigh := strconv.ParseUint(words[1], 10, 16)
	if errLow != nil || errHigh != nil || l > h {
		return 0, 0
	}
	return uint16(l), uint16(h)
}
