package report

import (
	"cmp"
	"strings"
)

// Advisories is a source of a vendor's own advisories that packages were judged by.
type Advisories struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Commit is that of the vendor's repository; empty when nothing tells it.
	Commit  string `json:"commit,omitempty"`
	Records int    `json:"records"`
	// Signed of them have a signature that verified, made by Signers. The others stand on
	// the word of whoever named the source; where nobody did, they are about packages that
	// are not here, and decided nothing.
	Signed  int      `json:"signed"`
	Signers []string `json:"signers"`
}

func canonicalAdvisories(in []Advisories) []Advisories {
	if len(in) == 0 {
		return nil
	}
	out := sorted(in, func(a, b Advisories) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Digest, b.Digest))
	})
	for i := range out {
		out[i].Signers = sorted(out[i].Signers, strings.Compare)
	}
	return out
}

// combineAdvisories takes those of the first platform that has any: they are read once
// for all.
func combineAdvisories(in []*Report) []Advisories {
	for _, r := range in {
		if len(r.Advisories) > 0 {
			return r.Advisories
		}
	}
	return nil
}
