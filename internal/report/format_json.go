package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

var formatJSON = Format{Name: "json", Doc: "the whole report, as docs/report.schema.json describes it", Render: renderJSON}

func renderJSON(w io.Writer, r *Report, o Options) error {
	b, err := encodeJSON(r.filtered(o))
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// encodeJSON writes a value with fixed order and indentation.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("report: json: %w", err)
	}
	return escapeControls(b.Bytes()), nil
}

// escapeControls spells out the controls that JSON may hold raw but a terminal
// obeys: DEL and the C1 set (U+0080 to U+009F). They only occur inside strings.
func escapeControls(b []byte) []byte {
	if bytes.IndexByte(b, 0x7f) < 0 && bytes.IndexByte(b, 0xc2) < 0 {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == 0x7f:
			out = append(out, `\u007f`...)
		case b[i] == 0xc2 && i+1 < len(b) && b[i+1] >= 0x80 && b[i+1] <= 0x9f:
			out = fmt.Appendf(out, `\u%04x`, b[i+1])
			i++
		default:
			out = append(out, b[i])
		}
	}
	return out
}
