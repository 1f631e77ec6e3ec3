package notify

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// How often a message is tried before it is given up. Pauses between attempts
// grow to a minute, so that ten attempts take about four minutes, seventy an
// hour, and 1500 a day.
const (
	// triesRefused: the receiver objects to this very message (400, 413, 422).
	triesRefused = 10
	// triesUndecided: it may be the message or the receiver: 401, 403, 404, a
	// redirect, a page of HTML, an exit code. Secrets are exchanged and
	// receivers deployed within an hour.
	triesUndecided = 70
	// triesBroken: the receiver has a fault (500), and it may have it only
	// with this message.
	triesBroken = 1500
	// triesUnlimited: nobody was there, or "later" was the answer.
	triesUnlimited = 0
)

// askedAtMost bounds how long a receiver can ask to be left alone.
const askedAtMost = time.Hour

// failure is an attempt that failed, and what follows from it.
type failure struct {
	err   error
	tries int           // after so many attempts the message is given up; 0 is never
	after time.Duration // how long the receiver asked to wait
}

// Error tells what failed.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns what failed.
func (f *failure) Unwrap() error { return f.err }

// failed makes a failure with a message.
func failed(tries int, format string, args ...any) *failure {
	return &failure{err: fmt.Errorf(format, args...), tries: tries}
}

// asFailure finds out what follows from an error. One that does not say is
// nobody's fault and is tried for ever.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{err: err}
}

// joinFailures makes one failure of those of several servers that should each
// have the message. It follows the most patient of them.
func joinFailures(fs []*failure) *failure {
	out := &failure{tries: math.MaxInt, after: askedAtMost}
	var all []error
	for i, f := range fs {
		all = append(all, f.err)
		out.after = min(out.after, f.after)
		switch {
		case f.tries == triesUnlimited || out.tries == triesUnlimited:
			out.tries = triesUnlimited
		case i == 0:
			out.tries = f.tries
		default:
			out.tries = max(out.tries, f.tries)
		}
	}
	out.err = errors.Join(all...)
	return out
}
