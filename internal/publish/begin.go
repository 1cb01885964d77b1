package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// Begin makes t say what files say, a report that nothing was decided, before a run looks
// at anything: whatever ends the run, no earlier verdict is left to pass for its own.
//
// An earlier report is first kept aside; see [Previous]. Its SBOMs and its evidence carry
// no verdict and stay in the directory until [Publish], because the run may read them. An
// earlier file at SARIFFile is removed: a list without results, in its place, would close
// alerts.
//
// Result tells what was written, and as a notice why an earlier report was not kept.
func (t *Target) Begin(files []report.File) (Result, error) {
	var res Result
	var errs []error
	if t.SARIFFile != "" {
		errs = append(errs, removeSARIF(t.SARIFFile))
	}
	if t.Dir == "" {
		return res, errors.Join(errs...)
	}
	abs, root, err := openDir(t.Dir)
	if err != nil {
		return res, errors.Join(append(errs, err)...)
	}
	earlier := earlierReport(root, files)
	t.begun, t.ours = true, earlier.ours
	if earlier.ours && earlier.looked {
		if err := keepAside(root, abs); err != nil {
			res.Notices = append(res.Notices, fmt.Sprintf("the earlier report in %s is replaced and was not kept as %s: %v", t.Dir, Previous(t.Dir), err))
		}
	}
	res.Dir = abs
	verdict, others := split(files)
	res.Files, err = write(root, append(verdict, others...)) // the verdict is the last in Publish
	errs = append(errs, err)
	if err := removeVerdicts(root, earlier, res.Files); err != nil {
		errs = append(errs, fault.New(fault.Internal, "remove what an earlier run left", hintDir, err))
	}
	return res, errors.Join(append(errs, root.Close())...)
}

// Earlier says whether dir holds a report of the program that is named.
func Earlier(dir, tool string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	return headIn(root, report.FileReport).tool == tool
}

// Previous is where the earlier report of dir is kept: beside dir, and never in it.
func Previous(dir string) string { return filepath.Clean(dir) + previous }

// previous ends the name of the folder that an earlier report is kept in.
const previous = ".previous"

// maxAside bounds how much of an earlier report is kept, in bytes.
const maxAside = 2 << 30

// keepAside copies the report in root, which is at abs, to its Previous. The copy appears
// whole, by a rename, and takes the place of one that is there. A folder of that name that
// holds no report of ours is left alone.
func keepAside(root *os.Root, abs string) (err error) {
	base := filepath.Base(abs) + previous
	parent, err := os.OpenRoot(filepath.Dir(abs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parent.Close()) }()
	there := false
	switch info, err := parent.Lstat(base); {
	case err == nil && (!info.IsDir() || headIn(parent, path.Join(base, report.FileReport)).tool != headIn(root, report.FileReport).tool):
		return errors.New("it is somebody else's")
	case err == nil:
		there = true
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	temp := temporary(base)
	defer func() {
		if err != nil {
			err = errors.Join(err, parent.RemoveAll(temp))
		}
	}()
	if err := copyReport(root, parent, temp); err != nil {
		return err
	}
	if there {
		old := temporary(base)
		if err := ignoreMissing(parent.Rename(base, old)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, parent.RemoveAll(old)) }()
	}
	return parent.Rename(temp, base)
}

// copyReport copies the files of the report in from into the folder name of to.
func copyReport(from, to *os.Root, name string) error {
	files := append(slices.Clone(standard[:]), lists[:]...)
	for _, folder := range folders {
		below, _, err := documents(from, folder)
		if err != nil {
			return err
		}
		files = append(files, below...)
	}
	left := int64(maxAside)
	for _, f := range files {
		info, err := from.Lstat(f)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if left -= info.Size(); err == nil && left < 0 {
			err = fmt.Errorf("it has more than %d bytes", int64(maxAside))
		}
		var data []byte
		if err == nil {
			data, err = from.ReadFile(f)
		}
		if err == nil {
			err = writeFile(to, path.Join(name, f), data)
		}
		if err := ignoreMissing(err); err != nil {
			return err
		}
	}
	return nil
}

// removeSARIF removes an earlier file at the path that the user named.
func removeSARIF(file string) error {
	info, err := os.Stat(file)
	if err == nil && info.Mode().IsRegular() {
		err = os.Remove(file)
	}
	if err := ignoreMissing(err); err != nil {
		return fault.New(fault.Internal, "remove the earlier sarif-file "+file, "name a writable file with sarif-file", err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
