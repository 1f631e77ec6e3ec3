package facts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// redactor replaces names and addresses by a keyed function of them.
type redactor struct {
	salt  []byte
	addrs map[netip.Addr]netip.Addr // replaced before
	known map[string]string         // names of the window and their replacements
	odd   *strings.Replacer         // those among them that are no single word
}

func newRedactor(salt []byte) *redactor {
	return &redactor{salt: salt, addrs: map[netip.Addr]netip.Addr{}, known: map[string]string{}}
}

// sum is the keyed hash that all replacements are made of.
func (r *redactor) sum(kind, s string) []byte {
	h := hmac.New(sha256.New, r.salt)
	h.Write([]byte(kind + "\x00" + s))
	return h.Sum(nil)
}

// name replaces a name; one that is absent stays absent. With a kind of four
// letters it fits the 15 bytes of a process name.
func (r *redactor) name(kind, s string) string {
	if s == "" {
		return ""
	}
	return kind + "-" + hex.EncodeToString(r.sum(kind, s)[:5])
}

func (r *redactor) namespaceName(s string) string { return r.name("netns", s) }

func (r *redactor) cgroup(s string) string {
	if s == "" || s == "/" {
		return s
	}
	return "/" + r.name("cgroup", s)
}

// container keeps the form of an identifier of 64 hexadecimal digits.
func (r *redactor) container(s string) string {
	if b, err := hex.DecodeString(s); err == nil && len(b) == sha256.Size {
		return hex.EncodeToString(r.sum("container", s))
	}
	return r.name("container", s)
}

// unit keeps the type of a systemd unit.
func (r *redactor) unit(s string) string {
	switch suffix := path.Ext(s); suffix {
	case ".service", ".scope", ".slice", ".socket":
		return r.name("unit", s) + suffix
	}
	return r.name("unit", s)
}

// bootID keeps the form of a UUID.
func (r *redactor) bootID(s string) string {
	if s == "" {
		return ""
	}
	h := hex.EncodeToString(r.sum("boot", s)[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// settings replaces the interface in the keys that have one and leaves out the
// one setting whose value is a secret.
func (r *redactor) settings(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for key, value := range in {
		if !strings.Contains(key, "fastopen_key") {
			out[r.settingKey(key)] = value
		}
	}
	return out
}

func (r *redactor) settingKey(key string) string {
	parts := strings.Split(key, ".")
	if len(parts) == 5 && (parts[2] == "conf" || parts[2] == "neigh") {
		parts[3] = r.iface(parts[3])
	}
	return strings.Join(parts, ".")
}

// iface replaces the name of a network interface.
func (r *redactor) iface(s string) string {
	switch s {
	case "", "all", "default", "lo":
		return s
	}
	return r.name("if", s)
}

// kernelWords are the words of the kernel's messages about TCP that a recording
// may hold; whatever else a line says is replaced.
var kernelWords = wordSet(`TCP request_sock_TCP Possible SYN flooding on port Sending cookies
	Dropping dropping request Check SNMP counters too many orphaned sockets out of memory -- consider
	tuning tcp_mem nf_conntrack table full packet packets in netns neighbour neighbor arp_cache
	ndisc_cache overflow drop net_ratelimit callbacks suppressed`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

// kernelText redacts a line of the kernel log.
func (r *redactor) kernelText(s string) string {
	return r.text(s, func(word string) bool { return kernelWords[word] })
}

// freeText redacts what this program or an error says. Plain words stay, and so
// do names of the kernel's: capabilities, and files of /proc and /dev.
func (r *redactor) freeText(s string) string {
	return r.text(s, func(word string) bool {
		return isPlain(word) || strings.HasPrefix(word, "CAP_") || strings.HasPrefix(word, "/dev/") ||
			strings.HasPrefix(word, "/proc/") && !strings.Contains(word, "/conf/") && !strings.Contains(word, "/neigh/")
	})
}

func isPlain(word string) bool {
	for _, c := range word {
		if (c < 'a' || c > 'z') && c != '-' && c != '\'' {
			return false
		}
	}
	return true
}

// prepare finds the names that white space or punctuation would split, and
// lets replacements stand when they are met again.
func (r *redactor) prepare() {
	names := slices.Sorted(maps.Keys(r.known))
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) }) // longest first
	var pairs []string
	for _, n := range names {
		if strings.ContainsFunc(n, func(c rune) bool { return c != '-' && c != '_' && !isLetter(c) && !isDigit(c) }) {
			pairs = append(pairs, n, r.known[n])
		}
		r.known[r.known[n]] = r.known[n]
	}
	r.odd = strings.NewReplacer(pairs...)
}

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c rune) bool  { return c >= '0' && c <= '9' }

// text redacts s word by word; keep says which words may stay.
func (r *redactor) text(s string, keep func(string) bool) string {
	words := strings.Split(r.odd.Replace(s), " ")
	for i, w := range words {
		words[i] = r.word(w, keep)
	}
	return strings.Join(words, " ")
}

func (r *redactor) word(w string, keep func(string) bool) string {
	const opening, closing = `("'<`, `)"'>,;:.!`
	if core := strings.TrimRight(w, ".,;"); core != "" {
		if a, err := netip.ParseAddrPort(core); err == nil {
			return r.addrPort(a).String() + w[len(core):]
		}
		if a, err := netip.ParseAddr(core); err == nil {
			return r.addr(a).String() + w[len(core):]
		}
	}
	left := strings.TrimLeft(w, opening)
	core := strings.TrimRight(left, closing)
	before, after := w[:len(w)-len(left)], left[len(core):]
	if replaced, ok := r.known[core]; ok {
		return before + replaced + after
	}
	quoted := strings.ContainsAny(before, `"'`)
	if core == "" || strings.Trim(core, "0123456789") == "" || !quoted && keep(core) {
		return w
	}
	return before + r.name("name", core) + after
}
