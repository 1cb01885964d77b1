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

// writeFiles writes files below dir and returns the absolute dir, "" when it could not
// be had, and what was written.
func writeFiles(dir string, files []report.File) (abs string, written []string, err error) {
	hint := "name a writable directory with report-dir"
	if abs, err = filepath.Abs(dir); err != nil {
		return "", nil, fault.New(fault.Internal, "find the report directory "+dir, hint, err)
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return "", nil, fault.New(fault.Internal, "make the report directory", hint, err)
	}
	// An os.Root follows no link out of the directory, also none that somebody puts
	// there meanwhile.
	root, err := os.OpenRoot(abs)
	if err != nil {
		return "", nil, fault.New(fault.Internal, "open the report directory", hint, err)
	}
	ours := earlierRun(root, files) // asked before this run's report takes its place
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
			errs = append(errs, fault.New(fault.Internal, fmt.Sprintf("write report file %q", f.Path), hint, err))
			continue
		}
		written = append(written, f.Path)
	}
	for _, err := range removeStale(root, ours, written) {
		errs = append(errs, fault.New(fault.Internal, "remove what an earlier run left", hint, err))
	}
	return abs, written, errors.Join(append(errs, root.Close())...)
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
	temp := path.Join(path.Dir(name), "imagegate-"+rand.Text()+".tmp")
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
