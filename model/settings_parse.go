package model

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settingField binds one parameter to its field of [Settings].
type settingField struct {
	key    string
	parse  func(*Settings, string) error
	number func(*Settings) float64 // in the unit of the sysctl file
}

// settingFields is the table of what [ParseSettings] reads. Its order is the
// order of the bits of Settings.known.
var settingFields = []settingField{
	intField(KeySomaxconn, func(s *Settings) *int { return &s.Somaxconn }),
	intField(KeyNetdevMaxBacklog, func(s *Settings) *int { return &s.NetdevMaxBacklog }),
	intField(KeyMaxSynBacklog, func(s *Settings) *int { return &s.MaxSynBacklog }),
	intField(KeySyncookies, func(s *Settings) *int { return &s.Syncookies }),
	intField(KeySynackRetries, func(s *Settings) *int { return &s.SynackRetries }),
	intField(KeySynRetries, func(s *Settings) *int { return &s.SynRetries }),
	intField(KeySynLinearTimeouts, func(s *Settings) *int { return &s.SynLinearTimeouts }),
	boolField(KeyAbortOnOverflow, func(s *Settings) *bool { return &s.AbortOnOverflow }),
	boolField(KeyMigrateReq, func(s *Settings) *bool { return &s.MigrateReq }),
	timeField(KeyFinTimeout, time.Second, func(s *Settings) *time.Duration { return &s.FinTimeout }),
	intField(KeyOrphanRetries, func(s *Settings) *int { return &s.OrphanRetries }),
	intField(KeyRetries2, func(s *Settings) *int { return &s.Retries2 }),
	timeField(KeyKeepaliveTime, time.Second, func(s *Settings) *time.Duration { return &s.KeepaliveTime }),
	timeField(KeyKeepaliveInterval, time.Second, func(s *Settings) *time.Duration { return &s.KeepaliveInterval }),
	intField(KeyKeepaliveProbes, func(s *Settings) *int { return &s.KeepaliveProbes }),
	intField(KeyTWReuse, func(s *Settings) *int { return &s.TWReuse }),
	timeField(KeyTWReuseDelay, time.Millisecond, func(s *Settings) *time.Duration { return &s.TWReuseDelay }),
	intField(KeyMaxTWBuckets, func(s *Settings) *int { return &s.MaxTWBuckets }),
	intField(KeyMaxOrphans, func(s *Settings) *int { return &s.MaxOrphans }),
	{KeyPortRange, parsePortRange, func(s *Settings) float64 { return float64(s.PortRange.Size()) }},
	{KeyReservedPorts, parseReserved, func(s *Settings) float64 { return float64(reservedIn(s.ReservedPorts, PortRange{1, 65535})) }},
	intField(KeyTimestamps, func(s *Settings) *int { return &s.Timestamps }),
	boolField(KeyRFC1337, func(s *Settings) *bool { return &s.RFC1337 }),
	timeField(KeyInvalidRateLimit, time.Millisecond, func(s *Settings) *time.Duration { return &s.InvalidRateLimit }),
	timeField(KeyRTOMin, time.Microsecond, func(s *Settings) *time.Duration { return &s.RTOMin }),
	timeField(KeyRTOMax, time.Millisecond, func(s *Settings) *time.Duration { return &s.RTOMax }),
	{KeyTCPMem, parseTCPMem, func(s *Settings) float64 { return float64(s.TCPMemPages[2]) }},
	intField(KeyConntrackMax, func(s *Settings) *int { return &s.ConntrackMax }),
	intField(KeyNeighThresh3, func(s *Settings) *int { return &s.NeighThresh3 }),
	intField(KeyNeigh6Thresh3, func(s *Settings) *int { return &s.Neigh6Thresh3 }),
}

// SettingKeys returns the parameters that [ParseSettings] reads.
func SettingKeys() []string {
	keys := make([]string, len(settingFields))
	for i, f := range settingFields {
		keys[i] = f.key
	}
	return keys
}

// ParseSettings reads the parameters of a namespace, by full sysctl name, on
// top of the defaults of its dialect. A parameter that is absent keeps its
// default and stays unknown; one that cannot be read does so too, and is named
// in the error, which does not make the settings unusable.
func ParseSettings(values map[string]string, d Dialect, memoryBytes uint64) (Settings, error) {
	s := DefaultSettings(d, memoryBytes)
	var errs []error
	for i, f := range settingFields {
		value, ok := values[f.key]
		if !ok {
			continue
		}
		if err := f.parse(&s, value); err != nil {
			errs = append(errs, fmt.Errorf("model: %s: %w", f.key, err))
			continue
		}
		s.known |= 1 << i
	}
	return s, errors.Join(errs...)
}

