package drift

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/imagegate/imagegate/internal/sbom"
)

// document is what is kept of an attested SBOM, whatever its form.
type document struct {
	list []component
	seen int // entries, also of those that are not kept
	// id and version are of the operating system component, where there is one.
	id, version string
}

type component struct {
	name, version, purl string
	cpes                []string
}

// image reports whether the component is an image and not a package in it.
func (c component) image() bool {
	return hasType(c.purl, "docker") || hasType(c.purl, "oci")
}

// fullName is the name as Syft has it and as vulnerabilities are matched: with the
// namespace in ecosystems that write it so. Documents may have it apart.
func (c component) fullName() string {
	p, err := packageurl.FromString(c.purl)
	if err != nil || p.Namespace == "" || !strings.EqualFold(c.name, p.Name) {
		return c.name
	}
	switch p.Type {
	case "npm", "golang", "composer", "swift":
		return p.Namespace + "/" + c.name
	default:
		return c.name
	}
}

func hasType(purl, typ string) bool {
	prefix := "pkg:" + typ + "/"
	return len(purl) >= len(prefix) && strings.EqualFold(purl[:len(prefix)], prefix)
}

// release keeps the first operating system.
func (d *document) release(id, version string) {
	if d.id == "" && len(id) <= MaxText && len(version) <= MaxText {
		d.id, d.version = strings.ToLower(id), version
	}
}

// skip counts an entry that is not kept.
func (d *document) skip() error {
	if d.seen++; d.seen > MaxPackages {
		return fmt.Errorf("more than %d packages (limit MaxPackages)", MaxPackages)
	}
	return nil
}

func (d *document) add(c component) error {
	if err := d.skip(); err != nil {
		return err
	}
	for _, s := range append([]string{c.name, c.version, c.purl}, c.cpes...) {
		if len(s) > MaxText {
			return fmt.Errorf("package %q has a field of %d bytes (limit MaxText: %d)", clip(c.name), len(s), MaxText)
		}
	}
	if c.name == "" && c.purl == "" {
		return fmt.Errorf("package %d has neither a name nor a package URL", d.seen)
	}
	d.list = append(d.list, c)
	return nil
}

// The document in which the packages are handed to Syft: SPDX 2.3 with nothing but
// them, and identifiers of our own, because those of two packages may be equal in what
// is read and would make one of them vanish.
type (
	plain struct {
		SPDXVersion string         `json:"spdxVersion"`
		DataLicense string         `json:"dataLicense"`
		SPDXID      string         `json:"SPDXID"`
		Name        string         `json:"name"`
		Namespace   string         `json:"documentNamespace"`
		Packages    []plainPackage `json:"packages"`
	}
	plainPackage struct {
		SPDXID   string     `json:"SPDXID"`
		Name     string     `json:"name"`
		Version  string     `json:"versionInfo,omitempty"`
		Location string     `json:"downloadLocation"`
		Refs     []plainRef `json:"externalRefs,omitempty"`
	}
	plainRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
)

// bill makes the bill of the document.
func (d *document) bill() (*sbom.SBOM, error) {
	doc := plain{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		Name: "attested", Namespace: "https://imagegate.invalid/attested", Packages: []plainPackage{},
	}
	for i, c := range d.list {
		p := plainPackage{SPDXID: "SPDXRef-" + strconv.Itoa(i+1), Name: c.fullName(), Version: c.version, Location: "NOASSERTION"}
		if c.purl != "" {
			p.Refs = append(p.Refs, plainRef{"PACKAGE-MANAGER", "purl", c.purl})
		}
		for _, cpe := range c.cpes {
			p.Refs = append(p.Refs, plainRef{"SECURITY", "cpe23Type", cpe})
		}
		doc.Packages = append(doc.Packages, p)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("hand the packages to Syft: %w", err)
	}
	s, _, err := sbom.Decode(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if got := s.Packages(); got != len(d.list) {
		return nil, fmt.Errorf("of %d packages Syft read %d", len(d.list), got)
	}
	release := d.distribution()
	if release == nil {
		return s, nil
	}
	return s.Part(func(in sbom.Installed) (string, bool) { return in.PURL, true }, release), nil
}

// distribution is the release of the operating system component, else the one that most
// package URLs name, by Syft's qualifier or by Docker's. Ties go to the name that sorts
// first; nil when none is named.
func (d *document) distribution() *sbom.Release {
	if d.id != "" && d.version != "" {
		return &sbom.Release{ID: d.id, Version: d.version}
	}
	votes := map[sbom.Release]int{}
	for _, c := range d.list {
		p, err := packageurl.FromString(c.purl)
		if err != nil || !system(fold(p).typ) {
			continue
		}
		r := sbom.Release{ID: strings.ToLower(qualifier(p, "os_name")), Version: qualifier(p, "os_version")}
		if id, version, ok := cutLast(qualifier(p, "distro")); ok && r.ID == "" {
			r = sbom.Release{ID: strings.ToLower(id), Version: version}
		}
		if r.ID != "" && r.Version != "" {
			votes[r]++
		}
	}
	var best *sbom.Release
	for r, n := range votes {
		if best == nil || cmp.Or(cmp.Compare(votes[*best], n), cmp.Compare(r.ID, best.ID), cmp.Compare(r.Version, best.Version)) < 0 {
			best = &r
		}
	}
	return best
}

// cutLast splits "debian-12" and "opensuse-leap-15.6".
func cutLast(s string) (id, version string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i <= 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}
