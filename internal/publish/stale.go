package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/imagegate/imagegate/internal/report"
)

// standard are the files that only this program writes. Those of an earlier run are
// removed when this run has nothing to put into them: a VEX file of yesterday beside
// a report of today would be taken for its own.
var standard = [...]string{
	report.FileReport, report.FileSchema, report.FileSummary, report.FileSARIF, report.FileEvidence, report.FileVEX, report.FileLedger, report.FileTimings,
}

// lists and folders are where the SBOMs and the evidence of a run are. Their names are
// common enough to be somebody else's, so they are only touched beside a report that
// this program wrote.
var (
	lists   = [...]string{"sbom.syft.json", "sbom.spdx.json", "sbom.cyclonedx.json"}
	folders = [...]string{"attestations", platforms, report.FolderBase, report.FolderFeed}
)

// platforms is the folder with a report of each platform.
const platforms = "platforms"

// earlier is what a report directory held before the run.
type earlier struct {
	// ours: a report of this program. looked: of a run that came as far as an image or
	// files, so that there is something in it to keep.
	ours, looked bool
	// own is what this program calls itself in its reports.
	own string
}

// earlierReport says what root held. It must be asked before a report is written.
func earlierReport(root *os.Root, files []report.File) earlier {
	now := slices.IndexFunc(files, func(f report.File) bool { return f.Path == report.FileReport })
	if now < 0 {
		return earlier{}
	}
	own, there := headOf(bytes.NewReader(files[now].Data)), headIn(root, report.FileReport)
	return earlier{ours: own.tool != "" && there.tool == own.tool, looked: there.looked, own: own.tool}
}

// maxHead is how much of a report is read to find out who wrote it, in bytes.
const maxHead = 64 << 10

// head is what the beginning of a report says.
type head struct {
	tool   string
	looked bool
}

// headIn reads the head of a report's file.
func headIn(root *os.Root, name string) head {
	if info, err := root.Lstat(name); err != nil || !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return head{}
	}
	f, err := root.Open(name)
	if err != nil {
		return head{}
	}
	defer func() { _ = f.Close() }()
	return headOf(f)
}

// headOf reads the name of the tool, and whether the subject says where it came from,
// from the beginning of a report. A subject that does not end there has much to say.
func headOf(r io.Reader) head {
	d := json.NewDecoder(io.LimitReader(r, maxHead))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return head{}
	}
	h := head{looked: true}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return h
		}
		var value struct{ Name, Source string }
		switch key {
		case "tool":
			if d.Decode(&value) != nil {
				return head{}
			}
			h.tool = value.Name
		case "subject":
			h.looked = d.Decode(&value) != nil || value.Source != ""
			return h
		default:
			if d.Decode(new(json.RawMessage)) != nil {
				return h
			}
		}
	}
	return h
}

// removeVerdicts removes the reports of single platforms that an earlier run left. Beside a
// report of ours they all are; elsewhere each is judged by what it says itself. A link
// leads to somebody else's: beside a report of ours it is removed, and none is followed.
func removeVerdicts(root *os.Root, was earlier, written []string) error {
	isLink := func(m fs.FileMode) bool { return m&fs.ModeSymlink != 0 }
	info, err := root.Lstat(platforms)
	switch {
	case err != nil:
		return ignoreMissing(err)
	case isLink(info.Mode()) && was.ours:
		return ignoreMissing(root.Remove(platforms))
	case !info.IsDir():
		return nil
	}
	var errs []error
	_ = fs.WalkDir(root.FS(), platforms, func(name string, d fs.DirEntry, err error) error {
		link := err == nil && isLink(d.Type()) && path.Dir(name) == platforms // in the place of a platform's folder
		switch {
		case err != nil:
			errs = append(errs, err) // and goes on beside what cannot be read
		case !link && (path.Base(name) != report.FileReport || d.IsDir()) || slices.Contains(written, name):
		case was.ours || was.own != "" && headIn(root, name).tool == was.own:
			errs = append(errs, ignoreMissing(root.Remove(name)))
		}
		return nil
	})
	return errors.Join(errs...)
}

// removeStale removes what an earlier run left and this one did not write: the standard
// files and, when ours says that the directory was this program's before, its lists and
// the JSON files of its folders. Anything else stays.
func removeStale(root *os.Root, ours bool, written []string) (errs []error) {
	stale := slices.Clone(standard[:])
	var dirs []string
	if ours {
		stale = append(stale, lists[:]...)
		for _, folder := range folders {
			files, below, err := documents(root, folder)
			if err != nil {
				errs = append(errs, err)
			}
			stale, dirs = append(stale, files...), append(dirs, below...)
		}
	}
	for _, name := range stale {
		if slices.Contains(written, name) {
			continue
		}
		if err := ignoreMissing(root.Remove(name)); err != nil {
			errs = append(errs, err)
		}
	}
	for _, dir := range slices.Backward(dirs) { // what is below a folder comes before it
		if left, err := fs.ReadDir(root.FS(), dir); err == nil && len(left) == 0 {
			errs = append(errs, root.Remove(dir))
		}
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// documents lists the JSON files below a folder and the folders themselves, without
// following any link.
func documents(root *os.Root, folder string) (files, dirs []string, err error) {
	if info, err := root.Lstat(folder); err != nil || !info.IsDir() {
		return nil, nil, nil
	}
	err = fs.WalkDir(root.FS(), folder, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			dirs = append(dirs, name)
		case d.Type().IsRegular() && path.Ext(name) == ".json":
			files = append(files, name)
		}
		return nil
	})
	return files, dirs, err
}
