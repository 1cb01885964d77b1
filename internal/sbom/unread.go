package sbom

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
// databases is in check already. That a package brought a file does not make it read: the
// lists of files are data of the image, and a vendor may not know what is inside.
func remarks(s *sbom.SBOM, files file.Resolver, c *checker) (out []remark) {
	for at, said := range s.Artifacts.Unknowns {
		if c.own[at] || extra(at.RealPath) {
			continue
		}
		r := remark{at.RealPath, reasons(said), report.Unread}
		size, ok := sizeOf(files, at)
		hides := func(text string) bool { return missing(text) && !(ok && impossible(text, size)) }
		// What is not there cannot be unread.
		if ok && size == 0 || !slices.ContainsFunc(said, hides) {
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
	case filesOnly(said):
		return false
	case task == "dpkg-db-cataloger", task == "rpm-db-cataloger":
		return true
	}
	return !slices.ContainsFunc(none, func(n string) bool { return strings.HasPrefix(text, n) })
}

// sizeOf is the size of a file; ok is false when it is not known.
func sizeOf(files file.Resolver, at file.Coordinates) (size int64, ok bool) {
	found, err := files.FilesByPath(at.RealPath)
	if err != nil || len(found) != 1 || found[0].Coordinates != at {
		return 0, false
	}
	m, err := files.FileMetadataByLocation(found[0])
	if err != nil || m.FileInfo == nil {
		return 0, false
	}
	return m.Size(), true
}

// bundled is Syft's remark about an executable with the mark of a .NET bundle in it.
var bundled = regexp.MustCompile(`^dotnet-deps-binary-cataloger: embedded deps\.json of ([0-9]+) bytes is past the [0-9]+ byte limit$`)

// impossible reports whether a remark is about a list that is larger than its file: the
// mark is a constant of a program that looks for bundles, and no bundle.
func impossible(said string, size int64) bool {
	m := bundled.FindStringSubmatch(said)
	if m == nil {
		return false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return err == nil && n > size
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