// With returns the settings with one parameter changed.
func (s Settings) With(key, value string) (Settings, error) {
	i := fieldIndex(key)
	if i < 0 {
		return s, fmt.Errorf("model: %s: not a modelled parameter", key)
	}
	if err := settingFields[i].parse(&s, value); err != nil {
		return s, fmt.Errorf("model: %s: %w", key, err)
	}
	s.known |= 1 << i
	return s, nil
}

// Number returns a parameter as a number in the unit of its file (the size of
// the range for ports, the limit for tcp_mem), and whether the model has it.
func (s Settings) Number(key string) (float64, bool) {
	i := fieldIndex(key)
	if i < 0 {
		return 0, false
	}
	return settingFields[i].number(&s), true
}

func fieldIndex(key string) int {
	return slices.IndexFunc(settingFields, func(f settingField) bool { return f.key == key })
}

func intField(key string, at func(*Settings) *int) settingField {
	return settingField{key,
		func(s *Settings, v string) error { return parseInt(v, at(s)) },
		func(s *Settings) float64 { return float64(*at(s)) }}
}

func boolField(key string, at func(*Settings) *bool) settingField {
	return settingField{key,
		func(s *Settings, v string) error {
			var n int
			err := parseInt(v, &n)
			if err == nil {
				*at(s) = n != 0
			}
			return err
		},
		func(s *Settings) float64 {
			if *at(s) {
				return 1
			}
			return 0
		}}
}

func timeField(key string, unit time.Duration, at func(*Settings) *time.Duration) settingField {
	return settingField{key,
		func(s *Settings, v string) error {
			var n int
			err := parseInt(v, &n)
			if err == nil {
				*at(s) = time.Duration(n) * unit
			}
			return err
		},
		func(s *Settings) float64 { return float64(*at(s)) / float64(unit) }}
}

func parseInt(value string, to *int) error {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", value)
	}
	*to = int(n)
	return nil
}

func parsePort(value string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port", value)
	}
	return uint16(n), nil
}

func parsePortRange(s *Settings, value string) error {
	f := strings.Fields(value)
	if len(f) != 2 {
		return fmt.Errorf("%q is not two ports", value)
	}
	low, err := parsePort(f[0])
	if err != nil {
		return err
	}
	high, err := parsePort(f[1])
	if err != nil {
		return err
	}
	if low > high {
		return fmt.Errorf("%d is above %d", low, high)
	}
	s.PortRange = PortRange{low, high}
	return nil
}

// parseReserved reads the kernel's bitmap notation: "8080,9000-9010".
func parseReserved(s *Settings, value string) error {
	var set []PortRange
	for item := range strings.SplitSeq(strings.TrimSpace(value), ",") {
		if item == "" {
			continue
		}
		a, b, isRange := strings.Cut(item, "-")
		if !isRange {
			b = a
		}
		low, err := parsePort(a)
		if err != nil {
			return err
		}
		high, err := parsePort(b)
		if err != nil {
			return err
		}
		if low > high {
			return fmt.Errorf("%d is above %d", low, high)
		}
		set = append(set, PortRange{low, high})
	}
	s.ReservedPorts = mergePorts(set)
	return nil
}

// mergePorts sorts ranges and joins those that touch or overlap.
func mergePorts(set []PortRange) []PortRange {
	slices.SortFunc(set, func(a, b PortRange) int { return int(a.Low) - int(b.Low) })
	var out []PortRange
	for _, r := range set {
		if n := len(out); n > 0 && int(r.Low) <= int(out[n-1].High)+1 {
			out[n-1].High = max(out[n-1].High, r.High)
			continue
		}
		out = append(out, r)
	}
	return out
}

func parseTCPMem(s *Settings, value string) error {
	f := strings.Fields(value)
	if len(f) != len(s.TCPMemPages) {
		return fmt.Errorf("%q is not three numbers", value)
	}
	var pages [3]int
	for i, v := range f {
		if err := parseInt(v, &pages[i]); err != nil {
			return err
		}
	}
	s.TCPMemPages = pages
	return nil
}
