package facts

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// drawWindow draws a window with every field of every type filled at random, so
// that a field added later is covered without further ado.
func drawWindow(t *rapid.T) Window {
	var w Window
	fill(t, reflect.ValueOf(&w).Elem())
	for i := range w.Namespaces {
		// Without a reading nothing of it is recorded, its time included.
		if w.Namespaces[i].Start.IsZero() {
			w.Namespaces[i].Start = Snapshot{}
		}
	}
	return w
}

// fill draws a value of whatever type v has. Empty slices and maps are nil, as
// collectors leave them.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		at := rapid.Int64Range(0, 4e9).Draw(t, "seconds")
		v.Set(reflect.ValueOf(time.Unix(at, at%1e9).UTC()))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(drawAddr(t)))
		return
	case netip.AddrPort:
		if a := drawAddr(t); a.IsValid() { // without an address there is no port
			v.Set(reflect.ValueOf(netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))))
		}
		return
	case State:
		v.SetUint(uint64(rapid.IntRange(0, StateCount-1).Draw(t, "state")))
		return
	}
	if strings.HasPrefix(v.Type().Name(), "Opt[") {
		fillOpt(t, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field)
		}
	case reflect.Array:
		for i := range v.Len() {
			if rapid.IntRange(0, 9).Draw(t, "sparse") == 0 {
				fill(t, v.Index(i))
			}
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 2).Draw(t, "length"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Map:
		fillMap(t, v)
	default:
		fillPlain(t, v)
	}
}

func fillPlain(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-1e12, 1e12).Draw(t, "number"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		bits := v.Type().Bits()
		v.SetUint(rapid.Uint64Max(1<<(bits-1)|(1<<(bits-1)-1)).Draw(t, "number"))
	default:
		t.Fatalf("no way to draw a %s", v.Type())
	}
}

func fillMap(t *rapid.T, v reflect.Value) {
	n := rapid.IntRange(0, 2).Draw(t, "entries")
	if n == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.SetMapIndex(key, value)
	}
}

// fillOpt leaves the value unknown, or makes it known by way of its JSON form,
// since its fields cannot be set from outside.
func fillOpt(t *rapid.T, v reflect.Value) {
	if rapid.Bool().Draw(t, "unknown") {
		return
	}
	inner := reflect.New(v.Field(0).Type()).Elem()
	fill(t, inner)
	b, err := json.Marshal(inner.Interface())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(b); err != nil {
		t.Fatal(err)
	}
}

func drawAddr(t *rapid.T) netip.Addr {
	special := rapid.SampledFrom([]string{
		"", "0.0.0.0", "127.0.0.1", "127.1.2.3", "::", "::1", "169.254.7.8", "224.0.0.251", "10.1.2.3",
		"172.20.1.1", "192.168.1.1", "100.64.3.4", "::ffff:10.1.2.3", "::ffff:127.0.0.1", "::ffff:93.184.216.34",
		"fe80::1%eth7", "fd00::7", "ff02::1", "2001:db8::5",
	})
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ipv4")
		return netip.AddrFrom4([4]byte(b))
	case 1:
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ipv6")
		return netip.AddrFrom16([16]byte(b))
	}
	s := special.Draw(t, "special")
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}
