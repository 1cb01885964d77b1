package vex

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	govex "github.com/openvex/go-vex/pkg/vex"
)

// The parts of CycloneDX 1.4 to 1.7 that carry VEX: vulnerabilities with an analysis,
// and the components that they refer to.
type (
	cdxDocument struct {
		SerialNumber string      `json:"serialNumber"`
		Version      wireVersion `json:"version"`
		Metadata     struct {
			Timestamp wireTime      `json:"timestamp"`
			Component *cdxComponent `json:"component"`
			Supplier  struct {
				Name string `json:"name"`
			} `json:"supplier"`
			Authors []struct {
				Name string `json:"name"`
			} `json:"authors"`
		} `json:"metadata"`
		Components      []cdxComponent     `json:"components"`
		Vulnerabilities []cdxVulnerability `json:"vulnerabilities"`
	}

	cdxComponent struct {
		Ref        string         `json:"bom-ref"`
		Name       string         `json:"name"`
		Version    string         `json:"version"`
		PURL       string         `json:"purl"`
		Components []cdxComponent `json:"components"`
		Hashes     []struct {
			Algorithm string `json:"alg"`
			Content   string `json:"content"`
		} `json:"hashes"`
	}

	cdxVulnerability struct {
		Ref        string `json:"bom-ref"`
		ID         string `json:"id"`
		References []struct {
			ID string `json:"id"`
		} `json:"references"`
		Updated  wireTime `json:"updated"`
		Analysis *struct {
			State         string   `json:"state"`
			Justification string   `json:"justification"`
			Detail        string   `json:"detail"`
			LastUpdated   wireTime `json:"lastUpdated"`
			FirstIssued   wireTime `json:"firstIssued"`
		} `json:"analysis"`
		Recommendation string `json:"recommendation"`
		Affects        []struct {
			Ref      string `json:"ref"`
			Versions []struct {
				Version string `json:"version"`
				Range   string `json:"range"`
				Status  string `json:"status"`
			} `json:"versions"`
		} `json:"affects"`
	}
)

// cdxKeys are the keys that are read of a CycloneDX document.
func cdxKeys() *vocabulary {
	return newVocabulary("bomFormat", "serialNumber", "version", "metadata", "timestamp", "component", "supplier", "authors",
		"name", "components", "bom-ref", "purl", "hashes", "alg", "content", "vulnerabilities", "id", "references", "updated",
		"analysis", "state", "justification", "detail", "lastUpdated", "firstIssued", "recommendation",
		"affects", "ref", "versions", "range", "status")
}

func cdxStatus(state string) govex.Status {
	switch state {
	case "not_affected", "false_positive":
		return govex.StatusNotAffected
	case "resolved", "resolved_with_pedigree":
		return govex.StatusFixed
	case "exploitable":
		return govex.StatusAffected
	case "in_triage", "":
		return govex.StatusUnderInvestigation
	default:
		return govex.Status(state)
	}
}

// cdxJustification maps CycloneDX's nine impact analysis justifications to OpenVEX's
// five (CISA, "VEX Status Justifications").
func cdxJustification(j string) govex.Justification {
	switch j {
	case "code_not_present":
		return govex.VulnerableCodeNotPresent
	case "code_not_reachable":
		return govex.VulnerableCodeNotInExecutePath
	case "requires_configuration", "requires_dependency", "requires_environment":
		return govex.VulnerableCodeCannotBeControlledByAdversary
	case "protected_by_compiler", "protected_at_runtime", "protected_at_perimeter", "protected_by_mitigating_control":
		return govex.InlineMitigationsAlreadyExist
	default:
		return govex.Justification(j)
	}
}

