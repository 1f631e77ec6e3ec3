package sysctl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Release is a kernel version. The zero value means that it is not known.
type Release struct {
	Major, Minor, Patch int
}

// ParseRelease reads the release that uname(2) reports, such as
// "6.18.44-cloud-amd64". Whatever follows the numbers is ignored.
func ParseRelease(s string) (Release, error) {
	var n [3]int
	rest := s
	for i := range n {
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(rest)
		}
		v, err := strconv.Atoi(rest[:end])
		if err != nil {
			if i < 2 {
				return Release{}, fmt.Errorf("sysctl: kernel release %q: want numbers such as 6.18.44", s)
			}
			break
		}
		n[i] = v
		if rest = rest[end:]; rest == "" || rest[0] != '.' {
			if i == 0 {
				return Release{}, fmt.Errorf("sysctl: kernel release %q: want numbers such as 6.18.44", s)
			}
			break
		}
		rest = rest[1:]
	}
	return Release{n[0], n[1], n[2]}, nil
}

// Compare orders releases: negative when r is older than o.
func (r Release) Compare(o Release) int {
	return cmp.Or(cmp.Compare(r.Major, o.Major), cmp.Compare(r.Minor, o.Minor), cmp.Compare(r.Patch, o.Patch))
}

// AtLeast says whether r is o or newer.
func (r Release) AtLeast(o Release) bool { return r.Compare(o) >= 0 }

// IsZero says whether the release is not known.
func (r Release) IsZero() bool { return r == Release{} }

// String returns "6.18" or "6.18.44".
func (r Release) String() string {
	if r.Patch == 0 {
		return fmt.Sprintf("%d.%d", r.Major, r.Minor)
	}
	return fmt.Sprintf("%d.%d.%d", r.Major, r.Minor, r.Patch)
}

// Bound says from which release on something holds. By is the oldest release
// known to have it. After is the newest release known not to have it; zero means
// that By is exact. Between the two it is unknown, because stable and
// distribution kernels take changes over from later ones. A zero Bound has always
// held.
type Bound struct {
	After, By Release
}

// Truth is the answer to a question about a kernel that may be unanswerable.
type Truth uint8

// The answers.
const (
	Unknown Truth = iota
	No
	Yes
)

// At says whether the bound is reached by a release.
func (b Bound) At(r Release) Truth {
	switch {
	case b == Bound{}:
		return Yes
	case r.IsZero():
		return Unknown
	case r.AtLeast(b.By):
		return Yes
	case b.After.IsZero():
		return No
	case r.Major == b.After.Major && r.Minor == b.After.Minor, b.After.Compare(r) > 0:
		return No
	}
	return Unknown
}

// String returns "since 5.4" or "by 6.17" (known only from both sides).
func (b Bound) String() string {
	if b.After.IsZero() {
		return "since " + b.By.String()
	}
	return "by " + b.By.String()
}

// since is a Bound known exactly.
func since(major, minor int) Bound { return Bound{By: Release{Major: major, Minor: minor}} }

// by is a Bound known from both sides: absent in a.b, present in c.d.
func by(a, b, c, d int) Bound {
	return Bound{After: Release{Major: a, Minor: b}, By: Release{Major: c, Minor: d}}
}
