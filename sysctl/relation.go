package sysctl

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	keyPortRange     Key = "net.ipv4.ip_local_port_range"
	keyPortStart     Key = "net.ipv4.ip_unprivileged_port_start"
	keyReuse         Key = "net.ipv4.tcp_tw_reuse"
	keyTimestamps    Key = "net.ipv4.tcp_timestamps"
	keyCongestion    Key = "net.ipv4.tcp_congestion_control"
	keyAvailable     Key = "net.ipv4.tcp_available_congestion_control"
	keyAllowed       Key = "net.ipv4.tcp_allowed_congestion_control"
	keyTCPMem        Key = "net.ipv4.tcp_mem"
	keyMinFree       Key = "vm.min_free_kbytes"
	keyForward       Key = "net.ipv4.ip_forward"
	keyForwardAll    Key = "net.ipv4.conf.all.forwarding"
	keyRedirectsAll  Key = "net.ipv4.conf.all.accept_redirects"
	keyForward6All   Key = "net.ipv6.conf.all.forwarding"
	keyDisable6All   Key = "net.ipv6.conf.all.disable_ipv6"
	keyNetdevBacklog Key = "net.core.netdev_max_backlog"
)

// view is the values that a plan would end with.
type view struct {
	now   State
	after map[Key]string
}

// get returns a value after the plan.
func (v view) get(k Key) (string, bool) {
	if s, ok := v.after[k]; ok {
		return s, true
	}
	return v.now.value(k)
}

// number returns one number after the plan.
func (v view) number(k Key, field string) (int64, bool) {
	text, ok := v.get(k)
	if !ok {
		return 0, false
	}
	s, _ := Lookup(k)
	n, err := s.Number(text, field)
	return n, err == nil
}

// relation is a condition between parameters, or between one parameter and the
// machine, that has to hold after a plan which changes any of its keys.
type relation struct {
	keys   []Key
	reason Reason
	broken func(view) string // why it does not hold, or nothing
}

// relations is the list of conditions; the kernel checks only the first.
var relations = []relation{
	{[]Key{keyPortRange, keyPortStart}, RefusedDependency, func(v view) string {
		low, okLow := v.number(keyPortRange, "low")
		start, okStart := v.number(keyPortStart, "")
		if okLow && okStart && low < start {
			return fmt.Sprintf("%s would start at %d, below %s = %d", keyPortRange, low, keyPortStart, start)
		}
		return ""
	}},
	{[]Key{keyReuse, keyTimestamps}, RefusedDependency, func(v view) string {
		reuse, okReuse := v.number(keyReuse, "")
		stamps, okStamps := v.number(keyTimestamps, "")
		if okReuse && okStamps && reuse == 1 && stamps == 0 {
			return fmt.Sprintf("%s = 1 has no effect while %s is 0", keyReuse, keyTimestamps)
		}
		return ""
	}},
	{[]Key{keyCongestion, keyAvailable, keyAllowed}, RefusedUnavailable, congestionBroken},
	{[]Key{keyTCPMem}, RefusedValue, func(v view) string {
		n, ok := v.number(keyTCPMem, "max")
		if pages := v.now.Env.RAMBytes / v.now.Env.page(); ok && pages > 0 && uint64(n) > pages {
			return fmt.Sprintf("%s counts pages, and %d of them are more than the host has (%d)", keyTCPMem, n, pages)
		}
		return ""
	}},
	{[]Key{keyMinFree}, RefusedValue, func(v view) string {
		n, ok := v.number(keyMinFree, "")
		if ram := v.now.Env.RAMBytes / 1024; ok && ram > 0 && uint64(n) > ram/20 {
			return fmt.Sprintf("%s = %d is more than five percent of memory", keyMinFree, n)
		}
		return ""
	}},
	neighbourRelation("ipv4"), neighbourRelation("ipv6"),
}

// neighbourRelation keeps the three bounds of one family's table rising.
func neighbourRelation(family string) relation {
	keys := make([]Key, 3)
	for i := range keys {
		keys[i] = Key(fmt.Sprintf("net.%s.neigh.default.gc_thresh%d", family, i+1))
	}
	return relation{keys, RefusedDependency, func(v view) string {
		for i := 1; i < len(keys); i++ {
			a, okA := v.number(keys[i-1], "")
			b, okB := v.number(keys[i], "")
			if okA && okB && a >= b {
				return fmt.Sprintf("%s (%d) would not be less than %s (%d)", keys[i-1], a, keys[i].Base(), b)
			}
		}
		return ""
	}}
}

func congestionBroken(v view) string {
	name, ok := v.get(keyCongestion)
	if !ok {
		return ""
	}
	if list, ok := v.get(keyAvailable); ok && !slices.Contains(strings.Fields(list), name) {
		return fmt.Sprintf("%s: the kernel does not offer %q (there are: %s)", keyCongestion, name, strings.Join(strings.Fields(list), ", "))
	}
	if list, ok := v.get(keyAllowed); ok && !v.now.Initial && !slices.Contains(strings.Fields(list), name) {
		return fmt.Sprintf("%s: the host allows its namespaces only: %s", keyCongestion, strings.Join(strings.Fields(list), ", "))
	}
	return ""
}

// keep adds writes for wants that hold now and that the kernel would break when
// other parameters of the plan are written.
func (p *Plan) keep(now State) {
	for _, cause := range slices.Clone(p.Changes) {
		for _, effect := range sideEffects(cause.Key) {
			p.keepAgainst(cause, effect, now)
		}
	}
}

