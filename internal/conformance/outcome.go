package conformance

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/tcpdoctor/tcpdoctor/internal/lab"
	"github.com/tcpdoctor/tcpdoctor/model"
)

// segmentsOf returns the segments that a step of the model sends.
func segmentsOf(actions []model.Action) []model.Segment {
	var out []model.Segment
	for _, a := range actions {
		if a.Kind == model.ActSend {
			out = append(out, a.Segment)
		}
	}
	return out
}

// expected is what a step of the model has led to, as far as this kernel can show
// it.
func (t *Twin) expected(next model.Conn, actions []model.Action) deed {
	counts := make(Counts)
	counts.Take(actions)
	return deed{
		place: next.Node, sent: segmentsOf(actions), counts: t.c.countable(counts), told: errorOf(actions),
		restarted: slices.ContainsFunc(actions, func(a model.Action) bool { return a.Kind == model.ActRestart }),
	}
}

// errorOf returns the error that a step of the model tells the application.
func errorOf(actions []model.Action) Errno {
	for _, a := range actions {
		if a.Kind == model.ActError {
			return Errno(a.Error)
		}
	}
	return ""
}

// timerCounters lists the counters that a retransmission timer may move during a
// step that has nothing to do with it; they are compared only where the model
// moves them.
func timerCounters(actions []model.Action) []model.Counter {
	all := []model.Counter{model.CTCPTimeouts, model.CTCPSynRetrans, model.CRetransSegs}
	return slices.DeleteFunc(all, func(c model.Counter) bool {
		return slices.ContainsFunc(actions, func(a model.Action) bool { return a.Kind == model.ActCount && a.Counter == c })
	})
}

// heardSegment is an arrival in the model's terms.
func heardSegment(a Arrival) model.Segment {
	s := model.Segment{Flags: model.Flags(a.Flags), Seq: model.Seq(a.Seq), Ack: model.Seq(a.Ack), Len: len(a.Payload), Window: uint32(a.Window)}
	for _, o := range a.Options {
		if o.OptionType == layers.TCPOptionKindTimestamps && len(o.OptionData) == 8 {
			s.Timestamps = true
			s.TSVal = binary.BigEndian.Uint32(o.OptionData)
			s.TSEcr = binary.BigEndian.Uint32(o.OptionData[4:])
		}
	}
	return s
}

// timestampOption is the option of RFC 7323.
func timestampOption(value, echo uint32) layers.TCPOption {
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, value), echo)
	return layers.TCPOption{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: data}
}

// absorbed waits until the server's kernel has taken in n more segments than at
// an earlier reading of its counters.
func (c *Case) absorbed(ctx context.Context, before lab.Counters, n int) {
	const counter = "Tcp.InSegs"
	c.Until(ctx, fmt.Sprintf("the arrival of %d segments", n), patience, func() bool {
		return c.Server.Counters()[counter]-before[counter] >= int64(n)
	})
}

// restartClock notices whether a step starts the timer of a TIME_WAIT-type object
// again: then it has more time left than it would have had.
type restartClock struct {
	running bool
	left    time.Duration
	at      time.Time
}

// restartAge is how old such a timer is made before a step, so that a restart
// shows whatever the clock's grain.
const restartAge = 100 * time.Millisecond

func (t *Twin) restartClock(ctx context.Context) restartClock {
	if t.Conn.Object != model.TimeWaitObject {
		return restartClock{}
	}
	t.c.Pause(ctx, restartAge)
	left, ok := t.timeWaitLeft()
	return restartClock{running: ok, left: left, at: time.Now()}
}

// restarted looks until a look was quick enough to tell.
func (k restartClock) restarted(t *Twin) bool {
	const looks, grain = 20, restartAge / 4
	for range looks {
		began := time.Now()
		left, ok := t.timeWaitLeft()
		if !ok || !k.running || left > k.left-began.Sub(k.at)+grain {
			return ok && k.running
		}
		if time.Since(began) < grain {
			break
		}
	}
	return false
}

// timeWaitLeft is how long the kernel's TIME_WAIT-type object has left.
func (t *Twin) timeWaitLeft() (time.Duration, bool) {
	found, ok := t.c.Server.Connection(t.line.ends.kernel, t.line.ends.stranger)
	return found.Expires, ok && nodeOf(found).Object == model.TimeWaitObject
}
