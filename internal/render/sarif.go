package render

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// MaxSARIFResults is how many results GitHub keeps of one run; it drops the least
// severe beyond, so they are left out here, with a notice.
const MaxSARIFResults = 5000

// SARIFOptions say how results are filed. The zero value works.
type SARIFOptions struct {
	// DriverVersion is the version of the program, "" means that of the report.
	DriverVersion string
	// Category keeps the alerts of one image apart from those of another. "" means
	// hardened-image-gate/<repository>/<platform>.
	Category string
	// Location is the line of a file in the checkout that names the image, such as a
	// FROM line. Without one (File is "") results are filed under a path made from the
	// repository, which never changes, so that alerts keep their identity.
	Location SARIFLocation
	// IncludeSuppressed adds the suppressed findings, marked as such, for other tools
	// than GitHub: code scanning ignores the mark and opens an alert for each.
	IncludeSuppressed bool
}

// SARIFLocation is a line of a file. File is relative to the checkout and uses
// slashes; Line counts from 1.
type SARIFLocation struct {
	File string
	Line int
}

// SARIF writes results.sarif (SARIF 2.1.0) with one run: a result for each open
// finding, gravest first, and for each check that did not pass. A run without results
// has an empty list, so that alerts of earlier runs close. Nothing is decided by this
// file: the level of a result repeats what the policy says of it.
func SARIF(w io.Writer, r *report.Report, opt SARIFOptions) error {
	return writeJSON(w, "SARIF", newSARIF(r.Canonical(), opt))
}

func newSARIF(r *report.Report, opt SARIFOptions) sarifLog {
	b := &sarifBuilder{r: r, opt: opt, rules: map[string]int{}, prints: map[string]int{}}
	b.file, b.line, b.virtual = b.place()
	left := 0
	for _, c := range b.candidates() {
		if len(b.results) == MaxSARIFResults {
			left++
			continue
		}
		b.add(c)
	}
	var notes []sarifNotification
	if left > 0 {
		notes = append(notes, notification("warning", fmt.Sprintf("%d more results are in %s: code scanning keeps %d.",
			left, report.FileReport, MaxSARIFResults)))
	}
	for _, s := range r.Stages {
		if s.State == report.Failed {
			notes = append(notes, notification("error", fmt.Sprintf("Stage %s could not be done: %s", s.Name, s.Reason)))
		}
	}
	for _, c := range r.Checks {
		if c.State == report.CheckUndecided {
			notes = append(notes, notification("note", fmt.Sprintf("Check %s could not decide: %s", c.ID, c.Reason)))
		}
	}
	if len(notes) > mostOther {
		more := len(notes) - mostOther
		notes = append(notes[:mostOther], notification("note", fmt.Sprintf("%d more notes are in %s.", more, report.FileReport)))
	}
	version := opt.DriverVersion
	if version == "" {
		version = r.Tool.Version
	}
	return sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs: []sarifRun{{
			Tool: sarifTool{Driver: sarifDriver{
				Name: Product, Version: driverVersion(version), SemanticVersion: semantic(version), InformationURI: homepage,
				Rules: notNil(b.list),
			}},
			// GitHub takes what is before the last slash as the category and the rest as the
			// run's own name: without the slash the runs of two platforms would replace each
			// other.
			AutomationDetails: sarifAutomation{ID: Category(r, opt.Category) + "/"},
			Invocations: []sarifInvocation{{
				ExecutionSuccessful: r.Verdict.Result != report.Error, Notifications: notes,
			}},
			Results:    notNil(b.results),
			ColumnKind: "utf16CodeUnits",
			Properties: sarifRunProperties{
				Image: clean(imageName(r.Subject)), Reference: clean(r.Subject.Reference), Platform: clean(r.Subject.Platform),
				Verdict: strings.ToLower(verdictWord(r.Verdict.Result)),
			},
		}},
	}
}

// Category keeps the results of one image in code scanning apart from those of another:
// the category that the user named or, with "", hardened-image-gate/<repository>/<platform>.
// It is stable over tags and digests, so that alerts are.
func Category(r *report.Report, named string) string {
	c := strings.Trim(clean(named), "/")
	if c == "" {
		c = strings.TrimSuffix("hardened-image-gate/"+repositoryPath(r.Subject), "/")
		if r.Subject.Platform != "" {
			c += "/" + clean(r.Subject.Platform)
		}
	}
	return cut(c, maxSentence)
}

// place is the artifact location of every result that has none of its own. A virtual
// path is constant for a repository: neither tag nor digest is in it.
func (b *sarifBuilder) place() (file string, line int, virtual bool) {
	if f, ok := relativeURI(b.opt.Location.File); ok {
		return f, max(b.opt.Location.Line, 1), false
	}
	return "imagegate/" + repositoryPath(b.r.Subject), 1, true
}

// repositoryPath is the repository as a path that is safe in a URI: only letters,
// digits and "._-/", no colon (it would read as a scheme) and no dot segments. Of an image
// on disk it has the last part of the path alone: where a run unpacks it may change.
func repositoryPath(s report.Subject) string {
	name := s.Repository
	if name == "" {
		name, _, _ = strings.Cut(s.Reference, "@")
		if source, file, _ := strings.Cut(name, ":"); source == "oci-dir" || source == "docker-archive" {
			name = source + "/" + path.Base(strings.ReplaceAll(file, `\`, "/"))
		}
	}
	return strings.TrimPrefix(path.Clean("/"+strings.Map(safePathRune, cut(clean(name), maxWord))), "/")
}

func safePathRune(c rune) rune {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("._-/", c):
		return c
	}
	return '-'
}

// relativePath cleans a path in the checkout. It refuses what is no such path:
// absolute ones, those that leave the checkout, any colon (it would read as a scheme)
// and what is not printable.
func relativePath(file string) (string, bool) {
	file = strings.ReplaceAll(file, `\`, "/")
	if file == "" || strings.HasPrefix(file, "/") || strings.Contains(file, ":") || clean(file) != file {
		return "", false
	}
	file = path.Clean(file)
	return file, file != "." && file != ".." && !strings.HasPrefix(file, "../")
}

// relativeURI is relativePath with everything escaped that is not plain in a URI.
func relativeURI(file string) (string, bool) {
	file, ok := relativePath(file)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, c := range []byte(file) {
		if r := rune(c); safePathRune(r) == r {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), true
}

// notNil makes a nil list an empty one: GitHub wants results to be there.
func notNil[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
