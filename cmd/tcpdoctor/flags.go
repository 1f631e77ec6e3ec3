package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/report"
	"github.com/tcpdoctor/tcpdoctor/rules"
)

// duration is the value of a flag: "5s", "1m30s", "7d", or a plain number of seconds.
type duration time.Duration

// String prints the duration as it would be given.
func (d *duration) String() string { return time.Duration(*d).String() }

// Type names the value in help texts.
func (d *duration) Type() string { return "duration" }

// Set reads the duration.
func (d *duration) Set(s string) error {
	v, err := parseDuration(s)
	if err != nil {
		return err
	}
	*d = duration(v)
	return nil
}

// parseDuration reads what time.ParseDuration does, weeks and days in front of
// it, and plain seconds.
func parseDuration(s string) (time.Duration, error) {
	rest, long := cutDays(s)
	v, err := time.ParseDuration(rest)
	if seconds, numeric := strconv.ParseFloat(s, 64); numeric == nil {
		if math.Abs(seconds) > 1e9 || math.IsNaN(seconds) {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		v, err = time.Duration(seconds*float64(time.Second)), nil
	}
	switch {
	case rest == "" && long > 0:
		return long, nil
	case err != nil:
		return 0, fmt.Errorf("%q is no duration such as 5s or 2m", s)
	case v < 0:
		return 0, fmt.Errorf("%q is negative", s)
	}
	return long + v, nil
}

// cutDays cuts whole weeks and days off the front of a duration: "1w2d12h".
func cutDays(s string) (rest string, long time.Duration) {
	for _, unit := range []struct {
		letter string
		is     time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		digits, after, found := strings.Cut(s, unit.letter)
		if n, err := strconv.ParseUint(digits, 10, 16); found && err == nil {
			long += time.Duration(n) * unit.is
			s = after
		}
	}
	return s, long
}

// severity is the value of --min-severity.
type severity rules.Severity

// String prints the severity.
func (s *severity) String() string { return string(*s) }

// Type names the value in help texts.
func (s *severity) Type() string { return "severity" }

// Set reads the severity.
func (s *severity) Set(text string) error {
	v, err := rules.ParseSeverity(text)
	if err != nil {
		return err
	}
	*s = severity(v)
	return nil
}

// format is the value of --output.
type format string

// String prints the name of the format.
func (f *format) String() string { return string(*f) }

// Type names the value in help texts.
func (f *format) Type() string { return "format" }

// Set checks that there is such a format.
func (f *format) Set(text string) error {
	if _, err := report.ParseFormat(text); err != nil {
		return err
	}
	*f = format(text)
	return nil
}
