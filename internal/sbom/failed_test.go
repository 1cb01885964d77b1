package sbom

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging/pkgcataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"

	"github.com/imagegate/imagegate/internal/fault"
)

// broken is a cataloger that does not come to its end.
type broken struct {
	name string
	run  func() error
}

func (b broken) Name() string { return b.name }

func (b broken) Catalog(context.Context, file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	return nil, nil, b.run()
}

// fine is one that finds a package.
type fine struct{}

func (fine) Name() string { return "fine-cataloger" }

func (fine) Catalog(context.Context, file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	p := pkg.Package{Name: "found", Version: "1", Type: pkg.NpmPkg, PURL: "pkg:npm/found@1"}
	p.SetID()
	return []pkg.Package{p}, nil, nil
}

func emptySource(t *testing.T) source.Source {
	t.Helper()
	img := image.New(empty.Image, stereofile.NewTempDirGenerator("sbom-test"), t.TempDir())
	if err := img.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = img.Cleanup() })
	return stereoscopesource.New(img, stereoscopesource.ImageConfig{Reference: "x"})
}

func selectable(c pkg.Cataloger) pkgcataloging.CatalogerReference {
	return pkgcataloging.NewCatalogerReference(c, []string{pkgcataloging.ImageTag})
}

// One cataloger that panics must cost what it would have found, and be named; what the
// others find stays.
func TestPanickingCatalogerIsLeftOut(t *testing.T) {
	s, err := extract(t.Context(), emptySource(t), Options{}, selectable(fine{}),
		selectable(broken{"b-cataloger", func() error { panic("hostile file") }}),
		selectable(broken{"a-cataloger", func() error { panic("another") }}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a-cataloger did not finish", "b-cataloger did not finish"}, s.Incomplete()); diff != "" {
		t.Errorf("Incomplete() (-want +got):\n%s", diff)
	}
	if got := s.Packages(); got != 1 {
		t.Errorf("Packages() = %d, want the one of the cataloger that works", got)
	}
}

// What cannot be left out ends the run; it must not be tried for ever.
func TestCatalogerThatCannotBeLeftOut(t *testing.T) {
	for name, run := range map[string]func() error{
		"panic": func() error { panic("hostile file") },
		"error": func() error { return errors.New("hostile file") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := extract(t.Context(), emptySource(t), Options{},
				pkgcataloging.NewAlwaysEnabledCatalogerReference(broken{"c-cataloger", run}))
			if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "hostile file") || fault.HintOf(err) == "" {
				t.Errorf("error %v with hint %q, want code %d and the cause", err, fault.HintOf(err), fault.Unavailable)
			}
		})
	}
}

// A cataloger that goes on for ever does not keep the program past its time.
func TestCatalogerThatDoesNotEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan struct{})
	defer close(end)
	_, err := extract(ctx, emptySource(t), Options{Grace: time.Nanosecond},
		pkgcataloging.NewAlwaysEnabledCatalogerReference(broken{"c-cataloger", func() error {
			cancel()
			<-end
			return nil
		}}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
