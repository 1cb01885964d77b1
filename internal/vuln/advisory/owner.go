package advisory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/packageurl-go"

	"github.com/imagegate/imagegate/internal/report"
)

// Model says by which of Docker's advisories a package may be judged.
type Model string

// Foreign packages are none of Docker's. A Component (pkg:dhi/…) is Docker's wherever
// it is found: the name space is used for nothing else. An OSPackage (pkg:apk/dhi/…,
// pkg:deb/dhi/…) only looks like Docker's: whatever is installed into an image with
// ID=dhi gets that name, so membership has to be shown first.
const (
	Foreign   Model = ""
	Component Model = "component"
	OSPackage Model = "os-package"
)

// ModelOf reads the model off a package URL.
func ModelOf(purl string) Model {
	u, err := packageurl.FromString(purl)
	if err != nil {
		return Foreign
	}
	switch {
	case u.Type == "dhi":
		return Component
	case (u.Type == "apk" || u.Type == "deb") && u.Namespace == "dhi":
		return OSPackage
	default:
		return Foreign
	}
}

// aboutImage reports whether a package URL names an image: no package is called by it.
func aboutImage(purl string) bool {
	return strings.HasPrefix(purl, "pkg:docker/") || strings.HasPrefix(purl, "pkg:oci/")
}

// Upstream is the package as the distribution knows it that Docker's is like: "alpine"
// for apk and "debian" for deb, with the release of the image.
type Upstream struct {
	PURL string
	// Distro and Release name the distribution, such as alpine 3.23.
	Distro, Release string
}

// UpstreamOf renames a package of Docker's name space that is not shown to be Docker's:
// the distribution's data judge it, and no statement of Docker's is about it. ok is
// false for other packages, and for those whose release is not known.
func UpstreamOf(p report.Package, d *report.Distro) (up Upstream, ok bool) {
	if ModelOf(p.PURL) != OSPackage {
		return up, false
	}
	u, err := packageurl.FromString(p.PURL)
	if err != nil {
		return up, false
	}
	family, name := familyOf(u.Type)
	if up.Release = release(u, d, family); up.Release == "" {
		return up, false
	}
	up.Distro, u.Namespace = name, name
	kept := u.Qualifiers[:0:0]
	for _, q := range u.Qualifiers {
		switch q.Key {
		case "os_name", "os_version", "os_distro", "distro":
		default:
			kept = append(kept, q)
		}
	}
	u.Qualifiers = append(kept, packageurl.Qualifier{Key: "distro", Value: name + "-" + up.Release})
	up.PURL = u.ToString()
	return up, true
}

// familyOf is how the ecosystem and how the distribution itself call the family.
func familyOf(purlType string) (ecosystem, distro string) {
	if purlType == "apk" {
		return alpine, "alpine"
	}
	return debian, "debian"
}

// ecosystemOf is the ecosystem that the package URL of a record belongs to; "" when it is
// no package of the system of Docker's, or does not say of which release.
func ecosystemOf(purl string) string {
	if ModelOf(purl) != OSPackage {
		return ""
	}
	u, err := packageurl.FromString(purl)
	if err != nil {
		return ""
	}
	family, _ := familyOf(u.Type)
	r := release(u, nil, family)
	if r == "" {
		return ""
	}
	return family + r
}

// lookup is where the advisories for a package are.
type lookup struct {
	key
	version string
}

// locate finds ecosystem, name and version. The error says why a package has none.
func locate(p report.Package, d *report.Distro) (lookup, error) {
	u, err := packageurl.FromString(p.PURL)
	if err != nil {
		return lookup{}, fmt.Errorf("its package URL cannot be read: %w", err)
	}
	at := lookup{version: versionOf(u)}
	if at.version == "" && !strings.EqualFold(p.Version, "unknown") {
		at.version = p.Version
	}
	if at.version == "" {
		return lookup{}, fmt.Errorf("it has no version")
	}
	if u.Type == "dhi" {
		at.key = keyOf(components, strings.TrimPrefix(u.Namespace+"/"+u.Name, "/"))
		return at, nil
	}
	family, name := familyOf(u.Type)
	other := map[string]string{"alpine": "debian", "debian": "alpine"}[name]
	if d != nil && slices.Contains(d.IDLike, other) && !slices.Contains(d.IDLike, name) {
		return lookup{}, fmt.Errorf("it is a package of %s in an image that is like %s", name, other)
	}
	r := release(u, d, family)
	if r == "" {
		return lookup{}, fmt.Errorf("the release of the image is not known")
	}
	at.key = keyOf(family+r, u.Name)
	return at, nil
}

// versionOf is the version of a package URL, which is what advisories and VEX name, and not
// the text beside it in a bill. Some tools write the epoch as a qualifier.
func versionOf(u packageurl.PackageURL) string {
	epoch := u.Qualifiers.Map()["epoch"]
	if u.Version == "" || epoch == "" || u.Type != "deb" || strings.Contains(u.Version, ":") {
		return u.Version
	}
	return epoch + ":" + u.Version
}

// release is the distribution's release as the ecosystem writes it: "3.23" for Alpine,
// "13" for Debian. The package URL says it, in Syft's spelling or the feed's; else
// os-release does.
func release(u packageurl.PackageURL, d *report.Distro, family string) string {
	var r string
	for _, q := range u.Qualifiers {
		switch q.Key {
		case "distro":
			if v, ok := strings.CutPrefix(q.Value, "dhi-"); ok {
				r = v
			}
		case "os_version":
			if r == "" {
				r = q.Value
			}
		}
	}
	if r == "" && d != nil && d.ID == "dhi" {
		r = d.Version
	}
	parts := 1
	if family == alpine {
		parts = 2
	}
	fields := strings.Split(r, ".")
	return strings.Join(fields[:min(parts, len(fields))], ".")
}
