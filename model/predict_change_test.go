package model

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/tcpdoctor/tcpdoctor/facts"
)

// windowOf builds a window of five seconds in which these counters rose.
func windowOf(settings map[string]string, rose facts.Counters, end facts.Census, watches ...facts.Watch) facts.Window {
	all := map[string]string{}
	for _, k := range SettingKeys() {
		all[k] = defaultText(k)
	}
	maps.Copy(all, settings)
	before := facts.Counters{}
	for name := range rose {
		before[name] = 0
	}
	start := end
	start.Classes = nil
	return facts.Window{
		Host: facts.Host{Kernel: "6.18.44", MemoryBytes: 24 << 30}, Seconds: 5,
		Namespaces: []facts.NamespaceWindow{{
			Settings: all,
			Start:    facts.Snapshot{Counters: before, Census: start},
			End:      facts.Snapshot{AtSeconds: 5, Counters: rose, Census: end},
			Watches:  watches,
		}},
	}
}

func defaultText(key string) string {
	switch key {
	case KeyPortRange:
		return "32768\t60999"
	case KeyReservedPorts:
		return ""
	case KeyTCPMem:
		return "100000 200000 300000"
	}
	s := DefaultSettings(modern, 24<<30)
	v, _ := s.Number(key)
	return strings.TrimSuffix(amount(v, ""), ".0")
}

