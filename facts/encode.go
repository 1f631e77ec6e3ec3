package facts

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A recording is a gzip stream of one JSON object, {"schema": ..., "window":
// ...}, in this order, and nothing behind it. gzip's checksum covers all of it.
const (
	schemaName = "tcpdoctor.recording"
	// SchemaVersion is the newest form of a recording that this package reads,
	// and the one it writes. Fields are added without raising it; it rises when
	// an old reader would judge a new recording wrongly.
	SchemaVersion = 1
	// MaxDecodedBytes bounds what a recording may expand to: a host with a
	// thousand busy namespaces stays well below it.
	MaxDecodedBytes = 512 << 20
)

// The reasons for which [Decode] refuses its input. They are tested with
// [errors.Is]; a recording of a newer schema is a [*NewerSchemaError].
var (
	// ErrNotRecording says that the input is something else altogether.
	ErrNotRecording = errors.New("not a recording")
	// ErrTruncated says that the end is missing.
	ErrTruncated = errors.New("truncated: its end is missing")
	// ErrCorrupt says that the input was damaged after it was written.
	ErrCorrupt = errors.New("corrupted")
	// ErrTooLarge says that the input expands to more than [MaxDecodedBytes].
	ErrTooLarge = errors.New("larger than any recording")
)

// NewerSchemaError says that a recording was written by a later version of the
// program.
type NewerSchemaError struct {
	Schema string // what the recording says it is
	Newest int    // what can be read
}

// Error names both schemas.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("schema %s is newer than %s/v%d: a newer tcpdoctor wrote it", e.Schema, schemaName, e.Newest)
}

// recording is the JSON form of a recording.
type recording struct {
	Schema string `json:"schema"`
	Window Window `json:"window"`
}

// Encode writes a window as a recording. Equal windows give equal bytes. Text
// that is not UTF-8 is written with replacement characters.
func Encode(w io.Writer, win Window) error {
	zip := gzip.NewWriter(w)
	schema := schemaName + "/v" + strconv.Itoa(SchemaVersion)
	if err := json.NewEncoder(zip).Encode(recording{Schema: schema, Window: win}); err != nil {
		return fmt.Errorf("facts: encode: %w", err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("facts: encode: %w", err)
	}
	return nil
}

// Decode reads the recording that r holds from here to its end. Everything is
// checked before anything is returned: format, schema, completeness and
// checksum. Memory is bounded whatever the input claims.
func Decode(r io.Reader) (Window, error) {
	w, err := decode(r, MaxDecodedBytes)
	if err != nil {
		return Window{}, fmt.Errorf("facts: decode: %w", err)
	}
	return w, nil
}

func decode(r io.Reader, limit int64) (Window, error) {
	in := bufio.NewReader(r)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return Window{}, err
	}
	if string(magic) != "\x1f\x8b" {
		return Window{}, ErrNotRecording
	}
	zip, err := gzip.NewReader(in)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Window{}, ErrTruncated
	case errors.Is(err, gzip.ErrHeader):
		return Window{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	case err != nil:
		return Window{}, err
	}
	// What follows the one stream must be seen, not decoded as a part of it.
	zip.Multistream(false)
	body := &bounded{r: zip, left: limit}
	w, err := decodeBody(body)
	if drained := body.drain(); drained != nil {
		// Damage explains whatever else was found wrong on the way.
		return Window{}, drained
	}
	if err != nil {
		return Window{}, err
	}
	if _, err := in.ReadByte(); err == nil {
		return Window{}, fmt.Errorf("%w: something follows its end", ErrCorrupt)
	} else if !errors.Is(err, io.EOF) {
		return Window{}, err
	}
	return w, nil
}

// decodeBody reads the JSON object. The schema comes first, so that a window of
// another form is never looked at.
func decodeBody(r io.Reader) (w Window, err error) {
	dec := json.NewDecoder(r)
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return Window{}, ErrNotRecording
	}
	if t, err := dec.Token(); err != nil || t != "schema" {
		return Window{}, ErrNotRecording
	}
	var schema string
	if err := dec.Decode(&schema); err != nil {
		return Window{}, ErrNotRecording
	}
	if err := checkSchema(schema); err != nil {
		return Window{}, err
	}
	if t, err := dec.Token(); err != nil || t != "window" {
		return Window{}, fmt.Errorf("%w: it holds no window", ErrCorrupt)
	}
	if err := dec.Decode(&w); err != nil {
		return Window{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return Window{}, fmt.Errorf("%w: something follows the window", ErrCorrupt)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Window{}, fmt.Errorf("%w: something follows the window", ErrCorrupt)
	}
	return w, nil
}

func checkSchema(schema string) error {
	number, ok := strings.CutPrefix(schema, schemaName+"/v")
	if !ok {
		return fmt.Errorf("%w: its schema is %q", ErrNotRecording, schema)
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return fmt.Errorf("%w: its schema is %q", ErrNotRecording, schema)
	}
	if n > SchemaVersion {
		return &NewerSchemaError{Schema: schema, Newest: SchemaVersion}
	}
	return nil
}

// bounded reads at most so many bytes and keeps the first error of the stream
// below, which a JSON decoder would hide behind its own.
type bounded struct {
	r    io.Reader
	left int64
	err  error // sticks; never io.EOF
	end  bool
}

func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.end:
		return 0, io.EOF
	case b.left <= 0:
		// One byte more tells the end of the stream from a stream too long.
		p = p[:min(1, len(p))]
	default:
		p = p[:min(b.left, int64(len(p)))]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		b.err = ErrTooLarge
		return 0, b.err
	}
	b.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF):
		b.end = true
	case errors.Is(err, io.ErrUnexpectedEOF):
		b.err, err = ErrTruncated, ErrTruncated
	case damaged(err):
		b.err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		err = b.err
	case err != nil:
		b.err = err
	}
	return n, err
}

// damaged reports whether the stream itself is wrong, not its reading.
func damaged(err error) bool {
	_, flated := errors.AsType[flate.CorruptInputError](err)
	return flated || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader)
}

// drain reads the rest, which makes gzip compare its checksum, and returns the
// first error of the stream.
func (b *bounded) drain() error {
	_, _ = io.Copy(io.Discard, b) // the error sticks in b
	return b.err
}
