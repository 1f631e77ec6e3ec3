package main

import (
	"fmt"
	"math"
	"strconv"
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
