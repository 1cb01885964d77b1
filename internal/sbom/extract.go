package sbom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cataloging/pkgcataloging"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	_ "github.com/glebarez/go-sqlite" // Syft reads RPM databases through the driver "sqlite"; Grype registers this same one

	"github.com/imagegate/imagegate/internal/fault"
)

// Extract lists the packages of img as they are seen in its squashed file system.
// reference names the image in what is written; it should be one that means the same
// on every machine, and no path.
//
// The error is a *[fault.Error] with code Unavailable when the catalogers could not
// run at all. A single cataloger that panics is left out and named in [SBOM.Incomplete].
// Extract does not close img.
func Extract(ctx context.Context, img *image.Image, reference string, opt Options) (*SBOM, error) {
	return extract(ctx, stereoscopesource.New(img, stereoscopesource.ImageConfig{Reference: reference}), opt)
}

// extract runs Syft until no cataloger panics. more are catalogers beyond the usual.
func extract(ctx context.Context, src source.Source, opt Options, more ...pkgcataloging.CatalogerReference) (*SBOM, error) {
	const op = "catalog the packages"
	opt = opt.withDefaults()
	out := &SBOM{created: opt.Created, generator: generator()}
	ctx, err := withScanner(ctx)
	if err != nil {
		return nil, fault.New(fault.Internal, op, "", err)
	}
	held, err := measure(ctx, src, opt)
	if err != nil {
		if ctx.Err() != nil {
			return nil, timeout(op, err)
		}
		return nil, fault.New(fault.Unavailable, op, "", err)
	}
	opt.Parallel = held.parallel(opt.Parallel)
	var causes []error
	for {
		embedded := &embedded{max: opt.MaxEmbedded}
		s, err := create(ctx, held.guard(src), config(opt, embedded, out.failed).WithCatalogers(more...), opt.Grace)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			sortRelationships(s.Relationships)
			out.syft = s
			if err := out.look(ctx, src, append(held.remarks, embedded.remarks...), opt); err != nil {
				return nil, err
			}
			return out, nil
		}
		if cerr := ctx.Err(); cerr != nil {
			return nil, timeout(op, cerr)
		}
		causes = append(causes, err)
		broken := panicked(err, out.failed)
		if len(broken) == 0 {
			return nil, fault.New(fault.Unavailable, op,
				"the image holds a file that the cataloger cannot get past; scan it with the syft command and report the file to its authors", errors.Join(causes...))
		}
		out.failed = append(out.failed, broken...)
		slices.Sort(out.failed)
	}
}

// create runs Syft. A cataloger that does not heed ctx is waited for as long as grace,
// and then left to itself: it must not keep the program past its time.
func create(ctx context.Context, src source.Source, cfg *syft.CreateSBOMConfig, grace time.Duration) (*sbom.SBOM, error) {
	type result struct {
		bill *sbom.SBOM
		err  error
	}
	done := make(chan result, 1)
	go func() {
		bill, err := syft.CreateSBOM(ctx, src, cfg)
		done <- result{bill, err}
	}()
	select {
	case r := <-done:
		return r.bill, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.bill, r.err
	case <-time.After(grace):
		return nil, ctx.Err()
	}
}

// look compares the image's own package databases with the bill, and sorts what could
// not be read.
func (s *SBOM) look(ctx context.Context, src source.Source, more []remark, opt Options) error {
	const op = "compare the packages with their databases"
	files, err := src.FileResolver(source.SquashedScope)
	if err != nil {
		return fault.New(fault.Internal, op, "", err)
	}
	c, err := check(ctx, files, s.syft, opt.TempDir)
	if err != nil {
		if ctx.Err() != nil {
			return timeout(op, err)
		}
		return fault.New(fault.Unavailable, op, "", err)
	}
	s.broken = c.wrong
	s.observations = observations(append(more, remarks(s.syft, files, c)...), opt.MaxWarnings)
	return nil
}

// sortRelationships orders what the catalogers found side by side, in whatever order
// they ended.
func sortRelationships(in []artifact.Relationship) {
	slices.SortStableFunc(in, func(a, b artifact.Relationship) int {
		return cmp.Or(cmp.Compare(a.From.ID(), b.From.ID()), cmp.Compare(a.To.ID(), b.To.ID()), cmp.Compare(a.Type, b.Type))
	})
}

func timeout(op string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, op, "the time allowed ran out: raise the timeout", err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// taskPanic is how Syft names the cataloger that panicked; it recovers, and returns
// this in place of everything that the others found.
var taskPanic = regexp.MustCompile(`panic in task "([^"]+)"`)

// panicked returns the catalogers that err blames and that ran this time.
func panicked(err error, already []string) (out []string) {
	for _, m := range taskPanic.FindAllStringSubmatch(err.Error(), -1) {
		if name := m[1]; !slices.Contains(already, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// config is Syft's own default but for what reaches out of the image: no network, no
// tool of the host, no directory of the host, not even their names in the record of the
// configuration that syft-json carries.
func config(opt Options, embedded *embedded, without []string) *syft.CreateSBOMConfig {
	p := pkgcataloging.DefaultConfig()
	p.Golang.SearchRemoteLicenses = false
	p.Golang.SearchLocalModCacheLicenses = false
	p.Golang.SearchLocalVendorLicenses = false
	p.Golang.UsePackagesLib = false // it runs the go command
	p.Golang.LocalModCacheDir = ""
	p.Golang.Proxies, p.Golang.NoProxy = nil, nil
	p.JavaArchive.UseNetwork = false
	p.JavaArchive.UseMavenLocalRepository = false
	p.JavaArchive.MavenLocalRepositoryDir = ""
	p.JavaScript.SearchRemoteLicenses = false
	p.Python.SearchRemoteLicenses = false

	return syft.DefaultCreateSBOMConfig().
		WithTool(opt.Tool, opt.Version).
		WithPackagesConfig(p).
		WithParallelism(opt.Parallel).
		// A database of which a part was read is as unread as one of which nothing was; and
		// that an executable carries no package is not worth a word.
		WithUnknownsConfig(cataloging.UnknownsConfig{RemoveWhenPackagesDefined: false, IncludeExecutablesWithoutPackages: false}).
		WithCatalogers(pkgcataloging.NewAlwaysEnabledCatalogerReference(embedded)).
		WithCatalogerSelection(cataloging.NewSelectionRequest().WithRemovals(without...))
}

// scanner is Syft's license scanner, which costs about a second of CPU to build and is
// the same for every image. Syft looks for it in the context, under a key that is not
// exported: so what is kept is a context that holds nothing else.
var scanner = sync.OnceValues(func() (context.Context, error) {
	return syft.SetContextLicenseScanner(context.Background(), cataloging.DefaultLicenseConfig())
})

// Warm builds what every [Extract] needs and no image changes. Call it in a goroutine
// while layers download; an Extract that comes earlier waits for it.
func Warm() { _, _ = scanner() }

// withScanner adds the scanner to ctx.
func withScanner(ctx context.Context) (context.Context, error) {
	values, err := scanner()
	if err != nil {
		return nil, err
	}
	return withValues{ctx, values}, nil
}

// withValues is a context with the values of another beneath its own.
type withValues struct {
	context.Context
	values context.Context
}

func (c withValues) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}

// generator names Syft with its version where the binary knows it.
func generator() string {
	return strings.TrimSpace("syft " + syft.DefaultCreateSBOMConfig().ToolVersion)
}
