package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/tcpdoctor/tcpdoctor/rules"
)

// settingKeys lists what may be set, as it is spelled in files. An element of a
// list is spelled [], as in receivers[].url.
func settingKeys() []string {
	keys := keysOf("", reflect.TypeFor[settings]())
	for _, r := range rules.All() {
		for _, t := range r.Thresholds {
			keys = append(keys, "thresholds."+r.ID+"."+t.Name)
		}
		keys = append(keys, keysOf("alerts.rules."+r.ID, reflect.TypeFor[alertTimes]())...)
	}
	slices.Sort(keys)
	return keys
}

// keysOf lists the keys of a type below a prefix. The keys of maps are data, and
// listed by who knows them.
func keysOf(prefix string, t reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Struct:
		var keys []string
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
			switch {
			case strings.Contains(options, "squash"):
				keys = append(keys, keysOf(prefix, f.Type)...)
			case name != "" && name != "-":
				keys = append(keys, keysOf(join(prefix, name), f.Type)...)
			}
		}
		return keys
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return keysOf(prefix+"[]", t.Elem())
	case t.Kind() == reflect.Map && t.Elem().Kind() != reflect.String:
		return nil
	}
	return []string{prefix}
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// unknownKeys lists the keys of a file that nothing knows, sorted.
func unknownKeys(values map[string]any, known []string) []string {
	var unknown []string
	for _, k := range leaves("", values) {
		if !slices.ContainsFunc(known, func(key string) bool { return sameKey(k, key) }) {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// unknownEnvironment tells of variables that look like settings and are none. What
// commands are given about an alert is not meant for us, see [notify.CommandConfig].
func unknownEnvironment(environ []string) settingsError {
	var known []string
	for _, k := range settingKeys() {
		known = append(known, "TCPDOCTOR_"+strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k)))
	}
	var wrong settingsError
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "TCPDOCTOR_") && !strings.HasPrefix(name, "TCPDOCTOR_ALERT_") && !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Sprintf("environment: no setting %s%s", name, suggestion(name, known)))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// leaves lists the keys of values, with the place in its list for what is in a
// list: receivers[0].url.
func leaves(prefix string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		var keys []string
		for name, below := range v {
			keys = append(keys, leaves(join(prefix, name), below)...)
		}
		if len(keys) == 0 && prefix != "" {
			return []string{prefix}
		}
		return keys
	case []any:
		var keys []string
		for i, below := range v {
			if m, ok := below.(map[string]any); ok {
				keys = append(keys, leaves(prefix+"["+strconv.Itoa(i)+"]", m)...)
			}
		}
		if len(keys) > 0 {
			return keys
		}
	}
	return []string{prefix}
}

// sameKey reports whether a key that was found is the known one, or a part of it
// that was left empty, or an entry of a map.
func sameKey(found, known string) bool {
	var plain strings.Builder
	for piece := range strings.SplitSeq(found, "[") {
		if plain.Len() == 0 && !strings.Contains(piece, "]") {
			plain.WriteString(piece)
			continue
		}
		_, rest, _ := strings.Cut(piece, "]")
		plain.WriteString("[]" + rest)
	}
	p := plain.String()
	return p == known || strings.HasPrefix(known, p+".") || strings.HasPrefix(known, p+"[]")
}

// decodeSettings turns values into settings, and tells everything that does not
// fit.
func decodeSettings(values map[string]any) (s settings, problems []string) {
	s = defaultSettings()
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:           &s,
		WeaklyTypedInput: true, // the environment holds text only
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			readDuration, mapstructure.TextUnmarshallerHookFunc(), mapstructure.StringToSliceHookFunc(","),
		),
	})
	if err != nil {
		return s, []string{err.Error()}
	}
	if err := d.Decode(values); err != nil {
		problems = decodingProblems(err)
		slices.Sort(problems)
	}
	return s, problems
}

// decodingProblems takes apart what mapstructure found: errors that hold others,
// down to one for each key.
func decodingProblems(err error) []string {
	switch e := err.(type) { //nolint:errorlint // what this very error is, then what it holds
	case *mapstructure.DecodeError:
		return []string{fmt.Sprintf("%s: %v", e.Name(), e.Unwrap())}
	case interface{ Unwrap() []error }:
		var out []string
		for _, below := range e.Unwrap() {
			out = append(out, decodingProblems(below)...)
		}
		return out
	case interface{ Unwrap() error }:
		return decodingProblems(e.Unwrap())
	}
	return []string{err.Error()}
}

// readDuration reads "10s", "30d", or a number of seconds.
func readDuration(_, to reflect.Type, value any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() {
		return value, nil
	}
	return parseDuration(fmt.Sprint(value))
}