func TestPredictChange(t *testing.T) {
	t.Parallel()
	listener := facts.Listener{Cookie: 1, Local: netip.MustParseAddrPort("0.0.0.0:80"), Family: facts.IPv4, Queue: 129, Limit: 128}
	overflowed := windowOf(map[string]string{KeySomaxconn: "128"},
		facts.Counters{"TcpExt.ListenOverflows": 185, "TcpExt.ListenDrops": 185, "Tcp.PassiveOpens": 1245},
		facts.Census{Sockets: 1, Complete: true, Listeners: []facts.Listener{listener}},
		facts.Watch{Cookie: 1, Polls: 50, Full: 10, HighWater: 129, FirstDrops: some(uint32(0)), LastDrops: some(uint32(190))})

	var synRecv facts.StateCounts
	synRecv[facts.SynRecv] = 129
	half := listener
	half.Queue = 0
	flooded := windowOf(map[string]string{KeySomaxconn: "128"},
		facts.Counters{"TcpExt.SyncookiesSent": 1400, "TcpExt.SyncookiesRecv": 0, "TcpExt.ListenDrops": 0, "TcpExt.ListenOverflows": 0},
		facts.Census{Sockets: 1, Complete: true, Listeners: []facts.Listener{half},
			Locals: []facts.Local{{Addr: netip.MustParseAddrPort("10.0.0.1:80"), States: synRecv}}})

	var waiting facts.StateCounts
	waiting[facts.TimeWait] = 28232
	dest := facts.Destination{
		Source: netip.MustParseAddr("10.0.0.4"), Dest: netip.MustParseAddrPort("10.0.0.9:5432"), States: waiting, InRange: 28232,
	}
	exhausted := windowOf(nil, facts.Counters{"Tcp.ActiveOpens": 2350, "TcpExt.TW": 2350, "TcpExt.TWKilled": 0, "TcpExt.TCPTimeWaitOverflow": 0},
		facts.Census{Sockets: 28232, Complete: true, IPv4: waiting, Destinations: []facts.Destination{dest}})

	classes := windowOf(nil, nil, facts.Census{Complete: true, Classes: map[facts.ClassName]facts.Class{
		facts.ClassFinWait2:    {Total: 400, Samples: []facts.Sample{{}, {}, {}, {Inode: 7}}},
		facts.ClassLastAck:     {Total: 300, Samples: []facts.Sample{{}, {Timer: facts.TimerZeroWindow}, {Inode: 7}}},
		facts.ClassSynSent:     {Total: 50},
		facts.ClassRetransmit:  {Total: 20},
		facts.ClassEstablished: {Total: 900, Samples: []facts.Sample{{Timer: facts.TimerKeepalive}, {}}},
	}})
	classes.SharedStart = facts.Shared{Counters: facts.Counters{"softnet.dropped": 0, "conntrack.drop": 0}}
	classes.SharedEnd = facts.Shared{
		Counters: facts.Counters{"softnet.dropped": 500, "conntrack.drop": 50},
		Gauges:   facts.Gauges{"sockstat.TCP.orphan": 100, "sockstat.TCP.mem": 290000, "neighbour.arp.entries": 1000},
	}
	classes.Namespaces[0].Settings[KeyConntrackMax] = "1000"
	classes.Namespaces[0].End.Gauges = facts.Gauges{"conntrack.count": 1000}
	empty := windowOf(nil, nil, facts.Census{Complete: true})
	refusing := windowOf(nil, countersOf(), facts.Census{Complete: true})
	other := windowOf(nil, facts.Counters{"TcpExt.TW": 50, "Tcp.ActiveOpens": 50}, facts.Census{Complete: true})
	silent := windowOf(nil, nil, facts.Census{Complete: true, Classes: map[facts.ClassName]facts.Class{
		facts.ClassEstablished: {Total: 2, Samples: []facts.Sample{{}, {Timer: facts.TimerRetransmit}}},
	}})

	tests := []struct {
		name   string
		window facts.Window
		change Change
		want   Verdict
		reason string
	}{
		{"somaxconn", overflowed, Change{Key: KeySomaxconn, Value: "4096"}, NeedsRestart, "listen()"},
		{"somaxconn and reload", overflowed, Change{Key: KeySomaxconn, Value: "4096", Relisten: true}, Helps, "bursts"},
		{"somaxconn against a flood", flooded, Change{Key: KeySomaxconn, Value: "4096"}, NeedsRestart, "listen()"},
		{"somaxconn where nothing listens", exhausted, Change{Key: KeySomaxconn, Value: "4096"}, NoEffect, "nothing listens"},
		{"abort_on_overflow", overflowed, Change{Key: KeyAbortOnOverflow, Value: "1"}, Harmful, "reset"},
		{"max_syn_backlog", flooded, Change{Key: KeyMaxSynBacklog, Value: "65536"}, NoEffect, "does not consult"},
		{"syncookies off", flooded, Change{Key: KeySyncookies, Value: "0"}, Harmful, "refuses"},
		{"synack_retries", flooded, Change{Key: KeySynackRetries, Value: "2"}, NoEffect, "prunes"},
		{"synack_retries where nothing listens", exhausted, Change{Key: KeySynackRetries, Value: "2"}, NoEffect, "hardly any"},
		{"port range", exhausted, Change{Key: KeyPortRange, Value: "16384 65535"}, Helps, ""},
		{"reserved ports", exhausted, Change{Key: KeyReservedPorts, Value: "40000-50000"}, Harmful, "fewer"},
		{"tw_reuse", exhausted, Change{Key: KeyTWReuse, Value: "1"}, Helps, ""},
		{"tw_reuse without connections out", overflowed, Change{Key: KeyTWReuse, Value: "1"}, NoEffect, "listener's port"},
		{"tw_reuse_delay", exhausted, Change{Key: KeyTWReuseDelay, Value: "100"}, NoEffect, ""},
		{"timestamps", exhausted, Change{Key: KeyTimestamps, Value: "0"}, Harmful, "reused"},
		{"tw_reuse without timestamps", windowWith(exhausted, KeyTimestamps, "0"), Change{Key: KeyTWReuse, Value: "1"}, NoEffect, "timestamps"},
		{"fin_timeout against TIME_WAIT", exhausted, Change{Key: KeyFinTimeout, Value: "15"}, NoEffect, "nothing is in FIN_WAIT2"},
		{"fin_timeout", classes, Change{Key: KeyFinTimeout, Value: "15"}, Helps, "sooner"},
		{"max_tw_buckets lowered", exhausted, Change{Key: KeyMaxTWBuckets, Value: "5000"}, Harmful, "skip"},
		{"max_tw_buckets raised", exhausted, Change{Key: KeyMaxTWBuckets, Value: "500000"}, NoEffect, "not reached"},
		{"orphan_retries", classes, Change{Key: KeyOrphanRetries, Value: "3"}, Helps, "sooner"},
		{"retries2", classes, Change{Key: KeyRetries2, Value: "8"}, Helps, "sooner"},
		{"syn_retries", classes, Change{Key: KeySynRetries, Value: "3"}, Helps, "sooner"},
		{"keepalive_time", classes, Change{Key: KeyKeepaliveTime, Value: "600"}, NeedsRestart, ""},
		{"keepalive_intvl", empty, Change{Key: KeyKeepaliveInterval, Value: "30"}, NoEffect, "SO_KEEPALIVE"},
		{"keepalive_probes", classes, Change{Key: KeyKeepaliveProbes, Value: "12"}, Harmful, "later"},
		{"max_orphans lowered", classes, Change{Key: KeyMaxOrphans, Value: "1000"}, Harmful, ""},
		{"max_orphans raised", classes, Change{Key: KeyMaxOrphans, Value: "500000"}, NoEffect, ""},
		{"tcp_mem raised", classes, Change{Key: KeyTCPMem, Value: "200000 400000 600000"}, Helps, ""},
		{"conntrack_max", classes, Change{Key: KeyConntrackMax, Value: "2000"}, Helps, ""},
		{"gc_thresh3", classes, Change{Key: KeyNeighThresh3, Value: "4096"}, Helps, ""},
		{"gc_thresh3 of IPv6", classes, Change{Key: KeyNeigh6Thresh3, Value: "4096"}, NoEffect, ""},
		{"netdev_max_backlog", classes, Change{Key: KeyNetdevMaxBacklog, Value: "5000"}, Helps, ""},
		{"netdev_max_backlog without drops", empty, Change{Key: KeyNetdevMaxBacklog, Value: "5000"}, NoEffect, ""},
		{"tw_recycle", exhausted, Change{Key: KeyTWRecycle, Value: "1"}, NoEffect, "removed"},
		{"sack off", exhausted, Change{Key: "net.ipv4.tcp_sack", Value: "0"}, Harmful, ""},
		{"sack on", exhausted, Change{Key: "net.ipv4.tcp_sack", Value: "1"}, Unknown, "not modelled"},
		{"fastopen without cookies", exhausted, Change{Key: "net.ipv4.tcp_fastopen", Value: "519"}, Harmful, ""},
		{"fastopen", exhausted, Change{Key: "net.ipv4.tcp_fastopen", Value: "3"}, Unknown, ""},
		{"challenge limit", exhausted, Change{Key: "net.ipv4.tcp_challenge_ack_limit", Value: "100"}, Harmful, ""},
		{"no_pmtu_disc", exhausted, Change{Key: "net.ipv4.ip_no_pmtu_disc", Value: "1"}, Harmful, ""},
		{"low_latency", exhausted, Change{Key: "net.ipv4.tcp_low_latency", Value: "1"}, NoEffect, "4.14"},
		{"fack", exhausted, Change{Key: "net.ipv4.tcp_fack", Value: "1"}, NoEffect, ""},
		{"route.max_size", exhausted, Change{Key: "net.ipv4.route.max_size", Value: "1"}, NoEffect, ""},
		{"dsack off", exhausted, Change{Key: "net.ipv4.tcp_dsack", Value: "0"}, Harmful, ""},
		{"window scaling off", exhausted, Change{Key: "net.ipv4.tcp_window_scaling", Value: "0"}, Harmful, ""},
		{"autotuning off", exhausted, Change{Key: "net.ipv4.tcp_moderate_rcvbuf", Value: "0"}, Harmful, ""},
		{"no_pmtu_disc 2", exhausted, Change{Key: "net.ipv4.ip_no_pmtu_disc", Value: "2"}, Harmful, ""},
		{"no_pmtu_disc 3", exhausted, Change{Key: "net.ipv4.ip_no_pmtu_disc", Value: "3"}, Unknown, ""},
		{"challenge limit, a little low", exhausted, Change{Key: "net.ipv4.tcp_challenge_ack_limit", Value: "999"}, Harmful, ""},
		{"challenge limit, high", exhausted, Change{Key: "net.ipv4.tcp_challenge_ack_limit", Value: "1000"}, Unknown, ""},
		{"nonsense for somaxconn", overflowed, Change{Key: KeySomaxconn, Value: "x"}, Unknown, "whole number"},
		{"max_orphans raised where orphans are reset", refusing, Change{Key: KeyMaxOrphans, Value: "500000"}, Helps, ""},
		{"tcp_mem raised where data is refused", refusing, Change{Key: KeyTCPMem, Value: "100000 200000 600000"}, Helps, ""},
		{"max_orphans raised while connections close", other, Change{Key: KeyMaxOrphans, Value: "500000"}, NoEffect, ""},
		{"tcp_mem raised while connections open", other, Change{Key: KeyTCPMem, Value: "100000 200000 600000"}, NoEffect, ""},
		{"tcp_mem lowered", empty, Change{Key: KeyTCPMem, Value: "100000 200000 290000"}, Harmful, ""},
		{"the pressure of tcp_mem", refusing, Change{Key: KeyTCPMem, Value: "100000 290000 300000"}, NoEffect, "already"},
		{"netdev_max_backlog lowered", empty, Change{Key: KeyNetdevMaxBacklog, Value: "999"}, Harmful, ""},
		{"keepalive where no connection asks", silent, Change{Key: KeyKeepaliveTime, Value: "600"}, NoEffect, "SO_KEEPALIVE"},
		{"rfc1337", exhausted, Change{Key: KeyRFC1337, Value: "1"}, Unknown, "no prediction"},
		{"unread", facts.Window{Namespaces: []facts.NamespaceWindow{{}}}, Change{Key: KeyTWReuse, Value: "1"}, Unknown, "could not be read"},
		{"nonsense", exhausted, Change{Key: KeyTWReuse, Value: "maybe"}, Unknown, "whole number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Predict(&NewView(tt.window).Namespaces[0], tt.change)
			if got.Verdict != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("%s: got %s (%s; %s), want %s because of %q", tt.change, got.Verdict, got.Reason, got.Predicted, tt.want, tt.reason)
			}
		})
	}
}

