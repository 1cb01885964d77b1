// Package publish brings a finished report to where people look: the report
// directory, the step's outputs, the job summary, the annotations. It is given bytes
// and values and renders nothing.
//
// It guarantees that an output that cannot be written does not stop the others, and
// that no file leaves the report directory, whatever it is called and whatever links
// are there. Files appear whole or not at all, and the verdict of a run is the last of
// them: from [Target.Begin] until then the directory says that nothing was decided.
//
// Start reading at [Target.Begin], then [Publish].
package publish

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/imagegate/imagegate/internal/actions"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Bundle is everything there is to publish.
type Bundle struct {
	// Files go into the report directory. A file without Data is written empty.
	Files []report.File
	// Summary is Markdown for the job summary; nil writes none.
	Summary []byte
	// Outputs are the step's outputs, in the order in which they are written.
	Outputs []Output
	// Annotations are shown in this order.
	Annotations []Annotation
	// Whole publishes the verdict, in the report and in the outputs, only when all other
	// files could be written.
	Whole bool
}

// Output is one output of the step. With File, the value is the absolute path of that
// file of the bundle ("." means the report directory itself), and empty when it was not
// written: a workflow never reads a path that leads nowhere.
type Output struct {
	Name  string
	Value string
	File  string
}

// Annotation is one remark beside the run. It has the fields of actions.Annotation
// and render.Annotation, so that one converts to another.
type Annotation struct {
	Level   string
	Title   string
	Message string
	File    string
	Line    int
}

// Target says where to publish. What is unset is left out.
type Target struct {
	// Dir is the report directory; it is made when it is not there. "" writes no
	// files.
	Dir string
	// SARIFFile is one more place for the SARIF file, named by the user; "" means none.
	SARIFFile string
	// Runner publishes outputs, summary and annotations; nil means that there is no
	// workflow run.
	Runner *actions.Runner

	// begun is set by Begin, and then ours says whether the directory held a report of
	// this program before.
	begun, ours bool
}

// Result says what was published.
type Result struct {
	// Dir is the absolute path of the report directory, "" when there is none.
	Dir string
	// Files are the paths that were written, relative to Dir with slashes: the report, then
	// the others in the order of the bundle.
	Files []string
	// Notices are what was left out for a reason that is nobody's mistake, such as a
	// runner that offers no summary.
	Notices []string
}

// Publish writes b to t: files first, the one with the verdict after all others, then
// outputs, summary and annotations, because outputs name files. Everything is tried,
// unless b is to be whole; the error joins what could not be done, each with code
// [fault.Internal] and a hint, and the Result tells what was.
func Publish(b Bundle, t Target) (Result, error) {
	var res Result
	var errs []error
	verdict, others := split(b.Files)
	var root *os.Root
	ours := t.ours
	if t.Dir != "" {
		var err error
		if res.Dir, root, err = openDir(t.Dir); err == nil {
			defer func() { _ = root.Close() }() // every file in it is closed by then
			if !t.begun {
				ours = earlierReport(root, verdict).ours
			}
			res.Files, err = write(root, others)
		}
		errs = append(errs, err)
	}
	if t.SARIFFile != "" {
		errs = append(errs, copySARIF(t.SARIFFile, b.Files))
	}
	if root != nil {
		for _, err := range removeStale(root, ours, append(paths(verdict), res.Files...)) {
			errs = append(errs, fault.New(fault.Internal, "remove what an earlier run left", hintDir, err))
		}
		if !b.Whole || errors.Join(errs...) == nil {
			written, err := write(root, verdict)
			res.Files = append(written, res.Files...)
			errs = append(errs, err)
		}
	}
	if t.Runner != nil && (!b.Whole || errors.Join(errs...) == nil) {
		errs = append(errs, toRunner(&res, b, t.Runner))
	}
	return res, errors.Join(errs...)
}

// split takes the file with the verdict from the others.
func split(files []report.File) (verdict, others []report.File) {
	for _, f := range files {
		if f.Path == report.FileReport {
			verdict = append(verdict, f)
		} else {
			others = append(others, f)
		}
	}
	return verdict, others
}

func paths(files []report.File) []string {
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = f.Path
	}
	return out
}

func toRunner(res *Result, b Bundle, r *actions.Runner) error {
	var errs []error
	// A runner that offers no file for outputs is told once, not once for each.
	offered := true
	for _, o := range b.Outputs {
		if !offered {
			break
		}
		switch err := r.Output(o.Name, value(*res, o)); {
		case errors.Is(err, actions.ErrNotOffered):
			offered = false
			errs = append(errs, fault.New(fault.Internal, "write step outputs",
				"run as a step of a workflow, where the runner sets GITHUB_OUTPUT, or use imagegate verify", err))
		case err != nil:
			errs = append(errs, fault.New(fault.Internal, "write step output "+o.Name,
				"the other outputs are written; the value is in the report directory", err))
		}
	}
	if b.Summary != nil {
		switch err := r.Summary(b.Summary); {
		case errors.Is(err, actions.ErrNotOffered):
			res.Notices = append(res.Notices, "no job summary was written: the runner offers none (GITHUB_STEP_SUMMARY is unset)")
		case err != nil:
			errs = append(errs, fault.New(fault.Internal, "write the job summary",
				"the same text is in "+report.FileSummary+" in the report directory", err))
		}
	}
	for _, a := range b.Annotations {
		if err := r.Annotate(actions.Annotation(a)); err != nil {
			errs = append(errs, fault.New(fault.Internal, "annotate the run", "the same text is in the job summary", err))
			break // the log is gone: the others would fail the same way
		}
	}
	return errors.Join(errs...)
}

// value is what an output is set to.
func value(res Result, o Output) string {
	switch o.File {
	case "":
		return o.Value
	case ".":
		return res.Dir
	}
	for _, f := range res.Files {
		if f == o.File {
			return filepath.Join(res.Dir, filepath.FromSlash(f))
		}
	}
	return ""
}
