package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxInput bounds a file that the user names, in bytes: keys, trusted roots, VEX.
const maxInput = 256 << 20

// readFile reads a regular file that the user named, bounded.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxInput)
	}
	return data, nil
}

// maxFolder bounds how many files one folder may hold.
const maxFolder = 100_000

// glob finds the files that a pattern names: a file, a glob, or a folder, of which
// every .json file counts.
func glob(pattern string) ([]string, error) {
	info, err := os.Stat(pattern)
	switch {
	case err == nil && !info.IsDir():
		return []string{pattern}, nil
	case err == nil:
		return folder(pattern)
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(pattern, "*?["):
		return nil, err
	}
	return filepath.Glob(pattern)
}

func folder(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() && strings.HasSuffix(name, ".json") {
			out = append(out, name)
		}
		if len(out) > maxFolder {
			return fmt.Errorf("more than %d files", maxFolder)
		}
		return nil
	})
	return out, err
}
