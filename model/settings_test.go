package model

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var modern = NewDialect(Probe{Release: "6.18.44"})

func TestDefaultSettings(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	got := DefaultSettings(modern, 24*gib)
	want := Settings{
		Somaxconn: 4096, NetdevMaxBacklog: 1000, MaxSynBacklog: 2048, Syncookies: 1, SynackRetries: 5,
		SynRetries: 6, SynLinearTimeouts: 4, FinTimeout: time.Minute, Retries2: 15,
		KeepaliveTime: 2 * time.Hour, KeepaliveInterval: 75 * time.Second, KeepaliveProbes: 9,
		TWReuse: 2, TWReuseDelay: time.Second, MaxTWBuckets: 131072, MaxOrphans: 131072,
		PortRange: PortRange{32768, 60999}, Timestamps: 1, InvalidRateLimit: 500 * time.Millisecond,
		RTOMin: 200 * time.Millisecond, RTOMax: 2 * time.Minute, NeighThresh3: 1024, Neigh6Thresh3: 1024,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Errorf("6.18 with 24 GiB (-want +got):\n%s", diff)
	}
	old := DefaultSettings(NewDialect(Probe{Release: "4.18.0-193.el8_2"}), 64*gib)
	if old.Somaxconn != 128 || old.MaxSynBacklog != 2048 || old.TWReuse != 0 || old.SynLinearTimeouts != 0 {
		t.Errorf("RHEL 8.2: got %+v", old)
	}
	if s := DefaultSettings(modern, gib); s.MaxTWBuckets != 4096 || s.MaxSynBacklog != 128 {
		t.Errorf("1 GiB: got %d buckets, %d backlog, want 4096, 128", s.MaxTWBuckets, s.MaxSynBacklog)
	}
	for _, key := range SettingKeys() {
		if got.Known(key) {
			t.Errorf("%s counts as known although nothing was read", key)
		}
	}
}

func TestEstablishedBuckets(t *testing.T) {
	t.Parallel()
	for memory, want := range map[uint64]int{
		0: 1, 128 << 10: 1, 256 << 10: 2, 257 << 10: 2, 384 << 10: 4, 1 << 30: 8192,
		32 << 30: 262144, 33 << 30: 524288, 64 << 30: 524288, 1 << 40: 524288,
	} {
		if got := EstablishedBuckets(memory); got != want {
			t.Errorf("%d bytes: got %d, want %d", memory, got, want)
		}
	}
}

func TestParseSettings(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		KeySomaxconn: "11", KeyNetdevMaxBacklog: "12", KeyMaxSynBacklog: "13", KeySyncookies: "2",
		KeySynackRetries: "3", KeySynRetries: "4", KeySynLinearTimeouts: "5", KeyAbortOnOverflow: "1",
		KeyMigrateReq: "1", KeyFinTimeout: "31\n", KeyOrphanRetries: "7", KeyRetries2: "8",
		KeyKeepaliveTime: "600", KeyKeepaliveInterval: "30", KeyKeepaliveProbes: "6", KeyTWReuse: "1",
		KeyTWReuseDelay: "250", KeyMaxTWBuckets: "5000", KeyMaxOrphans: "6000",
		KeyPortRange: "1024\t65535", KeyReservedPorts: "9000-9010,8080,9005-9020,9021", KeyTimestamps: "0",
		KeyRFC1337: "1", KeyInvalidRateLimit: "100", KeyRTOMin: "5000", KeyRTOMax: "60000",
		KeyTCPMem: "1 2 3", KeyConntrackMax: "262144", KeyNeighThresh3: "2048", KeyNeigh6Thresh3: "4096",
	}
	got, err := ParseSettings(values, modern, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Somaxconn: 11, NetdevMaxBacklog: 12, MaxSynBacklog: 13, Syncookies: 2, SynackRetries: 3,
		SynRetries: 4, SynLinearTimeouts: 5, AbortOnOverflow: true, MigrateReq: true,
		FinTimeout: 31 * time.Second, OrphanRetries: 7, Retries2: 8, KeepaliveTime: 10 * time.Minute,
		KeepaliveInterval: 30 * time.Second, KeepaliveProbes: 6, TWReuse: 1, TWReuseDelay: 250 * time.Millisecond,
		MaxTWBuckets: 5000, MaxOrphans: 6000, PortRange: PortRange{1024, 65535},
		ReservedPorts: []PortRange{{8080, 8080}, {9000, 9021}}, RFC1337: true,
		InvalidRateLimit: 100 * time.Millisecond, RTOMin: 5 * time.Millisecond, RTOMax: time.Minute,
		TCPMemPages: [3]int{1, 2, 3}, ConntrackMax: 262144, NeighThresh3: 2048, Neigh6Thresh3: 4096,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if len(values) != len(SettingKeys()) {
		t.Errorf("got %d keys, want the %d that are tested", len(SettingKeys()), len(values))
	}
	numbers := map[string]float64{
		KeySomaxconn: 11, KeyAbortOnOverflow: 1, KeyFinTimeout: 31, KeyTWReuseDelay: 250,
		KeyPortRange: 64512, KeyReservedPorts: 23, KeyTCPMem: 3, KeyRTOMin: 5000,
	}
	for key, want := range numbers {
		if got, ok := got.Number(key); !ok || got != want {
			t.Errorf("%s: got %v, %v, want %v", key, got, ok, want)
		}
	}
	for key := range values {
		if !got.Known(key) {
			t.Errorf("%s was read but is not known", key)
		}
	}
}

