package profiles

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParseInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit Unit
		text string
		want float64
		bad  bool
	}{
		{unit: Bytes, text: "65536", want: 65536},
		{unit: Bytes, text: "512MiB", want: 512 << 20},
		{unit: Bytes, text: "1.5 GiB", want: 1.5 * (1 << 30)},
		{unit: Bytes, text: "64K", want: 65536},
		{unit: Bytes, text: "10Gbit/s", bad: true},
		{unit: BitsPerSecond, text: "10Gbit/s", want: 1e10},
		{unit: BitsPerSecond, text: "1e9", want: 1e9},
		{unit: BitsPerSecond, text: "100Mbps", want: 1e8},
		{unit: BitsPerSecond, text: "40G", want: 4e10},
		{unit: Seconds, text: "100ms", want: 0.1},
		{unit: Seconds, text: "0.1", want: 0.1},
		{unit: Seconds, text: "4m", want: 240},
		{unit: Seconds, text: "-1s", bad: true},
		{unit: PerSecond, text: "2000", want: 2000},
		{unit: PerSecond, text: "2k/s", want: 2000},
		{unit: Count, text: "17", want: 17},
		{unit: Count, text: "-1", bad: true},
		{unit: Count, text: "NaN", bad: true},
		{unit: Count, text: "", bad: true},
		{unit: Count, text: "1 2", bad: true},
		{unit: YesNo, text: "yes", want: 1},
		{unit: YesNo, text: "False"},
		{unit: YesNo, text: "maybe", bad: true},
		{unit: PortSet, text: "80,8000-8080"},
		{unit: PortSet, text: "8080-80", bad: true},
		{unit: PortSet, text: "80;90", bad: true},
	} {
		t.Run(string(c.unit)+"/"+c.text, func(t *testing.T) {
			t.Parallel()
			v, err := Input{Name: "x", Unit: c.unit}.Parse(c.text)
			if (err != nil) != c.bad || math.Abs(v.Number-c.want) > 1e-9*c.want {
				t.Errorf("got %v, %v, want %v, error %v", v.Number, err, c.want, c.bad)
			}
		})
	}
}

// What is shown of a value can be given as one.
func TestInputFormat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := Input{Name: "x", Unit: rapid.SampledFrom(units()).Draw(t, "unit")}
		v := Value{Number: rapid.Float64Range(1, 1e12).Draw(t, "number")}
		switch in.Unit {
		case YesNo:
			v.Number = float64(rapid.IntRange(0, 1).Draw(t, "yes"))
		case PortSet:
			v = Value{Text: "22,8000-8080"}
		case Seconds:
			v.Number = float64(rapid.IntRange(0, 1e6).Draw(t, "ms")) / 1000
		case Bytes, BitsPerSecond, PerSecond, Count:
		}
		back, err := in.Parse(in.Format(v))
		if err != nil || back.Text != v.Text || math.Abs(back.Number-v.Number) > v.Number/100 {
			t.Errorf("%v as %q: got %v, %v", v, in.Format(v), back, err)
		}
	})
	if got := (Input{Unit: PortSet}).Format(Value{}); got != "none" {
		t.Errorf("no ports: got %q, want none", got)
	}
}

func TestPortsFrom(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"", ""}, {"22,443", ""}, {"16383-16384", "16384"}, {"10-20000,30000", "16384-20000,30000"}} {
		if got, err := portsFrom(c[0], 16384); err != nil || got != c[1] {
			t.Errorf("%q: got %q, %v, want %q", c[0], got, err, c[1])
		}
	}
	if _, err := portsFrom("x", 1); err == nil {
		t.Error("got no error for what is no port")
	}
}

func TestPow2AndClamp(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]float64{{0, 1}, {1, 1}, {1.5, 2}, {2, 2}, {4096, 4096}, {4097, 8192}, {250e6, 268435456}} {
		if got, err := pow2(c[0]); err != nil || got != c[1] {
			t.Errorf("pow2(%g): got %g, %v, want %g", c[0], got, err, c[1])
		}
	}
	if got, err := clamp(3, 4096, 65535); err != nil || got != 4096 {
		t.Errorf("clamp: got %g, %v, want 4096", got, err)
	}
	if _, err := clamp("x", 1, 2); err == nil {
		t.Error("clamp of a text: got no error")
	}
}
