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
	folders = [...]string{"attestations", "platforms", report.FolderBase, report.FolderFeed}
)

// earlierRun reports whether the directory holds a report by the same tool as the one
// in files. It must be asked before that one is written.
func earlierRun(root *os.Root, files []report.File) bool {
	now := slices.IndexFunc(files, func(f report.File) bool { return f.Path == report.FileReport })
	if now < 0 {
		return false
	}
	f, err := root.Open(report.FileReport)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	tool := toolOf(bytes.NewReader(files[now].Data))
	return tool != "" && toolOf(f) == tool
}

// maxHead is how much of a report is read to find out who wrote it, in bytes.
const maxHead = 64 << 10

// toolOf reads the name of the tool from the beginning of a report; "" when there is
// none.
func toolOf(r io.Reader) string {
	d := json.NewDecoder(io.LimitReader(r, maxHead))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return ""
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		var tool struct{ Name string }
		if key == "tool" {
			if d.Decode(&tool) != nil {
				return ""
			}
			return tool.Name
		}
		if d.Decode(new(json.RawMessage)) != nil {
			return ""
		}
	}
	return ""
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
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
