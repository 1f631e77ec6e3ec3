package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ago matches how long ago: weeks and days, and then what Go reads as a
// duration.
var ago = regexp.MustCompile(`^(?:(\d{1,4})w)?(?:(\d{1,5})d)?((?:\d+(?:\.\d+)?(?:h|m|s))*)$`)

// parseMoment reads a time, or how long ago it was.
func parseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch text {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	m := ago.FindStringSubmatch(text)
	if m == nil || text == "" {
		return time.Time{}, fmt.Errorf("%q is neither how long ago, such as 7d or 36h, nor a time, such as 2006-01-02 or 2006-01-02T15:04:05Z", text)
	}
	weeks, _ := strconv.Atoi("0" + m[1]) // digits only, and few
	days, _ := strconv.Atoi("0" + m[2])
	var rest time.Duration
	if m[3] != "" {
		var err error
		if rest, err = time.ParseDuration(m[3]); err != nil {
			return time.Time{}, fmt.Errorf("%q is too long ago", text)
		}
	}
	return now.Add(-rest).AddDate(0, 0, -7*weeks-days), nil
}

// lasting is a duration in its two largest units: "3 h 5 min".
func lasting(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	if d >= 24*time.Hour {
		d = d.Round(time.Hour)
	}
	var parts []string
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if n := d / u.unit; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
		}
		d %= u.unit
	}
	if len(parts) == 0 {
		return "less than 1 s"
	}
	return strings.Join(parts, " ")
}
