package fix

import (
	"encoding/json"
	"fmt"
)

// RecordSchema names the form of a record.
const RecordSchema = "tcpdoctor.fix/v1"

// Record is what has to be known to judge a change later, in another process.
type Record struct {
	Schema string `json:"schema"`
	// ChangeID is the change's name in the journal.
	ChangeID string `json:"change_id"`
	// WindowSeconds is how long was measured before.
	WindowSeconds float64 `json:"window_seconds"`
	Attempt       Attempt `json:"attempt"`
}

// Encode returns the record as it is kept on disk.
func (r Record) Encode() ([]byte, error) {
	r.Schema = RecordSchema
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("fix: encode the record of change %s: %w", r.ChangeID, err)
	}
	return append(b, '\n'), nil
}

// DecodeRecord reads a record and refuses one that does not hold together.
func DecodeRecord(b []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("fix: read a record: %w", err)
	}
	if r.Schema != RecordSchema {
		return Record{}, fmt.Errorf("fix: read a record: schema %q, want %q", r.Schema, RecordSchema)
	}
	if len(r.Attempt.Cases) == 0 {
		return Record{}, fmt.Errorf("fix: read the record of change %s: it is about nothing", r.ChangeID)
	}
	return r, nil
}
