package harden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/compose"
	"github.com/imagegate/imagegate/internal/harden/dockerfile"
	"github.com/imagegate/imagegate/internal/report"
)

// Options say what is linted and how. The zero value is ready to use.
type Options struct {
	// BuildArgs are values for ARG instructions, as of docker build --build-arg.
	BuildArgs map[string]string
	// Env are variables for Compose files, on top of a .env file beside them.
	Env map[string]string
	// Trusted are image names or prefixes that count as hardened beside the known.
	Trusted []string
	// Exclude are what a walk passes over: a name or glob without a slash of any file or
	// directory, or one with slashes from the root. What paths name is linted all the
	// same.
	Exclude []string
	// MaxFiles is how many Dockerfiles and Compose projects are read. 0 means 10,000;
	// more is an error.
	MaxFiles int
	// MaxEntries is how many directory entries are walked. 0 means 1,000,000; more is
	// an error.
	MaxEntries int
}

// File is one file that was linted.
type File struct {
	// Path uses slashes and is relative to the file system that was given.
	Path string
	Kind check.Kind
	// Refused says why the file could not be parsed; "" when it could.
	Refused string
}

// Result is what a lint found.
type Result struct {
	// Checks has every outcome of every check and file, sorted by place, line and id.
	Checks []report.Check
	// Files are the Dockerfiles and Compose projects, sorted.
	Files []File
	// Observations are what was not looked at, such as a file that could not be parsed or
	// one that is included and not there, and what is worth knowing; sorted.
	Observations []report.Observation
}

