package sbom

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/source"

	"github.com/imagegate/imagegate/internal/report"
)

// Installed is one package of a bill.
type Installed struct {
	report.Package
	// ID tells the packages of one bill apart.
	ID string
	// Files are what the package brought. Layer is the diff ID of the layer, "" when
	// the bill does not say it. A package database is never among them: it lies in the
	// last layer whatever is recorded in it. Empty means that nothing is known.
	Files []report.Location
}

// Installed lists the packages, by type, name, version and ID.
func (s *SBOM) Installed() []Installed {
	contained := map[artifact.ID][]report.Location{}
	for _, r := range s.syft.Relationships {
		var at file.Coordinates
		switch to := r.To.(type) {
		case file.Coordinates:
			at = to
		case *file.Coordinates:
			at = *to
		default:
			continue
		}
		if r.Type == artifact.ContainsRelationship {
			contained[r.From.ID()] = append(contained[r.From.ID()], report.Location{Path: at.RealPath, Layer: at.FileSystemID})
		}
	}
	var out []Installed
	for p := range s.syft.Artifacts.Packages.Enumerate() {
		out = append(out, installed(p, contained[p.ID()]))
	}
	slices.SortFunc(out, func(a, b Installed) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func installed(p pkg.Package, contained []report.Location) Installed {
	out := Installed{ID: string(p.ID()), Package: report.Package{
		Name: p.Name, Version: p.Version, Type: string(p.Type), PURL: p.PURL, Language: string(p.Language),
		Upstreams: upstreams(p), Locations: []report.Location{},
	}}
	var own []report.Location
	for _, l := range p.Locations.ToSlice() {
		at := report.Location{Path: l.RealPath, Layer: l.FileSystemID}
		if l.Annotations[pkg.EvidenceAnnotationKey] != pkg.SupportingEvidenceAnnotation {
			own = append(own, at)
		}
	}
	out.Locations = append(out.Locations, own...)
	if owner, ok := p.Metadata.(pkg.FileOwner); ok {
		for _, name := range owner.OwnedFiles() {
			out.Files = append(out.Files, report.Location{Path: name})
		}
	}
	known := make(map[string]int, len(out.Files))
	for i, f := range out.Files {
		known[f.Path] = i
	}
	for _, at := range contained {
		if i, ok := known[at.Path]; ok {
			out.Files[i] = at
		} else {
			out.Files = append(out.Files, at)
		}
	}
	if len(out.Files) == 0 && !OfSystem(string(p.Type)) { // the file that declares it is its own
		out.Files = own
	}
	return out
}

// OfSystem reports whether packages of a type ("deb", …) are the operating system's: they
// are recorded in one database for all.
func OfSystem(t string) bool {
	return slices.Contains([]pkg.Type{pkg.DebPkg, pkg.ApkPkg, pkg.RpmPkg, pkg.AlpmPkg, pkg.PortagePkg}, pkg.Type(t))
}

// upstreams is the source package, where the metadata names one.
func upstreams(p pkg.Package) []report.Upstream {
	var up report.Upstream
	switch m := p.Metadata.(type) {
	case pkg.DpkgDBEntry:
		up = report.Upstream{Name: m.Source, Version: m.SourceVersion}
	case pkg.ApkDBEntry:
		up = report.Upstream{Name: m.OriginPackage}
	}
	if up.Name == "" || up.Name == p.Name && up.Version == "" {
		return nil
	}
	return []report.Upstream{up}
}

// Release is a distribution's release, as os-release names it.
type Release struct{ ID, Version string }

// Part is a bill of some of the packages of s: those that keep accepts, each under the
// package URL that it returns. With a release, the part is of that release and not of
// the one that os-release names. s is not changed, and neither is any image.
func (s *SBOM) Part(keep func(Installed) (purl string, ok bool), release *Release) *SBOM {
	list := *s.syft
	list.Artifacts.Packages = pkg.NewCollection()
	for _, in := range s.Installed() {
		purl, ok := keep(in)
		if !ok {
			continue
		}
		p := s.syft.Artifacts.Packages.Package(artifact.ID(in.ID))
		if p == nil {
			continue
		}
		p.PURL = purl
		list.Artifacts.Packages.Add(*p)
	}
	if release != nil {
		list.Artifacts.LinuxDistribution = &linux.Release{ID: release.ID, VersionID: release.Version,
			PrettyName: strings.TrimSpace(release.ID + " " + release.Version)}
	}
	out := *s
	out.syft = &list
	return &out
}

// DiffIDs are the layers of the image that the bill was made from, bottom first, and
// Labels its labels. Only Syft's own format keeps them; others give none.
func (s *SBOM) DiffIDs() []string {
	m, ok := s.syft.Source.Metadata.(source.ImageMetadata)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(m.Layers))
	for _, l := range m.Layers {
		out = append(out, l.Digest)
	}
	return out
}

// Labels are the labels of the image that the bill was made from; see [SBOM.DiffIDs].
func (s *SBOM) Labels() map[string]string {
	m, ok := s.syft.Source.Metadata.(source.ImageMetadata)
	if !ok {
		return nil
	}
	return m.Labels
}
