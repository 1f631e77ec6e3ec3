package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/model"
)

// wholeNumber is the value of a flag that takes a whole number within bounds,
// and knows whether it was given.
type wholeNumber struct {
	value, least, most int
	given              bool
}

// String prints the number, "" if it was not given.
func (n *wholeNumber) String() string {
	if !n.given {
		return ""
	}
	return strconv.Itoa(n.value)
}

// Type names the value in help texts.
func (n *wholeNumber) Type() string { return "number" }

// Set reads the number.
func (n *wholeNumber) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < n.least || v > n.most {
		if n.most == math.MaxInt32 {
			return fmt.Errorf("%q: want a whole number of at least %d", text, n.least)
		}
		return fmt.Errorf("%q: want a whole number from %d to %d", text, n.least, n.most)
	}
	n.value, n.given = v, true
	return nil
}

// into overwrites a number, if one was given.
func (n *wholeNumber) into(at *int) {
	if n.given {
		*at = n.value
	}
}

// parsedValue is the value of a flag that the model reads. Its error needs no
// repetition of which flag it is.
type parsedValue[T any] struct {
	kind  string // what a help text calls it
	text  string
	value T
	parse func(string) (T, error)
}

// String prints the value as it was given.
func (p *parsedValue[T]) String() string { return p.text }

// Type names the value in help texts.
func (p *parsedValue[T]) Type() string { return p.kind }

// Set reads the value.
func (p *parsedValue[T]) Set(text string) error {
	v, err := p.parse(text)
	if err != nil {
		m := message(err)
		for _, what := range []string{"arrivals ", "service ", "stall ", "sweep "} {
			m = strings.TrimPrefix(m, what)
		}
		return errors.New(m)
	}
	p.text, p.value = text, v
	return nil
}

// slowClients are a share of the clients, 0 to 1, that answer only after a delay.
type slowClients struct {
	share float64
	delay time.Duration
}

// parseSlow reads "20%:3s".
func parseSlow(text string) (slowClients, error) {
	var s slowClients
	share, delay, ok := strings.Cut(text, ":")
	if !ok {
		return s, fmt.Errorf("%q: want share:delay such as 20%%:3s", text)
	}
	number, percent := strings.CutSuffix(share, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return s, fmt.Errorf("%q: want a share of the clients from 0%% to 100%%", share)
	}
	s.share = v
	if s.delay, err = parseDuration(delay); err != nil {
		return s, err
	}
	return s, nil
}

// sweepRange is one parameter and the values to try.
type sweepRange struct {
	name   string
	values []int
}

// sweepMost is the largest value of the parameters that have one.
var sweepMost = map[string]int{"tcp_syncookies": 2, "tcp_synack_retries": 255}

// parseSweep reads "somaxconn=128..8192"; the parameter may be spelled as a
// sysctl or as a flag.
func parseSweep(text string) (sweepRange, error) {
	name, list, given := strings.Cut(text, "=")
	name = strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(name, "net.core."), "net.ipv4."), "-", "_")
	known := model.SweepNames()
	for _, k := range known {
		if k == "tcp_"+name {
			name = k
		}
	}
	if given {
		name += "=" + list
	}
	name, values, err := model.ParseSweep(name)
	if err != nil {
		return sweepRange{}, err
	}
	for _, v := range values {
		if most, bounded := sweepMost[name]; bounded && v > most || name == "service" && v == 0 {
			return sweepRange{}, fmt.Errorf("%q: %s cannot be %d", text, name, v)
		}
	}
	return sweepRange{name, values}, nil
}