// observe adds what was seen beside the outcomes of checks.
func (r *Result) observe(kind report.Kind, format string, args ...any) {
	o := report.Observation{Stage: report.StageHarden, Kind: kind, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(r.Observations, o) {
		r.Observations = append(r.Observations, o)
	}
}

// Lint checks the Dockerfiles and Compose files at paths: a file is taken as what its
// name says, or by its content when the name says nothing; a directory is walked. No
// paths means ".". Directories named .git, node_modules and vendor are passed over.
//
// A file that cannot be parsed is a finding (HIG-D001, HIG-C001) and has Refused set.
// The error is a *[fault.Error] with code Usage for a path that is not there or is no
// such file, Unavailable for one that cannot be read, or the context's own.
func Lint(ctx context.Context, fsys fs.FS, paths []string, opt Options) (*Result, error) {
	if opt.MaxFiles == 0 {
		opt.MaxFiles = 10_000
	}
	if opt.MaxEntries == 0 {
		opt.MaxEntries = 1_000_000
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	fsys = regular{fsys}
	d := &discovery{fsys: fsys, opt: opt, kinds: map[string]check.Kind{}}
	if err := d.readExclude(); err != nil {
		return nil, err
	}
	for _, p := range paths {
		if err := d.add(ctx, path.Clean(strings.ReplaceAll(p, `\`, "/"))); err != nil {
			return nil, err
		}
	}
	res := &Result{Checks: []report.Check{}}
	for _, text := range d.unfollowed {
		res.observe(report.Unread, "%s", text)
	}
	l := &linter{ctx: ctx, fsys: fsys, opt: opt, res: res, done: map[string]bool{}}
	for _, f := range d.sorted() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := l.file(f, d.kinds[f]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(res.Checks, compareChecks)
	slices.SortFunc(res.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(res.Observations, func(a, b report.Observation) int {
		return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Kind, b.Kind))
	})
	return res, nil
}

// compareChecks orders outcomes as a reader walks through files.
func compareChecks(a, b report.Check) int {
	return cmp.Or(cmp.Compare(a.Location, b.Location), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
}

type linter struct {
	ctx  context.Context
	fsys fs.FS
	opt  Options
	res  *Result
	done map[string]bool
}

func (l *linter) file(name string, kind check.Kind) error {
	if l.done[name] {
		return nil
	}
	l.done[name] = true
	if kind == check.Compose {
		if listed := compose.Listed(l.fsys, path.Dir(name)); slices.Contains(listed, name) {
			return l.compose(listed)
		}
		names := []string{name}
		if o := override(l.fsys, name); o != "" {
			names = append(names, o)
		}
		return l.compose(names)
	}
	data, err := readFile(l.fsys, name, dockerfile.MaxSize)
	if err != nil {
		return unreadable(name, err)
	}
	f, err := dockerfile.Parse(name, data, dockerfile.Options{
		BuildArgs: l.opt.BuildArgs, Trusted: l.opt.Trusted, Ignored: func() (string, []string, bool) { return dockerIgnore(l.fsys, name) },
	})
	var refused *dockerfile.ParseError
	if errors.As(err, &refused) {
		l.res.Files = append(l.res.Files, File{Path: name, Kind: check.Dockerfile, Refused: refused.Error()})
		l.res.Checks = append(l.res.Checks, dockerfile.Refused(name, refused)...)
		l.res.observe(report.Unread, "%s could not be parsed, so nothing in it was checked", name)
		return nil
	}
	if err != nil {
		return err
	}
	l.res.Files = append(l.res.Files, File{Path: name, Kind: check.Dockerfile})
	l.res.Checks = append(l.res.Checks, dockerfile.Run(f)...)
	return nil
}

// compose lints one project: a file with those on top of it, and whatever it includes as
// projects of their own.
func (l *linter) compose(names []string) error {
	for _, n := range names {
		l.done[n] = true
	}
	name := names[0]
	p, err := compose.Load(l.ctx, l.fsys, names, compose.Options{Env: l.opt.Env, Trusted: l.opt.Trusted})
	if err != nil {
		if base := baseOf(l.fsys, name); base != "" && strings.Contains(err.Error(), "neither an image nor a build context") {
			// An override that only makes sense on top of its base.
			if q, err2 := compose.Load(l.ctx, l.fsys, []string{base, name}, compose.Options{Env: l.opt.Env, Trusted: l.opt.Trusted}); err2 == nil {
				p, err = q, nil
				l.res.observe(report.Information, "%s is checked on top of %s", name, base)
			}
		}
	}
	file := File{Path: name, Kind: check.Compose}
	var refused *compose.LoadError
	switch {
	case errors.As(err, &refused):
		file.Refused = refused.Error()
	case err != nil:
		return unreadable(name, err)
	}
	l.res.Files = append(l.res.Files, file)
	if p == nil {
		l.res.Checks = append(l.res.Checks, compose.Refused(refused)...)
		l.res.observe(report.Unread, "%s could not be loaded, so nothing in it was checked", name)
		return nil
	}
	l.res.Checks = append(l.res.Checks, compose.Run(p)...)
	for _, o := range p.Observations {
		l.res.observe(o.Kind, "%s: %s", name, o.Message)
	}
	for _, files := range p.Includes {
		var there []string
		for _, inc := range files {
			if _, err := fs.Stat(l.fsys, inc); err != nil {
				l.res.observe(report.Unread, "%s includes %s, which is not there", name, inc)
				continue
			}
			there = append(there, inc)
		}
		if len(l.done) > l.opt.MaxFiles {
			return tooMany(l.opt.MaxFiles)
		}
		if len(there) == 0 || l.done[there[0]] {
			continue
		}
		if err := l.compose(there); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(limit int) error {
	return fault.Usagef("lint", "name the directories that matter", "more than %d Dockerfiles and Compose files", limit)
}

func unreadable(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, "lint "+name, "check the path", fs.ErrNotExist)
	}
	return fault.New(fault.Unavailable, "lint "+name, "check that the file can be read", err)
}

// readFile reads at most limit bytes and one more, which the parser then refuses.
func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// dockerIgnore finds the ignore file that BuildKit would use: one named after the
// Dockerfile first, then the context's own. The context is taken to be the
// Dockerfile's directory, or the root when only that has one.
func dockerIgnore(fsys fs.FS, name string) (string, []string, bool) {
	for _, f := range []string{name + ".dockerignore", path.Join(path.Dir(name), ".dockerignore"), ".dockerignore"} {
		if data, err := readFile(fsys, f, dockerfile.MaxSize); err == nil {
			return f, strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"), true
		}
	}
	return ".dockerignore", nil, false
}
