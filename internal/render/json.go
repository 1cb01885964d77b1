package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"

	"github.com/imagegate/imagegate/internal/report"
)

// JSON writes the report itself: report.json, indented, as [report.Schema] describes
// it.
func JSON(w io.Writer, r *report.Report) error {
	return writeJSON(w, "report", r.Canonical())
}

// writeJSON writes v with two spaces of indentation and a final newline. Characters
// that a terminal or an editor could act on are written as \u escapes, which changes
// nothing for a program.
func writeJSON(w io.Writer, what string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", what, err)
	}
	if _, err := w.Write(append(visible(b), '\n')); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// visible escapes the control and format characters that encoding/json leaves as they
// are. Beyond ASCII they can only stand within strings, so an escape is always legal.
func visible(b []byte) []byte {
	if !bytes.ContainsFunc(b, invisible) {
		return b
	}
	var out bytes.Buffer
	out.Grow(len(b) + 64)
	for _, c := range string(b) {
		switch {
		case !invisible(c):
			out.WriteRune(c)
		case c > 0xFFFF:
			hi, lo := utf16.EncodeRune(c)
			fmt.Fprintf(&out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&out, `\u%04x`, c)
		}
	}
	return out.Bytes()
}

func invisible(c rune) bool { return c >= 0x7f && unicode.Is(unicode.C, c) }
