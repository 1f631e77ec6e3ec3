package facts

import (
	"bytes"
	"encoding/json"
)

// Opt is a value that may be unknown. The zero value is unknown, which is
// different from a known zero: a rule must never take one for the other.
type Opt[T any] struct {
	value T
	known bool
}

// Some returns a known value.
func Some[T any](v T) Opt[T] { return Opt[T]{value: v, known: true} }

// Get returns the value and whether it is known.
func (o Opt[T]) Get() (T, bool) { return o.value, o.known }

// Known reports whether there is a value.
func (o Opt[T]) Known() bool { return o.known }

// Or returns the value, or other where it is unknown.
func (o Opt[T]) Or(other T) T {
	if o.known {
		return o.value
	}
	return other
}

// IsZero reports whether the value is unknown, so that `omitzero` leaves it
// out of a recording.
func (o Opt[T]) IsZero() bool { return !o.known }

// MarshalJSON writes the value, or null where it is unknown.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.known {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON reads a value; null means unknown.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*o = Opt[T]{}
		return nil
	}
	if err := json.Unmarshal(b, &o.value); err != nil {
		return err
	}
	o.known = true
	return nil
}
