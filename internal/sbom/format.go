package sbom

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/format/common/cyclonedxhelpers"
	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/source"

	"github.com/imagegate/imagegate/internal/fault"
)

// Format is a file format of an SBOM, by the name that Syft gives it.
type Format string

// The formats, all JSON. SyftJSON is Syft's own, which loses nothing; SPDX is written
// as version 2.3, CycloneDX as version 1.6.
const (
	SyftJSON  Format = "syft-json"
	SPDX      Format = "spdx-json"
	CycloneDX Format = "cyclonedx-json"
)

// Formats lists the formats in documentation order.
func Formats() []Format { return []Format{SyftJSON, SPDX, CycloneDX} }

// ParseFormat reads a format's name; the error has code Usage and names them all.
func ParseFormat(s string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if string(f) == s {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", fault.Usagef("read the SBOM format", "choose from "+strings.Join(names, ", "), "no format %q", s)
}

// Encode writes s as format. Equal SBOMs give equal bytes: the time is that of Options,
// and the names that SPDX and CycloneDX want to be unique are derived from the image's
// manifest digest.
func (s *SBOM) Encode(w io.Writer, format Format) error {
	switch format {
	case SyftJSON:
		enc, err := syftjson.NewFormatEncoderWithConfig(syftjson.EncoderConfig{Pretty: true})
		if err != nil {
			return err
		}
		return enc.Encode(w, *s.syft)
	case SPDX:
		return s.encodeSPDX(w)
	case CycloneDX:
		return s.encodeCycloneDX(w)
	default:
		_, err := ParseFormat(string(format))
		return err
	}
}

// namespace starts the SPDX document namespaces. The specification wants a URI that is
// unique, and not one that answers (SPDX 2.3, clause 6.5).
const namespace = "https://github.com/imagegate/imagegate/spdx/"

func (s *SBOM) encodeSPDX(w io.Writer) error {
	doc := spdxhelpers.ToFormatModel(*s.syft)
	if doc == nil || doc.CreationInfo == nil {
		return fmt.Errorf("write %s: the SBOM has no SPDX form", SPDX)
	}
	doc.DocumentNamespace = namespace + s.identity(SPDX)
	doc.CreationInfo.Created = s.time()
	// Syft names its own company as the creator; what made the document is two tools.
	for i, name := range []string{s.syft.Descriptor.Name + "-" + s.syft.Descriptor.Version, strings.ReplaceAll(s.generator, " ", "-")} {
		if i < len(doc.CreationInfo.Creators) {
			doc.CreationInfo.Creators[i].CreatorType, doc.CreationInfo.Creators[i].Creator = "Tool", name
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(doc)
}

func (s *SBOM) encodeCycloneDX(w io.Writer) error {
	bom := cyclonedxhelpers.ToFormatModel(*s.syft)
	bom.SerialNumber = "urn:uuid:" + s.identity(CycloneDX)
	if bom.Metadata != nil {
		bom.Metadata.Timestamp = s.time()
		name, version, _ := strings.Cut(s.generator, " ")
		bom.Metadata.Tools = &cyclonedx.ToolsChoice{Components: &[]cyclonedx.Component{
			{Type: cyclonedx.ComponentTypeApplication, Name: s.syft.Descriptor.Name, Version: s.syft.Descriptor.Version},
			{Type: cyclonedx.ComponentTypeApplication, Author: "anchore", Name: name, Version: version},
		}}
	}
	nameRecentLicenses(bom.Components)
	enc := cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON)
	enc.SetPretty(true)
	enc.SetEscapeHTML(false)
	return enc.EncodeVersion(bom, cyclonedx.SpecVersion1_6)
}

func (s *SBOM) time() string {
	t := s.created
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// subject is what the documents are about, as exactly as is known.
func (s *SBOM) subject() string {
	if m, ok := s.syft.Source.Metadata.(source.ImageMetadata); ok && m.ManifestDigest != "" {
		return m.ManifestDigest
	}
	return s.syft.Source.ID
}