func TestParseSettingsErrors(t *testing.T) {
	t.Parallel()
	for key, bad := range map[string][]string{
		KeySomaxconn:       {"", "many", "1.5"},
		KeyAbortOnOverflow: {"yes"},
		KeyFinTimeout:      {"1m"},
		KeyPortRange:       {"1024", "1 2 3", "a 2", "2 a", "60000 1024", "1 70000"},
		KeyReservedPorts:   {"a", "1-b", "9-8", "70000"},
		KeyTCPMem:          {"1 2", "1 2 c"},
	} {
		for _, value := range bad {
			s, err := ParseSettings(map[string]string{key: value, KeyTWReuse: "1"}, modern, 1<<30)
			if err == nil || !strings.Contains(err.Error(), key) || !strings.HasPrefix(err.Error(), "model: ") {
				t.Errorf("%s=%q: got error %v, want one that names the key", key, value, err)
			}
			if s.Known(key) || !s.Known(KeyTWReuse) || s.TWReuse != 1 {
				t.Errorf("%s=%q: a bad value must stay unknown and leave the others alone", key, value)
			}
		}
	}
	if s := DefaultSettings(modern, 0); s.Known("net.ipv4.nosuch") {
		t.Error("an unmodelled parameter is known")
	}
	if _, ok := (Settings{}).Number("net.ipv4.nosuch"); ok {
		t.Error("an unmodelled parameter has a number")
	}
}

func TestSettingsWith(t *testing.T) {
	t.Parallel()
	s := DefaultSettings(modern, 1<<30)
	got, err := s.With(KeyFinTimeout, "30")
	if err != nil || got.FinTimeout != 30*time.Second || s.FinTimeout != time.Minute || !got.Known(KeyFinTimeout) {
		t.Errorf("got %v, %v; before %v", got.FinTimeout, err, s.FinTimeout)
	}
	if _, err := s.With("net.ipv4.nosuch", "1"); err == nil {
		t.Error("an unmodelled parameter was set")
	}
	if _, err := s.With(KeyFinTimeout, "x"); err == nil {
		t.Error("nonsense was set")
	}
	if one, err := s.With(KeyPortRange, "5000 5000"); err != nil || one.PortRange.Size() != 1 {
		t.Errorf("a range of one port: got %v, %v", one.PortRange, err)
	}
	ends, err := s.With(KeyReservedPorts, "65535,1,3-4,6")
	if n, _ := ends.Number(KeyReservedPorts); err != nil || n != 5 || len(ends.ReservedPorts) != 4 {
		t.Errorf("reserved ports: got %v, %v", ends.ReservedPorts, err)
	}
	if n := DefaultSettings(Dialect{}, 64<<30).MaxSynBacklog; n != 2048 {
		t.Errorf("the oldest dialect: got a SYN backlog of %d, want 2048", n)
	}
	if n := (PortRange{10, 9}).Size(); n != 0 {
		t.Errorf("an empty range has %d ports", n)
	}
	if r := (PortRange{10, 12}); !r.Has(10) || !r.Has(12) || r.Has(9) || r.Has(13) || r.Size() != 3 {
		t.Errorf("range %v is wrong at its ends", r)
	}
	if (Settings{}).rtoMax() != 120*time.Second || (Settings{}).rtoMin() != 200*time.Millisecond {
		t.Error("the zero settings must use the kernel's own timeouts")
	}
}
