package render

import (
	"fmt"

	"github.com/imagegate/imagegate/internal/report"
)

// driftText sums up the comparison of the signed SBOM with the image; "" when there was
// none.
func driftText(r *report.Report) string {
	d := r.SBOM.Drift
	switch {
	case d == nil:
		return ""
	case len(d.Items) == 0:
		return fmt.Sprintf("agrees with the image (%s)", plural(d.Attested, "package"))
	}
	return fmt.Sprintf("differs from the image in %s", plural(len(d.Items), "package"))
}

// mdDrift lists where the signed SBOM and the image differ.
func mdDrift(r *report.Report) section {
	d := r.SBOM.Drift
	if d == nil || len(d.Items) == 0 {
		return section{}
	}
	s := section{
		head: fmt.Sprintf("<details><summary>Signed SBOM %s</summary>\n\n| Difference | Package | Signed | In the image |\n| --- | --- | --- | --- |\n", driftText(r)),
		tail: "\n</details>\n\n", most: mostOther, more: moreRows,
	}
	for _, i := range d.Items {
		s.rows = append(s.rows, fmt.Sprintf("| %s%s | %s %s | %s | %s |\n", word(i.Kind), onPlatform(r, i.Platform), word(i.Type), code(i.Name), code(i.Attested), code(i.Found)))
	}
	return s
}
