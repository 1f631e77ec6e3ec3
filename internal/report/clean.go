package report

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text fit to be shown, in one line: whatever a terminal could take for a
// command, or a reader for something else than it is, is spelled out. A process
// may call itself "\x1b[2J" or turn the direction of the text around it.
func Clean(s string) string {
	if !strings.ContainsFunc(s, mustEscape) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !mustEscape(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// cleanAll cleans each text.
func cleanAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = Clean(s)
	}
	return out
}

// mustEscape reports whether a rune is shown as something other than itself:
// controls of both sets, and what Unicode calls formats, separators and spaces
// that are no plain space.
func mustEscape(r rune) bool { return !unicode.IsPrint(r) }

// makeUTF8 replaces bytes that are no text, one by one, everywhere in a report:
// names come from the kernel, which passes on any byte. JSON would do the same,
// so that a report is the same before and after it was a recording.
func makeUTF8(r *Report) { walkStrings(reflect.ValueOf(r).Elem(), utf8Only) }

func utf8Only(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s)) // a range over a string yields one U+FFFD for each bad byte
}

// walkStrings applies f to every string that v holds and that can be set.
func walkStrings(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(f(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			walkStrings(v.Elem(), f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walkStrings(v.Index(i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walkStrings(v.Field(i), f)
			}
		}
	default: // holds no string
	}
}
