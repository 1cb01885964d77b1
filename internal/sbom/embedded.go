package sbom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/package-url/packageurl-go"

	"github.com/imagegate/imagegate/internal/report"
)

// embeddedGlob is where Docker Hardened Images keep SPDX documents about components
// that no package database knows: those Docker built itself. There is one for each
// component, and a link to the image's own.
const embeddedGlob = "/opt/docker/sbom/**/*.json"

// dhiType is the type of a package that only such a document names.
const dhiType pkg.Type = "dhi"

// embedded is a cataloger of these documents. It takes only packages of purl type dhi:
// all others have better evidence elsewhere, and "pkg:docker/dhi/..." is an image. The
// documents are known to be malformed at times (no document id, duplicate ids, no
// relationships), so they are read with nothing but the fields used here. What is wrong
// with one and costs no package is information.
type embedded struct {
	max     int64
	remarks []remark
}

var _ pkg.Cataloger = (*embedded)(nil)

// Name implements [pkg.Cataloger].
func (*embedded) Name() string { return "dhi-embedded-sbom-cataloger" }

// Catalog implements [pkg.Cataloger]. It is called once.
func (e *embedded) Catalog(ctx context.Context, r file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	at, err := r.FilesByGlob(embeddedGlob)
	if err != nil {
		e.remark(embeddedGlob, report.Unread, err)
		return nil, nil, nil
	}
	var out []pkg.Package
	for _, l := range at {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		found, odd, err := e.read(r, l)
		switch {
		case err != nil:
			e.remark(l.RealPath, report.Unread, errors.Join(err, odd))
		case odd != nil:
			e.remark(l.RealPath, report.Information, odd)
		}
		out = append(out, found...)
	}
	return out, nil, nil
}

func (e *embedded) remark(path string, kind report.Kind, err error) {
	e.remarks = append(e.remarks, remark{path, "embedded SBOM: " + reasons(strings.Split(err.Error(), "\n")), kind})
}

// spdxDocument is what is used of SPDX 2.3 (clauses 6.3, 7.1, 7.2, 7.3 and 7.21).
type spdxDocument struct {
	SPDXVersion string `json:"spdxVersion"`
	SPDXID      string `json:"SPDXID"`
	Packages    []struct {
		SPDXID       string `json:"SPDXID"`
		Name         string `json:"name"`
		VersionInfo  string `json:"versionInfo"`
		ExternalRefs []struct {
			Type    string `json:"referenceType"`
			Locator string `json:"referenceLocator"`
		} `json:"externalRefs"`
	} `json:"packages"`
}

// read returns the packages of one document. All results may be set: packages were
// found, odd is what is malformed and cost none, and err what may have cost one.
func (e *embedded) read(r file.Resolver, l file.Location) (out []pkg.Package, odd, err error) {
	in, err := r.FileContentsByLocation(l)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, e.max+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(data)) > e.max {
		return nil, nil, fmt.Errorf("larger than %d bytes (limit MaxEmbedded)", e.max)
	}
	var doc spdxDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, nil, err
	}
	if doc.SPDXVersion == "" {
		return nil, nil, errors.New("not an SPDX document")
	}
	var quirks, wrong []error
	if doc.SPDXID != "SPDXRef-DOCUMENT" {
		quirks = append(quirks, fmt.Errorf("document has SPDXID %q in place of SPDXRef-DOCUMENT", doc.SPDXID))
	}
	ids := map[string]bool{doc.SPDXID: true}
	for _, p := range doc.Packages {
		if ids[p.SPDXID] {
			quirks = append(quirks, fmt.Errorf("SPDXID %q is used twice", p.SPDXID))
		}
		ids[p.SPDXID] = true
		for _, ref := range p.ExternalRefs {
			if ref.Type != "purl" || !strings.HasPrefix(ref.Locator, "pkg:dhi/") {
				continue
			}
			found, err := dhiPackage(ref.Locator, p.VersionInfo, l)
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			out = append(out, found)
		}
	}
	return out, errors.Join(quirks...), errors.Join(wrong...)
}

func dhiPackage(locator, version string, l file.Location) (pkg.Package, error) {
	purl, err := packageurl.FromString(locator)
	if err != nil {
		return pkg.Package{}, fmt.Errorf("package URL %q: %w", locator, err)
	}
	if purl.Version != "" {
		version = purl.Version
	}
	if purl.Name == "" || version == "" {
		return pkg.Package{}, fmt.Errorf("package URL %q has no name or no version", locator)
	}
	name := purl.Name
	if purl.Namespace != "" {
		name = purl.Namespace + "/" + name
	}
	p := pkg.Package{
		Name: name, Version: version, Type: dhiType, PURL: purl.ToString(),
		Locations: file.NewLocationSet(l.WithAnnotation(pkg.EvidenceAnnotationKey, pkg.PrimaryEvidenceAnnotation)),
	}
	p.SetID()
	return p, nil
}
