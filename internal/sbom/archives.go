package sbom

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/source"

	"github.com/imagegate/imagegate/internal/report"
)

// javaArchives end the names of files that Syft unpacks, and again what is in them, each
// to a file of its own. Its only limit is one of 2 GiB for each.
var javaArchives = []string{".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".kar", ".far", ".lpkg", ".rar", ".zap"}

// archives is what the archives of an image would take to be cataloged.
type archives struct {
	opt Options
	// refused pass a limit, or would keep their reader busy for ever; needs are the bytes
	// on disk of each other archive.
	refused map[file.Coordinates]error
	needs   []int64
	// remarks are archives in others, and descriptions in those, that cannot be read, which
	// Syft does not tell.
	remarks []remark
}

// measure looks into the archives of an image before they are cataloged.
func measure(ctx context.Context, src source.Source, opt Options) (*archives, error) {
	a := &archives{opt: opt, refused: map[file.Coordinates]error{}}
	files, err := src.FileResolver(source.SquashedScope)
	if err != nil {
		return nil, err
	}
	var globs []string
	for _, ext := range append([]string{".zip"}, javaArchives...) {
		globs = append(globs, "**/*"+ext)
	}
	found, err := files.FilesByGlob(globs...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(x, y file.Location) int { return cmp.Compare(x.RealPath, y.RealPath) })
	for _, l := range found {
		m := &meter{ctx: ctx, opt: opt}
		err := m.file(files, l)
		if cerr := ctx.Err(); cerr != nil {
			return nil, cerr
		}
		var passed *limitError
		if errors.As(err, &passed) {
			a.refused[l.Coordinates] = err
			continue
		}
		a.needs = append(a.needs, m.spent)
		for _, p := range m.problems {
			a.remarks = append(a.remarks, remark{l.RealPath, p, report.Unread})
		}
	}
	slices.SortFunc(a.needs, func(x, y int64) int { return cmp.Compare(y, x) })
	return a, a.databases(ctx, files)
}

// databases refuses those of rpm whose pages lead nowhere.
func (a *archives) databases(ctx context.Context, files file.Resolver) error {
	found, err := files.FilesByGlob(pkg.RpmDBGlob)
	if err != nil {
		return err
	}
	for _, l := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		in, size, err := open(files, l)
		if err != nil {
			continue // Syft will say so
		}
		if err := errors.Join(pagesFault(in, size), in.Close()); err != nil {
			a.refused[l.Coordinates] = err
		}
	}
	return nil
}

// parallel is how many files may be cataloged at once, so that what is unpacked at one
// time stays below the limit whichever they are.
func (a *archives) parallel(most int) int {
	var sum int64
	for i, n := range a.needs {
		if sum += n; sum > a.opt.MaxUnpacked {
			return min(most, max(i, 1))
		}
	}
	return most
}

// guard is the source without the content of the archives that were refused.
func (a *archives) guard(src source.Source) source.Source {
	if len(a.refused) == 0 {
		return src
	}
	return guarded{src, a.refused}
}

type guarded struct {
	source.Source
	refused map[file.Coordinates]error
}

func (g guarded) FileResolver(s source.Scope) (file.Resolver, error) {
	files, err := g.Source.FileResolver(s)
	if err != nil {
		return nil, err
	}
	return guardedFiles{files, g.refused}, nil
}

type guardedFiles struct {
	file.Resolver
	refused map[file.Coordinates]error
}

func (g guardedFiles) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	if err, ok := g.refused[l.Coordinates]; ok {
		return nil, err
	}
	return g.Resolver.FileContentsByLocation(l)
}
