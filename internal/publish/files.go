package publish

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

// hintDir is the next step when the report directory cannot be written.
const hintDir = "name a writable directory with report-dir"

// openDir makes the report directory and opens it. An os.Root follows no link out of the
// directory, also none that somebody puts there meanwhile.
func openDir(dir string) (abs string, root *os.Root, err error) {
	if abs, err = filepath.Abs(dir); err != nil {
		return "", nil, fault.New(fault.Internal, "find the report directory "+dir, hintDir, err)
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return "", nil, fault.New(fault.Internal, "make the report directory", hintDir, err)
	}
	if root, err = os.OpenRoot(abs); err != nil {
		return "", nil, fault.New(fault.Internal, "open the report directory", hintDir, err)
	}
	return abs, root, nil
}

// write writes files below root and returns which were written.
func write(root *os.Root, files []report.File) (written []string, err error) {
	var errs []error
	seen := map[string]bool{}
	for _, f := range files {
		err := checkPath(f.Path)
		switch {
		case err != nil:
		case seen[strings.ToLower(f.Path)]:
			err = errors.New("two files have this name")
		default:
			seen[strings.ToLower(f.Path)] = true
			err = writeFile(root, f.Path, f.Data)
		}
		if err != nil {
			errs = append(errs, fault.New(fault.Internal, fmt.Sprintf("write report file %q", f.Path), hintDir, err))
			continue
		}
		written = append(written, f.Path)
	}
	return written, errors.Join(errs...)
}

// checkPath refuses names that leave the directory or that the upload of the report
// would refuse or leave out: actions/upload-artifact takes none with these characters,
// on any system, and skips hidden files.
func checkPath(name string) error {
	switch {
	case !fs.ValidPath(name) || name == "." || !filepath.IsLocal(filepath.FromSlash(name)):
		return errors.New("the path is not one within the report directory")
	case strings.ContainsAny(name, "\":<>|*?\\") || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return errors.New(`the name has a control character or one of " : < > | * ? \`)
	}
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") {
			return errors.New("the name is that of a hidden file")
		}
	}
	return nil
}

// writeFile writes data beside name and renames it, so that nobody sees half a file.
func writeFile(root *os.Root, name string, data []byte) (err error) {
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	temp := path.Join(path.Dir(name), temporary("imagegate"))
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(temp))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

// temporary makes a name that nobody else has.
func temporary(base string) string { return base + "-" + rand.Text() + ".tmp" }

// copySARIF writes the SARIF file of the bundle to the path that the user named.
func copySARIF(file string, files []report.File) error {
	hint := "name a writable file with sarif-file"
	for _, f := range files {
		if f.Path != report.FileSARIF {
			continue
		}
		dir, base := filepath.Split(filepath.Clean(file))
		if dir == "" {
			dir = "."
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.New(fault.Internal, "make the directory of sarif-file", hint, err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return fault.New(fault.Internal, "open the directory of sarif-file", hint, err)
		}
		if err := errors.Join(writeFile(root, base, f.Data), root.Close()); err != nil {
			return fault.New(fault.Internal, "write sarif-file "+file, hint, err)
		}
		return nil
	}
	return fault.New(fault.Internal, "write sarif-file "+file, "the report says why there is no SARIF", errors.New("no SARIF was made"))
}

// File returns a report file of what write writes, or its error. It turns a renderer
// into a file.
func File(name, mediaType string, write func(b *bytes.Buffer) error) (report.File, error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return report.File{}, fmt.Errorf("make %s: %w", name, err)
	}
	return report.File{Path: name, MediaType: mediaType, Data: b.Bytes()}, nil
}
