package sysctl

import "strings"

// Nearest returns the catalogue key that somebody may have meant by a name that
// does not exist, and whether there is one near enough to be named.
func Nearest(name string) (Key, bool) {
	asked := squash(name)
	var best Key
	distance := -1
	for _, s := range All() {
		if d := editDistance(asked, squash(string(s.Key))); distance < 0 || d < distance {
			best, distance = s.Key, d
		}
	}
	if distance < 0 || distance > max(2, len(asked)/4) {
		return "", false
	}
	if iface, ok := Key(name).Interface(); ok && best.IsPattern() {
		best = best.WithInterface(iface)
	}
	return best, true
}

// squash brings a name to what spelling mistakes leave alone: the prefix that
// nearly all keys share is dropped, separators are all the same, and the tcp_
// that is so often forgotten is not counted.
func squash(name string) string {
	s := strings.ToLower(strings.TrimSpace(name))
	s = strings.TrimPrefix(s, "/proc/sys/")
	s = strings.NewReplacer("/", ".", "-", "_").Replace(s)
	if i, ok := Key(s).Interface(); ok {
		s = strings.Replace(s, "."+i+".", ".*.", 1)
	}
	s = strings.ReplaceAll(s, "_", ".")
	for _, prefix := range []string{"net.ipv4.tcp", "net.ipv4.", "net.core.", "net."} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			s = rest
			break
		}
	}
	return strings.ReplaceAll(s, ".", "")
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn one text into the other.
func editDistance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
