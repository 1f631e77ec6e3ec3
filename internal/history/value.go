package history

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A stored value is one byte for its form, four of a checksum over the rest, and
// the rest. bbolt has no checksums of its own but that of the root, so that a
// flipped bit in a value would go unnoticed.
const (
	formPlain   = 'p'
	formDeflate = 'z'
	frameBytes  = 5
	// unpackedMost bounds what a value may expand to.
	unpackedMost = 16 << 20
)

// errValue says that one value cannot be read. The others are not touched by it.
var errValue = errors.New("a value is damaged")

// castagnoli is the polynomial that processors have an instruction for.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once by the library

// frame puts a payload into its stored form. The head stays readable without
// unpacking the rest.
func frame(form byte, parts ...[]byte) []byte {
	n := frameBytes
	for _, p := range parts {
		n += len(p)
	}
	b := make([]byte, frameBytes, n)
	for _, p := range parts {
		b = append(b, p...)
	}
	b[0] = form
	binary.LittleEndian.PutUint32(b[1:], crc32.Checksum(b[frameBytes:], castagnoli()))
	return b
}

// unframe checks a stored value and returns its payload.
func unframe(b []byte) (form byte, payload []byte, err error) {
	if len(b) < frameBytes {
		return 0, nil, fmt.Errorf("%w: %d bytes", errValue, len(b))
	}
	if crc32.Checksum(b[frameBytes:], castagnoli()) != binary.LittleEndian.Uint32(b[1:]) {
		return 0, nil, fmt.Errorf("%w: its checksum is wrong", errValue)
	}
	if b[0] != formPlain && b[0] != formDeflate {
		return 0, nil, fmt.Errorf("%w: of unknown form %q", errValue, b[0])
	}
	return b[0], b[frameBytes:], nil
}

// packer compresses values. A writer of flate takes 600 KiB, so there is one.
type packer struct {
	w *flate.Writer
	b bytes.Buffer
}

// pack stores bytes in compressed form behind a head.
func (p *packer) pack(head, payload []byte) ([]byte, error) {
	p.b.Reset()
	if p.w == nil {
		w, err := flate.NewWriter(&p.b, flate.BestSpeed)
		if err != nil {
			return nil, err
		}
		p.w = w
	}
	p.w.Reset(&p.b)
	if _, err := p.w.Write(payload); err != nil {
		return nil, err
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	return frame(formDeflate, head, p.b.Bytes()), nil
}

// packJSON stores a value as compressed JSON behind a head.
func (p *packer) packJSON(head []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return p.pack(head, b)
}

// unpack is the reverse of pack. It returns the head too.
func unpack(b []byte, head int) (h, payload []byte, err error) {
	form, body, err := unframe(b)
	if err != nil {
		return nil, nil, err
	}
	if len(body) < head {
		return nil, nil, fmt.Errorf("%w: %d bytes", errValue, len(body))
	}
	h, body = body[:head], body[head:]
	if form == formPlain {
		return h, body, nil
	}
	payload, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), unpackedMost+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", errValue, err)
	case len(payload) > unpackedMost:
		return nil, nil, fmt.Errorf("%w: it is larger than any", errValue)
	}
	return h, payload, nil
}

// unpackJSON is the reverse of packJSON.
func unpackJSON(b []byte, head int, v any) error {
	_, payload, err := unpack(b, head)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", errValue, err)
	}
	return nil
}

// timeBytes is how long a time is as a part of a key.
const timeBytes = 8

// timeKey is a time such that keys are in the order of times: nanoseconds since
// 1970, of either sign.
func timeKey(t time.Time) []byte { return nanosKey(nanosOf(t)) }

func nanosKey(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63) }

// keyNanos is the reverse of nanosKey; ok is false for what is no such key.
func keyNanos(k []byte) (n int64, ok bool) {
	if len(k) < timeBytes {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(k) ^ 1<<63), true
}

// nanosOf is a time in nanoseconds; what does not fit, from before 1678 or after
// 2262, is the nearest that does.
func nanosOf(t time.Time) int64 {
	const edge = 292 // years
	switch year := t.Year(); {
	case year <= 1970-edge:
		return -1 << 63
	case year >= 1970+edge:
		return 1<<63 - 1
	}
	return t.UnixNano()
}