func windowWith(w facts.Window, key, value string) facts.Window {
	n := w.Namespaces[0]
	n.Settings = maps.Clone(n.Settings)
	n.Settings[key] = value
	w.Namespaces = []facts.NamespaceWindow{n}
	return w
}

func TestLoadsOfAWindow(t *testing.T) {
	t.Parallel()
	a := facts.Listener{Cookie: 1, Local: netip.MustParseAddrPort("0.0.0.0:80"), Family: facts.IPv4, Queue: 3, Limit: 128}
	b := facts.Listener{Cookie: 2, Local: netip.MustParseAddrPort("0.0.0.0:81"), Family: facts.IPv4, Queue: 129, Limit: 128}
	w := windowOf(nil, facts.Counters{"TcpExt.ListenOverflows": 50, "Tcp.PassiveOpens": 500},
		facts.Census{Complete: true, Sockets: 2, Listeners: []facts.Listener{a, b}},
		facts.Watch{Cookie: 2, Polls: 10, Full: 5, HighWater: 129, FirstDrops: some(uint32(0)), LastDrops: some(uint32(25))})
	n := &NewView(w).Namespaces[0]
	if l := n.listenerOf(Change{}); l.Cookie != 2 {
		t.Errorf("got listener %d, want the one that is full", l.Cookie)
	}
	if l := n.listenerOf(Change{Listener: &n.Listeners[0]}); l.Cookie != 1 {
		t.Errorf("got listener %d, want the one that was named", l.Cookie)
	}
	// Its own drop counter bounds what the namespace counted.
	if got := n.AcceptLoad(&n.Listeners[1]); got.DropsPerSecond != 5 || got.ArrivalsPerSecond != 105 || got.AcceptsPerSecond != 100 || got.FullShare != 0.5 {
		t.Errorf("got %+v, want 5 drops, 105 arrivals, 100 accepts a second", got)
	}
	if got := n.AcceptLoad(&n.Listeners[0]); got.DropsPerSecond != 0 {
		t.Errorf("got %v drops for a listener that was never full, want 0", got.DropsPerSecond)
	}
	if l := n.FinWait2Load(); l != (FinWait2Load{}) {
		t.Errorf("got %+v, want nothing", l)
	}
}
