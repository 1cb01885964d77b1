package harden

import (
	"context"
	"io/fs"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/compose"
	"github.com/imagegate/imagegate/internal/harden/dockerfile"
)

// Base is one external image that a file names, for whoever can ask a registry which
// digest its tag has now, how old that is, and whether a hardened one exists.
type Base struct {
	Path string
	Line int
	// Image is the reference with build arguments and variables substituted; Digest is
	// set when it is pinned already.
	Image, Digest string
	// Vendor names the maker of hardened images that it is of, or is "".
	Vendor string
	// Equivalent is the repository of the same name among Docker Hardened Images, to
	// look up; "" when Vendor is set.
	Equivalent string
	// Problem says why Image is not a reference; the other fields are empty then.
	Problem string
}

// Bases lists the external images of the Dockerfiles and Compose files at paths, as of
// [Lint], in order of place. Files that are refused have none.
func Bases(ctx context.Context, fsys fs.FS, paths []string, opt Options) ([]Base, error) {
	fsys = regular{fsys}
	res, err := Lint(ctx, fsys, paths, opt)
	if err != nil {
		return nil, err
	}
	var out []Base
	for _, f := range res.Files {
		if f.Refused != "" {
			continue
		}
		var images []dockerfile.Image
		if f.Kind == check.Dockerfile {
			data, err := readFile(fsys, f.Path, dockerfile.MaxSize)
			if err != nil {
				return nil, unreadable(f.Path, err)
			}
			d, err := dockerfile.Parse(f.Path, data, dockerfile.Options{BuildArgs: opt.BuildArgs})
			if err != nil {
				continue
			}
			images = dockerfile.Images(d)
		} else {
			p, err := compose.Load(ctx, fsys, []string{f.Path}, compose.Options{Env: opt.Env})
			if err != nil {
				continue
			}
			for _, im := range compose.Images(p) {
				images = append(images, dockerfile.Image(im))
			}
		}
		for _, im := range images {
			b := Base{Path: f.Path, Line: im.Line}
			if im.Err != nil {
				b.Problem = im.Err.Error()
			} else {
				b.Image, b.Digest = im.Ref.Raw, im.Ref.Digest
				if b.Vendor, _ = im.Ref.Hardened(opt.Trusted); b.Vendor == "" {
					b.Equivalent = im.Ref.DHI()
				}
			}
			out = append(out, b)
		}
	}
	return out, nil
}
