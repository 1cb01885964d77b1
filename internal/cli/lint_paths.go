package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden"
	"github.com/imagegate/imagegate/internal/report"
)

// lintRoot is a directory and the paths in it that are linted together. Everything is
// read through an os.Root: a checkout is hostile, and no link in it leads out.
type lintRoot struct {
	// dir is the directory, shown is what its paths are prefixed with in results: "" for
	// the working directory, whose paths a workflow can point at.
	dir, shown string
	paths      []string
}

// lintRoots sorts paths by the directory that they are read from. What lies below the
// working directory shares it, so that a Compose file may extend one beside it; any
// other path is a root of its own.
func lintRoots(paths []string) ([]lintRoot, error) {
	const op = "find what to lint"
	wd, err := os.Getwd()
	if err != nil {
		return nil, fault.New(fault.Unavailable, op, "change to a directory that is there", err)
	}
	own := lintRoot{dir: "."}
	var out []lintRoot
	for _, p := range expand(paths) {
		rel := filepath.FromSlash(p)
		if filepath.IsAbs(rel) {
			if r, err := filepath.Rel(wd, rel); err == nil && filepath.IsLocal(r) {
				rel = r
			}
		}
		if rel = filepath.Clean(rel); filepath.IsLocal(rel) {
			own.paths = append(own.paths, filepath.ToSlash(rel))
			continue
		}
		info, err := os.Stat(rel)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fault.New(fault.Usage, "lint "+p, "check the path", err)
		case err != nil:
			return nil, fault.New(fault.Unavailable, "lint "+p, "check that it can be read", err)
		case info.IsDir():
			out = append(out, lintRoot{dir: rel, shown: filepath.ToSlash(rel), paths: []string{"."}})
		default:
			dir := filepath.Dir(rel)
			out = append(out, lintRoot{dir: dir, shown: filepath.ToSlash(dir), paths: []string{filepath.Base(rel)}})
		}
	}
	if len(own.paths) > 0 {
		out = append([]lintRoot{own}, out...)
	}
	return out, nil
}

// expand replaces patterns that the shell left alone, as on Windows and in a workflow's
// inputs, by what they match. A path that is there, or a pattern that matches nothing, is
// kept as it is.
func expand(paths []string) []string {
	var out []string
	for _, p := range paths {
		if _, err := os.Lstat(p); err != nil && strings.ContainsAny(p, "*?[") {
			if found, err := filepath.Glob(filepath.FromSlash(p)); err == nil && len(found) > 0 {
				out = append(out, found...)
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

// show is how a path of the root is told.
func (r lintRoot) show(name string) string {
	if name == "" || r.shown == "" {
		return name
	}
	return path.Join(r.shown, name)
}

// open opens the directory. The caller closes it.
func (r lintRoot) open() (*os.Root, error) {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "lint "+r.dir, "check that the directory can be read", err)
	}
	return root, nil
}

// eachRoot calls do with the file system of each root.
func eachRoot(paths []string, do func(lintRoot, *os.Root) error) error {
	roots, err := lintRoots(paths)
	if err != nil {
		return err
	}
	for _, r := range roots {
		root, err := r.open()
		if err != nil {
			return err
		}
		if err := errors.Join(do(r, root), root.Close()); err != nil {
			return err
		}
	}
	return nil
}

// lintFiles lints the files at paths and tells them by the names that the user knows.
func lintFiles(ctx context.Context, paths []string, opt harden.Options) (*harden.Result, error) {
	all := &harden.Result{Checks: []report.Check{}}
	err := eachRoot(paths, func(r lintRoot, root *os.Root) error {
		res, err := harden.Lint(ctx, root.FS(), r.paths, opt)
		if err != nil {
			return err
		}
		for _, c := range res.Checks {
			c.Location = r.show(c.Location)
			all.Checks = append(all.Checks, c)
		}
		for _, f := range res.Files {
			f.Path = r.show(f.Path)
			all.Files = append(all.Files, f)
		}
		all.Observations = append(all.Observations, res.Observations...)
		return nil
	})
	return all, err
}

// lintOptions are those of the configuration.
func lintOptions(cfg *config.Config) harden.Options {
	return harden.Options{Trusted: cfg.HardenedBases, Exclude: cfg.LintExclude}
}

// lintBeside is what the gate calls to check files beside the image; nil when the
// option lint names none.
func lintBeside(cfg *config.Config) func(context.Context) (*harden.Result, error) {
	if len(cfg.Lint) == 0 {
		return nil
	}
	return func(ctx context.Context) (*harden.Result, error) { return lintFiles(ctx, cfg.Lint, lintOptions(cfg)) }
}

// variables reads NAME=VALUE pairs.
func variables(flag string, pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' }) {
			return nil, fault.Usagef("read --"+flag, "write --"+flag+" NAME=VALUE", "%q has no name and value", p)
		}
		out[name] = value
	}
	return out, nil
}
