package model

import (
	"slices"
	"strconv"
	"strings"
)

// version is a kernel release: major, minor, patch.
type version [3]int

// before reports whether v is older than w.
func (v version) before(w version) bool { return slices.Compare(v[:], w[:]) < 0 }

// release is what a kernel's own name says about it.
type release struct {
	version
	patchKnown bool // distributions freeze the patch level at 0
	rhel       int  // 8, 9, 10, or 0 for anything else
	rhelMinor  int
}

// parseRelease reads `uname -r` and, for Debian, the real release that only
// `uname -v` states. It reports whether there was a release to read.
func parseRelease(name, build string) (release, bool) {
	v, rest, ok := parseVersion(name)
	if !ok {
		return release{}, false
	}
	r := release{version: v}
	// 6.1.0-18-amd64 and 5.15.0-105-generic do not state their patch level,
	// 6.18.44 and 6.18.0 do.
	r.patchKnown = v[2] != 0 || rest == ""
	r.rhel, r.rhelMinor = parseRHEL(rest)
	if _, after, found := strings.Cut(build, "Debian "); found && r.rhel == 0 {
		if b, _, ok := parseVersion(after); ok {
			r.version, r.patchKnown = b, true
		}
	}
	return r, true
}

// parseVersion reads "6.18.44-rest" and returns what follows the numbers.
func parseVersion(s string) (v version, rest string, ok bool) {
	rest = s
	n := 0
	for ; n < len(v); n++ {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		x, err := strconv.Atoi(rest[:i])
		if err != nil {
			break
		}
		v[n], rest = x, rest[i:]
		if !strings.HasPrefix(rest, ".") {
			n++
			break
		}
		rest = rest[1:]
	}
	return v, rest, n >= 2
}

// rhelBuilds is the build number with which each minor release of RHEL 8, 9
// and 10 came out, from the first on: the 553 of 4.18.0-553.el8.
var rhelBuilds = [3][]int{
	{147, 193, 240, 305, 348, 372, 425, 477, 513, 553},
	{162, 284, 362, 427, 503, 570, 611},
	{124},
}

// parseRHEL finds "el9_4" in the tail of a release ("-427.13.1.el9_4.x86_64").
// Where the minor is not stated the build number tells it.
func parseRHEL(rest string) (major, minor int) {
	for field := range strings.SplitSeq(rest, ".") {
		tail, found := strings.CutPrefix(field, "el")
		if !found {
			continue
		}
		a, b, _ := strings.Cut(tail, "_")
		major, err := strconv.Atoi(a)
		if err != nil || major < 8 || major > 10 {
			continue
		}
		if minor, err := strconv.Atoi(b); err == nil {
			return major, minor
		}
		build, _, _ := strings.Cut(strings.TrimPrefix(rest, "-"), ".")
		n, err := strconv.Atoi(build)
		if err != nil {
			return major, 0
		}
		for _, first := range rhelBuilds[major-8] {
			if n >= first {
				minor++
			}
		}
		return major, minor
	}
	return 0, 0
}

// has reports whether this release has a behaviour.
func (r release) has(s span) bool {
	if r.rhel != 0 {
		return r.rhelMinor >= s.rhel[r.rhel-8]
	}
	if !r.before(s.mainline) {
		return true
	}
	for _, v := range s.stable {
		if r.sameSeries(v) {
			return r.patchKnown && !r.before(v)
		}
	}
	return false
}

func (r release) sameSeries(v version) bool { return r.version[0] == v[0] && r.version[1] == v[1] }

// synQueueCertain reports whether the release decides the form of the SYN
// queue test: read as new, read as old, or older than anything read as old.
func (r release) synQueueCertain() bool {
	if r.rhel != 0 {
		// 8.3 to 8.10, 9.0 to 9.6 and 10.0 were read.
		last := map[int]int{8: 10, 9: 6, 10: 0}
		minor, ok := last[r.rhel]
		return ok && r.rhelMinor <= minor
	}
	if !r.before(spanSynQueueExtra.mainline) {
		return true
	}
	if !r.patchKnown {
		return false
	}
	if r.has(spanSynQueueExtra) {
		return true
	}
	for _, old := range synQueueOld {
		if r.sameSeries(old) {
			return !old.before(r.version)
		}
	}
	return false
}
