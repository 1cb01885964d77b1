package sbom

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/sbom"

	"github.com/imagegate/imagegate/internal/report"
)

// remark is what is said of one file.
type remark struct {
	path, reason string
	kind         report.Kind
}

// none are Syft's remarks about a file that was read to its end and holds no package that
// is known, or of which no package is missing.
var none = []string{
	"no package identified in archive",
	"unable to determine packages", // a list or a resource without any
	"rust cataloger: unable to read dependency information: unknown file format",
	"failed to find mtree file", "failed to find alpm files",
	"unable to read golang version info", "unable to read golang arch info", "unable to read golang symbol info",
}

// remarks sorts what Syft could not read. What it said of the image's own package
// databases is in check already; a file that such a database names as a package's own
// is vouched for by that package, whose vendor speaks of it.
func remarks(s *sbom.SBOM, files file.Resolver, c *checker) (out []remark) {
	owned := ownedFiles(s)
	for at, said := range s.Artifacts.Unknowns {
		if c.own[at] || extra(at.RealPath) {
			continue
		}
		r := remark{at.RealPath, reasons(said), report.Unread}
		if owned[at] || hollow(files, at) || !slices.ContainsFunc(said, missing) {
			r.kind = report.Information
		}
		out = append(out, r)
	}
	return out
}

// missing reports whether a remark of Syft's means that something may not be listed.
func missing(said string) bool {
	task, text, _ := strings.Cut(said, ": ")
	switch {
	case strings.HasPrefix(task, "file-"): // digests and properties of files, no packages
		return false
	case task == "dpkg-db-cataloger", task == "rpm-db-cataloger":
		return !filesOnly(said)
	}
	return !slices.ContainsFunc(none, func(n string) bool { return strings.HasPrefix(text, n) })
}

// ownedFiles are the files that packages of the operating system brought.
func ownedFiles(s *sbom.SBOM) map[file.Coordinates]bool {
	out := map[file.Coordinates]bool{}
	for _, r := range s.Relationships {
		if at, ok := r.To.(file.Coordinates); ok && r.Type == artifact.ContainsRelationship {
			if p := s.Artifacts.Packages.Package(r.From.ID()); p != nil && OfSystem(string(p.Type)) {
				out[at] = true
			}
		}
	}
	return out
}

// hollow reports whether a file has no content: what is not there cannot be unread.
func hollow(files file.Resolver, at file.Coordinates) bool {
	found, err := files.FilesByPath(at.RealPath)
	if err != nil || len(found) != 1 || found[0].Coordinates != at {
		return false
	}
	m, err := files.FileMetadataByLocation(found[0])
	return err == nil && m.FileInfo != nil && m.Size() == 0
}

// observations tells the remarks: those that may hide a package each by itself, at most
// limit and then how many more, and the others together.
func observations(in []remark, limit int) (out []report.Observation) {
	slices.SortFunc(in, func(a, b remark) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.reason, b.reason)) })
	in = slices.Compact(in)
	var fine []string
	more := 0
	for _, r := range in {
		text := clip(r.path) + ": " + r.reason
		switch {
		case r.kind == report.Information:
			fine = append(fine, text)
		case len(out) >= limit:
			more++
		default:
			out = append(out, report.Observation{Stage: report.StageSBOM, Kind: r.kind, Message: text})
		}
	}
	if more > 0 {
		out = append(out, report.Observation{Stage: report.StageSBOM, Kind: report.Unread, Count: more,
			Message: fmt.Sprintf("and %d more files could not be read", more)})
	}
	if n := len(fine); n > 0 {
		out = append(out, report.Observation{Stage: report.StageSBOM, Kind: report.Information, Count: n,
			Message: plural(n, "file has", "files have") + " nothing more to list: " + some(fine)})
	}
	return out
}