func parseCycloneDX(data []byte, size int) (*document, error) {
	var w cdxDocument
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("read the CycloneDX document: %w", err)
	}
	doubts, err := findDoubts(data, cdxKeys(), "vulnerabilities", "analysis", "state")
	if err != nil {
		return nil, err
	}
	b := newBuilder(size)
	refs := map[string]cdxProduct{}
	var walk func(list []cdxComponent)
	walk = func(list []cdxComponent) {
		for i := range list {
			if list[i].Ref != "" {
				refs[list[i].Ref] = list[i].component()
			}
			walk(list[i].Components)
		}
	}
	walk(w.Components)
	var whole *draftProduct
	if m := w.Metadata.Component; m != nil {
		p := m.component()
		whole = &p.draftProduct
		if m.Ref != "" {
			refs[m.Ref] = p
		}
		walk(m.Components)
	}
	for i := range w.Vulnerabilities {
		if err := w.Vulnerabilities[i].read(b, doubts.of(i), refs, whole); err != nil {
			return nil, fmt.Errorf("CycloneDX vulnerability %d: %w", i+1, err)
		}
	}
	if len(b.statements) == 0 {
		return nil, errors.New("a CycloneDX document without analysed vulnerabilities: an SBOM, not VEX")
	}
	author := w.Metadata.Supplier.Name
	if author == "" && len(w.Metadata.Authors) > 0 {
		author = w.Metadata.Authors[0].Name
	}
	return b.finish(meta{id: w.SerialNumber, author: author,
		format: "CycloneDX", version: edition(w.Version), timestamp: w.Metadata.Timestamp.UTC()}), nil
}

// cdxProduct is a component as a product, with the version that it has.
type cdxProduct struct {
	draftProduct
	version string
}

func (c *cdxComponent) component() cdxProduct {
	p := cdxProduct{version: c.Version}
	switch {
	case c.PURL != "":
		p.called = []string{c.PURL}
	case c.Name != "" && c.Version != "":
		p.called = []string{c.Name + ":" + c.Version}
	case c.Name != "":
		p.called = []string{c.Name}
	}
	for _, h := range c.Hashes {
		if h.Algorithm == "SHA-256" {
			p.hashes = append(p.hashes, lower(h.Content))
		}
	}
	return p
}

func (v *cdxVulnerability) read(b *builder, in *doubt, refs map[string]cdxProduct, whole *draftProduct) error {
	a := v.Analysis
	if a == nil {
		return nil // an SBOM's list of matches: nobody judged it
	}
	aliases := make([]string, 0, len(v.References))
	for _, r := range v.References {
		aliases = append(aliases, r.ID)
	}
	base := draft{doubt: in, id: v.Ref, status: cdxStatus(a.State), impact: a.Detail, action: v.Recommendation}
	if base.status == govex.StatusNotAffected {
		base.justification = cdxJustification(a.Justification)
		if a.State == "false_positive" && base.impact == "" {
			base.impact = "marked as a false positive"
		}
	}
	for _, t := range []wireTime{a.FirstIssued, v.Updated, a.LastUpdated} {
		if !t.IsZero() {
			base.stated = t.UTC()
		}
	}
	base.name(v.ID, aliases)
	byStatus := map[govex.Status]*draft{}
	for _, affect := range v.Affects {
		p := resolveRef(affect.Ref, refs)
		if len(affect.Versions) == 0 {
			base.products = append(base.products, scoped(p.draftProduct, whole, kindOf(base.status) >= fixed))
		}
		for _, ver := range affect.Versions {
			s := &base
			if worse := versionStatus(ver.Status); worse != "" && kindOf(base.status) >= fixed {
				if s = byStatus[worse]; s == nil {
					c := base
					c.status, c.justification, c.products = worse, "", nil
					s = &c
					byStatus[worse] = s
				}
			}
			set, err := b.within(ver.Range)
			if err != nil {
				return err
			}
			clears := kindOf(s.status) >= fixed
			s.products = append(s.products, scoped(p.narrow(ver.Version, set, clears), whole, clears))
		}
	}
	if len(v.Affects) == 0 && whole != nil {
		base.products = append(base.products, *whole)
	}
	if len(base.products) > 0 || len(byStatus) == 0 {
		if err := b.add(base); err != nil {
			return err
		}
	}
	for _, status := range []govex.Status{govex.StatusAffected, govex.StatusUnderInvestigation} {
		if s := byStatus[status]; s != nil {
			if err := b.add(*s); err != nil {
				return err
			}
		}
	}
	return nil
}