func (p *Plan) keepAgainst(cause Change, effect sideEffect, now State) {
	var left []Want
	for _, w := range p.Already {
		isIt := (effect.key == w.Key || effect.key == w.Key.Pattern()) && affects(cause.Key, w.Key)
		before, ok := now.value(w.Key)
		spec, known := Lookup(w.Key)
		if !isIt || !ok || !known {
			left = append(left, w)
			continue
		}
		made, err := spec.Normalise(effect.value(cause.After, before))
		if err != nil {
			left = append(left, w)
			continue
		}
		if after, err := spec.meet(w, made); err != nil || after == made {
			left = append(left, w)
			continue
		}
		if i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Key == w.Key }); i >= 0 {
			p.Changes[i].Wants = append(p.Changes[i].Wants, w)
			continue
		}
		p.Changes = append(p.Changes, Change{
			Key: w.Key, Before: before, After: before, BeforeRaw: now.Raw[w.Key], Wants: []Want{w}, Risk: spec.Risk,
		})
	}
	p.Already = left
}

// checkRelations takes out the changes that would break a condition.
func (p *Plan) checkRelations(now State) {
	v := view{now: now, after: map[Key]string{}}
	for _, c := range p.Changes {
		v.after[c.Key] = c.After
	}
	for _, r := range relations {
		isOurs := func(c Change) bool { return slices.Contains(r.keys, c.Key) }
		if !slices.ContainsFunc(p.Changes, isOurs) {
			continue
		}
		text := r.broken(v)
		if text == "" {
			continue
		}
		for _, c := range p.Changes {
			if isOurs(c) {
				for _, w := range c.Wants {
					p.refuse(w, r.reason, text)
				}
			}
		}
		p.Changes = slices.DeleteFunc(p.Changes, isOurs)
	}
}

// rank orders writes: what resets other parameters comes before them.
func rank(k Key) int {
	switch {
	case k == keyForward, k == keyForwardAll, k == keyForward6All, k == keyDisable6All, k == keyCongestion:
		return 0
	case strings.Contains(string(k), ".conf.all."):
		return 1
	case strings.Contains(string(k), ".conf.default."):
		return 2
	}
	return 3
}

// sort puts the writes into an order in which the kernel accepts each of them.
func (p *Plan) sort(now State) {
	slices.SortFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank(a.Key), rank(b.Key)), cmp.Compare(a.Key, b.Key))
	})
	i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Key == keyPortRange })
	j := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Key == keyPortStart })
	if i < 0 || j < 0 {
		return
	}
	// The kernel refuses a range that starts below ip_unprivileged_port_start at any
	// moment. Going up the range moves first, going down it moves last; undoing in
	// reverse passes through the same states.
	rangeFirst := true
	spec, _ := Lookup(keyPortRange)
	low, errLow := spec.Number(p.Changes[i].After, "low")
	start, errStart := strconv.ParseInt(p.Changes[j].Before, 10, 64)
	if errLow == nil && errStart == nil && low < start {
		rangeFirst = false
	}
	if (i < j) != rangeFirst {
		p.Changes[i], p.Changes[j] = p.Changes[j], p.Changes[i]
	}
}

// resets says whether writing a parameter makes the kernel change others.
func resets(k Key) bool { return len(sideEffects(k)) > 0 }

// sideEffect is a parameter, or a pattern, that the kernel changes on its own when
// another one is written.
type sideEffect struct {
	key   Key
	value func(written, before string) string
}

// sideEffects returns what the kernel changes when a parameter is written
// (inet_forward_change, addrconf_fixup_forwarding, addrconf_disable_ipv6,
// tcp_set_default_congestion_control, devinet_copy_dflt_conf; measured on Linux
// 6.18).
func sideEffects(k Key) []sideEffect {
	same := func(written, _ string) string { return written }
	opposite := func(written, _ string) string {
		if written == "0" {
			return "1"
		}
		return "0"
	}
	switch k {
	case keyForward, keyForwardAll:
		return []sideEffect{{keyForward, same}, {"net.ipv4.conf.*.forwarding", same}, {keyRedirectsAll, opposite}}
	case keyForward6All:
		return []sideEffect{{"net.ipv6.conf.*.forwarding", same}}
	case keyDisable6All:
		return []sideEffect{{"net.ipv6.conf.*.disable_ipv6", same}}
	case keyCongestion:
		// The initial namespace's choice becomes allowed to everybody. The kernel lists
		// in the order of registration; sets are compared, so appending will do.
		return []sideEffect{{keyAllowed, func(written, before string) string {
			if slices.Contains(strings.Fields(before), written) {
				return before
			}
			return strings.TrimSpace(before + " " + written)
		}}}
	default:
	}
	// An IPv4 default goes at once to every interface whose own value nobody has ever
	// written. Which those are cannot be seen, so it may or may not happen.
	if iface, ok := k.Interface(); ok && iface == "default" && strings.HasPrefix(string(k), "net.ipv4.conf.") {
		return []sideEffect{{k.Pattern(), same}}
	}
	return nil
}

// affects says whether writing cause can make the kernel change k.
func affects(cause, k Key) bool {
	if cause == k {
		return false
	}
	// The default of the interfaces is no concern of the switch for all of them.
	if from, ok := cause.Interface(); ok && from == "default" {
		if to, _ := k.Interface(); to == "all" {
			return false
		}
	}
	return slices.ContainsFunc(sideEffects(cause), func(s sideEffect) bool { return s.key == k || s.key == k.Pattern() })
}
