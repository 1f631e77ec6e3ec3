package sockdiag

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
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
func readSettings(t tree, keys []sysctl.Key) (map[string]string, error) {
	values := make(map[string]string, len(keys))
	var unreadable []string
	var why error
	for _, key := range keys {
		if spec, ok := sysctl.Lookup(key); ok && spec.Secret {
			continue
		}
		path, err := key.Path()
		if err == nil {
			var b []byte
			if b, err = readSmall(t.sysctl(path)); err == nil {
				values[key.String()] = settingText(b)
				continue
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			unreadable, why = append(unreadable, key.String()), err
		}
	}
	if why != nil {
		return values, fmt.Errorf("%s: %w", strings.Join(unreadable, ", "), why)
	}
	return values, nil
}

// settingText is the value in the form that sysctl(8) shows: one line, elements
// separated by one blank.
func settingText(b []byte) string { return string(bytes.Join(bytes.Fields(b), []byte(" "))) }

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
	return []facts.Gap{{Source: facts.SourceSettings, Reason: fmt.Sprintf(
		"%d settings of the host are not shown in this network namespace (%s); run in the host's namespace to judge them",
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
