package render

import (
	"fmt"
	"io"
	"strings"
)

// TrustRow is one row of the trust table, in words.
type TrustRow struct {
	Match, Log, Origin, Hint string
	Signers, Expect, Stores  []string
	// Shadowed rows are never asked: an earlier row has the same match.
	Shadowed bool
}

// TrustTable writes whose signatures count for which repositories. The first row that
// matches decides.
func TrustTable(w io.Writer, rows []TrustRow) error {
	t := newTable(w)
	t.row("REPOSITORIES", "SIGNERS", "LOG", "EXPECTED", "STORES", "ORIGIN")
	for _, r := range rows {
		signers := r.Signers
		if len(signers) == 0 {
			signers = []string{"nobody (see below)"}
		}
		origin := r.Origin
		if r.Shadowed {
			origin += " (an earlier row wins)"
		}
		stores := "all"
		if len(r.Stores) > 0 {
			stores = strings.Join(r.Stores, ", ")
		}
		log := r.Log
		if log == "" {
			log = "auto"
		}
		for i, s := range signers {
			if i == 0 {
				t.row(r.Match, s, log, strings.Join(r.Expect, ", "), stores, origin)
			} else {
				t.row("", s, "", "", "", "")
			}
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range rows {
		if len(r.Signers) == 0 {
			fmt.Fprintf(&b, "\n%s\n", plainLong(r.Match+": "+r.Hint))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