// versionStatus is what a version's own status says against an analysis that clears
// the product; "" when it agrees. Without one a version is affected (bom-1.4 to 1.7,
// "affects.versions.items.status": default).
func versionStatus(s string) govex.Status {
	switch s {
	case "unaffected":
		return ""
	case "affected", "":
		return govex.StatusAffected
	default:
		return govex.StatusUnderInvestigation
	}
}

// resolveRef finds what a reference means: a component of this document, the fragment
// of a BOM-Link ("urn:cdx:serial/version#ref"), or a package URL.
func resolveRef(ref string, refs map[string]cdxProduct) cdxProduct {
	if p, ok := refs[ref]; ok {
		return p
	}
	if strings.HasPrefix(ref, "urn:cdx:") {
		_, fragment, _ := strings.Cut(ref, "#")
		if u, err := unescape(fragment); err == nil && isPURL(u) {
			ref = u
		} else if isPURL(fragment) {
			ref = fragment
		}
	}
	return cdxProduct{draftProduct: draftProduct{called: []string{ref}}}
}

// narrow keeps one entry of "versions" of a component. An entry that clears and is not of
// the component's own version, or that is not understood, is kept as one that nothing
// meets; one that warns is heard at least where it says.
func (p *cdxProduct) narrow(version string, set *versions, clears bool) draftProduct {
	out := draftProduct{called: p.called, hashes: p.hashes}
	u, own := p.purl()
	switch {
	case version != "" && set == nil:
		switch {
		case own && u.version == "" && (p.version == "" || p.version == version):
			out = atVersion(u, version)
		case version == p.version || u.version != "" && atVersion(u, version).called[0] == u.String():
		case clears:
			out.only = []*versions{noVersion("version " + version)}
		case own:
			out = atVersion(u, version)
		}
	case set != nil && version == "":
		switch {
		case set.broad && own && set.typ == u.typ && clears: // of the version that the component has
		case clears:
			out.only = []*versions{set}
		case own:
			out = atVersion(u, "")
			out.only = []*versions{set}
		}
	case clears:
		out.only = []*versions{noVersion("no version that is understood")}
	case own:
		out = atVersion(u, "")
	}
	return out
}

// purl is the package URL of the component; own is true when it names a package.
func (p *cdxProduct) purl() (u purl, own bool) {
	if len(p.called) == 0 {
		return u, false
	}
	u, err := parsePURL(p.called[0])
	return u, err == nil && !isImageType(u.typ)
}

// atVersion is a package at another version.
func atVersion(u purl, version string) draftProduct {
	u.version = version
	_ = u.normalize() // what can fail did not fail when it was parsed
	return draftProduct{called: []string{u.String()}}
}

// scoped puts a component under the product that the document is about. One that nothing
// names clears nothing there: it is a part of the product, and not the whole.
func scoped(p draftProduct, whole *draftProduct, clears bool) draftProduct {
	if whole == nil || len(whole.called)+len(whole.hashes) == 0 || same(whole, &p) {
		return p
	}
	if len(p.called) == 0 && clears {
		p.called = []string{unnamed}
	}
	return draftProduct{called: whole.called, hashes: whole.hashes, within: p.called, only: p.only}
}

func same(a, b *draftProduct) bool {
	if len(a.called)+len(b.called) == 0 {
		return len(a.hashes) > 0 && slices.Equal(a.hashes, b.hashes)
	}
	return len(a.called) > 0 && len(b.called) > 0 && a.called[0] == b.called[0]
}
