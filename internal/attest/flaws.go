package attest

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/words"
)

// flaw is something in a store that could not be read: a file, which may be anything, or
// an entry of a list.
type flaw struct{ what, reason string }

// fileFlaw begins what a flawed file is called.
const fileFlaw = "file "

func (f flaw) listed() bool { return !strings.HasPrefix(f.what, fileFlaw) }

// flawed is a store that knows what in it could not be read, and what in it is something
// else than an attestation.
type flawed interface {
	flaws() (unread []flaw, others []string)
}

// maxFlaws is how many of them have a probe of their own.
const maxFlaws = 20

// probeFiles tells what the stores know to be in them and could not read, each by name: it
// may be the newest statement.
func (r *verification) probeFiles() {
	for i, s := range r.read.stores {
		f, ok := s.(flawed)
		if !ok {
			continue
		}
		unread, others := f.flaws()
		for n, one := range unread {
			p := report.Probe{Store: s.Name(), Asked: one.what, State: report.ProbeFailed, Reason: one.reason, Partial: one.listed(), Platform: r.subject.Platform}
			rest := len(unread) - maxFlaws
			if n == maxFlaws && rest > 1 {
				p.Asked, p.Reason = "further files", fmt.Sprintf("%d more could not be read", rest)
			}
			r.probes = append(r.probes, p)
			r.recordOf(i).Failed[p.Asked] = p.Reason
			if n == maxFlaws {
				break
			}
		}
		if len(others) > 0 {
			r.observe(report.Information, fmt.Sprintf("%s: no attestations, so left alone: %s", s.Name(), some(others)))
		}
	}
}

// some names the first of a list and counts the rest.
func some(names []string) string { return words.List(names, 5) }
