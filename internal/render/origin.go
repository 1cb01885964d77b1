package render

import (
	"fmt"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// waterline is what the findings of one origin come to.
type waterline struct {
	name                                        string
	critical, high, other, unsuppressed, silent int
}

// waterlines split the findings by where their packages come from: the base image, what
// was added on top, and what could not be told. Nil for an image that is not built on
// another.
func waterlines(r *report.Report) []waterline {
	var out []waterline
	for _, o := range []struct{ origin, name string }{{"base", "in the base image"}, {"app", "added on top"}, {"unproven", "of unproven origin"}} {
		w := waterline{name: o.name}
		found := false
		for _, v := range r.Vulnerabilities {
			if v.Package.Origin != o.origin {
				continue
			}
			found = true
			if v.Decision.Status == report.Suppressed {
				w.silent++
				continue
			}
			w.unsuppressed++
			switch v.Severity {
			case report.Critical:
				w.critical++
			case report.High:
				w.high++
			case report.Medium, report.Low, report.Negligible, report.Unknown:
				w.other++
			default:
				w.other++
			}
		}
		if found {
			out = append(out, w)
		}
	}
	return out
}

// originLine tells the split in one line; "" when there is none.
func originLine(r *report.Report) string {
	var parts []string
	for _, w := range waterlines(r) {
		parts = append(parts, fmt.Sprintf("%s: %d open, %d suppressed", w.name, w.unsuppressed, w.silent))
	}
	return strings.Join(parts, "; ")
}

// mdOrigin is the waterline, with how far the proof of the base came.
func mdOrigin(r *report.Report) section {
	lines := waterlines(r)
	b := r.Subject.Base
	if len(lines) == 0 && (b == nil || b.Boundary == "whole") {
		return section{}
	}
	var head strings.Builder
	head.WriteString("### Base image and what was added\n\n")
	if b != nil {
		head.WriteString(sentence(b.Reason) + "\n\n")
	}
	if len(lines) > 0 {
		head.WriteString(header("Open findings", "Critical:", "High:", "Other:", "Suppressed by VEX:"))
		for _, w := range lines {
			head.WriteString(row(w.name, fmt.Sprint(w.critical), fmt.Sprint(w.high), fmt.Sprint(w.other), fmt.Sprint(w.silent)))
		}
		head.WriteString("\n")
	}
	return section{head: head.String()}
}
