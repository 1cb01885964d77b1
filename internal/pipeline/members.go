package pipeline

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/image"
	"github.com/imagegate/imagegate/internal/report"
	"github.com/imagegate/imagegate/internal/sbom"
	"github.com/imagegate/imagegate/internal/vex"
)

// member is a package with the layers of its files.
type member struct {
	sbom.Installed
	layers []string
}

// members lists the packages of the image and, where there is a base, the layers that
// their files come from. It has to be called while the image's files can be read; img
// is nil for a bill of materials alone.
func (p *platform) members(list *sbom.SBOM, img *image.Image) {
	p.installed = nil
	for _, in := range list.Installed() {
		m := member{Installed: in}
		if p.layered {
			m.layers = layersOf(in, img)
		}
		p.installed = append(p.installed, m)
	}
}

// layersOf are the layers of the files of a package. Directories are left out: every
// layer that touches one lists it again. So are files that are not there any more.
func layersOf(in sbom.Installed, img *image.Image) []string {
	var out []string
	add := func(id string) {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, f := range in.Files {
		if f.Layer != "" {
			add(f.Layer)
			continue
		}
		if img == nil {
			continue
		}
		name := strings.Trim(f.Path, "/")
		if !fs.ValidPath(name) {
			continue
		}
		if info, err := fs.Stat(img.RootFS(), name); err != nil || info.IsDir() {
			continue
		}
		if l, ok := img.LayerOf(name); ok {
			add(l.DiffID.String())
		}
	}
	return out
}

// membership tells the packages of the base from those on top. A bill that the user
// named stands in where no layer can tell: for an image that names no base or is all base,
// and for a bill of materials alone.
func (p *platform) membership() vex.Membership {
	m := vex.Membership{Boundary: p.ground.boundary, DiffIDs: p.ground.diffIDs, BasePURLs: p.ground.purls}
	if s := m.Boundary.State; p.inputs.baseSBOM != nil && (s == vex.NoBase || s == vex.WholeBase) {
		m.Boundary = vex.Boundary{State: vex.Derived}
	}
	layers := map[string][]string{}
	for _, in := range p.installed {
		layers[placeOf(in.Package)] = in.layers
	}
	m.FileLayers = func(pkg report.Package) []string { return layers[placeOf(pkg)] }
	return m
}

// placeOf tells one installed package from another of the same name elsewhere.
func placeOf(p report.Package) string {
	parts := []string{p.Type, p.Name, p.Version, p.PURL}
	for _, l := range p.Locations {
		parts = append(parts, l.Path, l.Layer)
	}
	return strings.Join(parts, "\x00")
}

// origins gives each finding the origin of its package. A package that is installed
// several times is the base's only when every copy is.
func (p *platform) origins() {
	packages := make([]report.Package, len(p.installed))
	for i, in := range p.installed {
		packages[i] = in.Package
	}
	m := p.membership()
	if m.Boundary.State == vex.NoBase || m.Boundary.State == vex.WholeBase {
		return
	}
	worst := map[string]string{}
	for i, origin := range m.Origins(packages) {
		for _, k := range []string{nameOf(packages[i]), p.renamed[packages[i].PURL]} {
			if k == "" {
				continue
			}
			if had, ok := worst[k]; ok && rankOrigin(had) >= rankOrigin(origin) {
				continue
			}
			worst[k] = origin
		}
	}
	for i := range p.report.Vulnerabilities {
		v := &p.report.Vulnerabilities[i]
		v.Package.Origin = worst[nameOf(v.Package)]
		if v.Package.Origin == "" {
			v.Package.Origin = vex.OriginUnproven
		}
	}
	if b := p.report.Subject.Base; b != nil && m.Boundary.State == vex.Derived {
		b.Membership = "files"
		if m.BasePURLs != nil {
			b.Membership = "sbom"
		}
	}
}

func nameOf(p report.Package) string {
	if p.PURL != "" {
		return p.PURL
	}
	return strings.Join([]string{p.Type, p.Name, p.Version}, "\x00")
}

// rankOrigin puts what is surely not the base's first.
func rankOrigin(o string) int {
	return slices.Index([]string{vex.OriginBase, vex.OriginUnproven, vex.OriginApp}, o)
}
