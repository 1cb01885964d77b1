package harden

import (
	"context"
	"io/fs"
	"slices"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/compose"
	"github.com/imagegate/imagegate/internal/harden/dockerfile"
	"github.com/imagegate/imagegate/internal/harden/edit"
)

// Patch is what [Fix] would change in one file.
type Patch struct {
	Path          string
	Before, After string
	// Fixed are the ids of the checks that the change is for, sorted, each once.
	Fixed []string
}

// Diff is the patch as a unified diff, for patch -p1 and git apply.
func (p Patch) Diff() string { return edit.Diff(p.Path, p.Before, p.After) }

// FixOptions say what is known beside the files.
type FixOptions struct {
	// Digest returns the digest that the tag of an image has now ("sha256:…"); nil, or
	// false, pins nothing. It is asked once for each base that is not pinned.
	Digest func(image string) (string, bool)
}

// Fix works out the remedies that are safe to write (see dockerfile.Fixes and
// compose.Fixes) for the files at paths, as of [Lint], and writes none of them. A
// change after which a file would be refused, or fail a check that it passed, is left
// out.
func Fix(ctx context.Context, fsys fs.FS, paths []string, opt Options, fix FixOptions) ([]Patch, error) {
	fsys = regular{fsys}
	res, err := Lint(ctx, fsys, paths, opt)
	if err != nil {
		return nil, err
	}
	var out []Patch
	for _, f := range res.Files {
		if f.Refused != "" {
			continue
		}
		data, err := readFile(fsys, f.Path, dockerfile.MaxSize)
		if err != nil {
			return nil, unreadable(f.Path, err)
		}
		var edits []edit.Edit
		if f.Kind == check.Dockerfile {
			edits = fixDockerfile(f.Path, data, opt, fix)
		} else {
			edits = fixCompose(ctx, fsys, f.Path, opt)
		}
		if len(edits) == 0 {
			continue
		}
		p := Patch{Path: f.Path, Before: string(data)}
		p.After, _ = edit.Apply(p.Before, edits)
		if p.After == p.Before || !worthIt(ctx, fsys, p, f.Kind, opt) {
			continue
		}
		for _, e := range edits {
			p.Fixed = append(p.Fixed, e.ID)
		}
		slices.Sort(p.Fixed)
		p.Fixed = slices.Compact(p.Fixed)
		out = append(out, p)
	}
	return out, nil
}

func fixDockerfile(name string, data []byte, opt Options, fix FixOptions) []edit.Edit {
	f, err := dockerfile.Parse(name, data, dockerfile.Options{BuildArgs: opt.BuildArgs, Trusted: opt.Trusted})
	if err != nil {
		return nil
	}
	return dockerfile.Fixes(f, dockerfile.Run(f), fix.Digest)
}

func fixCompose(ctx context.Context, fsys fs.FS, name string, opt Options) []edit.Edit {
	p, err := compose.Load(ctx, fsys, []string{name}, compose.Options{Env: opt.Env, Trusted: opt.Trusted})
	if err != nil {
		return nil
	}
	return compose.Fixes(p, compose.Run(p))
}

// worthIt lints the changed file in the place of the old one: it has to be accepted
// and may not fail anything that it did not fail before.
func worthIt(ctx context.Context, fsys fs.FS, p Patch, kind check.Kind, opt Options) bool {
	before, err := failures(ctx, fsys, p.Path, p.Before, kind, opt)
	if err != nil {
		return false
	}
	after, err := failures(ctx, fsys, p.Path, p.After, kind, opt)
	if err != nil {
		return false
	}
	for id, n := range after {
		if n > before[id] {
			return false
		}
	}
	return true
}

// failures counts the findings of one file with a given text, by check.
func failures(ctx context.Context, fsys fs.FS, name, text string, kind check.Kind, opt Options) (map[string]int, error) {
	l := &linter{ctx: ctx, fsys: overlay{fsys, name, text}, opt: opt, res: &Result{}, done: map[string]bool{}}
	if l.opt.MaxFiles == 0 {
		l.opt.MaxFiles = 10_000
	}
	if err := l.file(name, kind); err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, c := range l.res.Checks {
		if c.State == "failed" {
			out[c.ID]++
		}
	}
	return out, nil
}
