package history

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// A row holds the values of all series over one span of time, so that a tick
// touches one page and not one for each series. Series go by numbers that are
// never given twice; see [names].
type row []cell

// cell is what one series did in the span of a row.
type cell struct {
	id            uint64
	count         uint64
	min, max, sum float64
}

// point is the cell of a single value.
func point(id uint64, v float64) cell { return cell{id: id, count: 1, min: v, max: v, sum: v} }

// add joins two spans of one series.
func (c cell) add(o cell) cell {
	if c.count == 0 {
		return o
	}
	if o.count == 0 {
		return c
	}
	sum := min(max(c.sum+o.sum, -math.MaxFloat64), math.MaxFloat64)
	return cell{id: c.id, count: c.count + o.count, min: min(c.min, o.min), max: max(c.max, o.max), sum: sum}
}

// mean is the mean of the values; the sum of large ones may have run over.
func (c cell) mean() float64 {
	return min(max(c.sum/float64(c.count), c.min), c.max)
}

// join adds up two rows, both in the order of their series.
func (r row) join(o row) row {
	out := make(row, 0, max(len(r), len(o)))
	for len(r) > 0 && len(o) > 0 {
		switch {
		case r[0].id < o[0].id:
			out, r = append(out, r[0]), r[1:]
		case r[0].id > o[0].id:
			out, o = append(out, o[0]), o[1:]
		default:
			out = append(out, r[0].add(o[0]))
			r, o = r[1:], o[1:]
		}
	}
	return append(append(out, r...), o...)
}

// encode stores a row. Whole numbers take few bytes: the bytes of a float are
// reversed, which brings the zeros at its end to the front.
func (r row) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(r)))
	var last uint64
	for _, c := range r {
		b = binary.AppendUvarint(b, c.id-last)
		b = binary.AppendUvarint(b, c.count)
		last = c.id
		b = appendFloat(b, c.sum)
		if c.count > 1 {
			b = appendFloat(b, c.min)
			b = appendFloat(b, c.max)
		}
	}
	return frame(formPlain, b)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.AppendUvarint(b, bits.ReverseBytes64(math.Float64bits(v)))
}

// decodeRow is the reverse of encode.
func decodeRow(stored []byte) (row, error) {
	var r row
	err := eachCell(stored, func(c cell) bool {
		r = append(r, c)
		return true
	})
	return r, err
}

// findCell returns the cell of one series.
func findCell(stored []byte, id uint64) (found cell, ok bool, err error) {
	err = eachCell(stored, func(c cell) bool {
		if c.id >= id {
			found, ok = c, c.id == id
		}
		return c.id < id
	})
	return found, ok, err
}

// eachCell reads a stored row until do has enough.
func eachCell(stored []byte, do func(cell) bool) error {
	_, b, err := unframe(stored)
	if err != nil {
		return err
	}
	d := decoder{b: b}
	n := d.uint()
	var last uint64
	for i := uint64(0); i < n && !d.bad; i++ {
		step := d.uint()
		c := cell{id: last + step, count: d.uint(), sum: d.float()}
		c.min, c.max = c.sum, c.sum
		if c.count > 1 {
			c.min, c.max = d.float(), d.float()
		}
		if i > 0 && step == 0 || c.id < last || c.count == 0 || c.min > c.max || d.bad {
			d.bad = true
			break
		}
		last = c.id
		if !do(c) {
			return nil
		}
	}
	if d.bad || len(d.b) > 0 {
		return fmt.Errorf("%w: no row of figures", errValue)
	}
	return nil
}

// decoder reads numbers; the first that is none sticks.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || d.bad {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) float() float64 {
	v := math.Float64frombits(bits.ReverseBytes64(d.uint()))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		d.bad = true
	}
	return v
}
