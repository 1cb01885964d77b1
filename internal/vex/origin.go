package vex

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/imagegate/imagegate/internal/report"
)

// ChainIDs returns the chain ID of each layer of an image, bottom first: that of the
// first is its diff ID, every further one is the SHA-256 of the chain ID below it, a
// space, and its own diff ID (OCI image-spec, config.md, "Layer ChainID").
func ChainIDs(diffIDs []string) []string {
	out := make([]string, len(diffIDs))
	for i, id := range diffIDs {
		out[i] = id
		if i > 0 {
			sum := sha256.Sum256([]byte(out[i-1] + " " + id))
			out[i] = "sha256:" + hex.EncodeToString(sum[:])
		}
	}
	return out
}

// BoundaryState says where a base image ends.
type BoundaryState string

// NoBase: the image names no base. WholeBase: all of it is the base. Derived: there
// are layers on top. Unproven: it names a base whose layers are not in it (a squashed
// image, or a label that was copied), so nothing in it is shown to be the base's.
const (
	NoBase    BoundaryState = "none"
	WholeBase BoundaryState = "whole"
	Derived   BoundaryState = "derived"
	Unproven  BoundaryState = "unproven"
)

// Boundary is the place where a base image ends in the image built on it.
type Boundary struct {
	State BoundaryState
	// Layers is the number of layers of the base; 0 unless Derived or WholeBase.
	Layers int
}

// FindBoundary looks for the chain ID that the label com.docker.dhi.chain-id names. A
// label proves nothing by itself; a chain ID found among the image's own does, since
// nobody can make other layers hash to it.
func FindBoundary(diffIDs []string, chainID string) Boundary {
	if chainID == "" {
		return Boundary{State: NoBase}
	}
	switch i := slices.Index(ChainIDs(diffIDs), lower(chainID)); i {
	case -1:
		return Boundary{State: Unproven}
	case len(diffIDs) - 1:
		return Boundary{State: WholeBase, Layers: len(diffIDs)}
	default:
		return Boundary{State: Derived, Layers: i + 1}
	}
}

// CheckBase reports whether base is the image that ends at the boundary: its layers
// are the first of ours, all of them, and their chain ID is the one that was named. A
// base named by provenance or by the user counts only after this.
func (b Boundary) CheckBase(diffIDs, base []string) error {
	switch {
	case b.State != Derived && b.State != WholeBase:
		return errors.New("the image does not show where its base ends")
	case len(base) != b.Layers:
		return fmt.Errorf("the base has %d layers, the image shows a base of %d", len(base), b.Layers)
	case !slices.Equal(base, diffIDs[:b.Layers]):
		return errors.New("the layers of the base are not the first layers of the image")
	}
	return nil
}

// Membership is what tells the packages of a base from those added on top.
type Membership struct {
	Boundary Boundary
	// DiffIDs are the layers of the image, bottom first.
	DiffIDs []string
	// BasePURLs are the package URLs of the base's verified SBOM. Nil when there is none;
	// then the layers of a package's files decide.
	BasePURLs []string
	// FileLayers returns the layers (diff IDs) that the files of a package come from:
	// its own files, and not the package database, which is always in the top layer.
	// It may return nothing when that is not known.
	FileLayers func(report.Package) []string
}

// Origins returns, for each package, whether it comes from the base: OriginBase,
// OriginApp, OriginUnproven, or "" when the image is not built on another. With a
// verified SBOM of the base, it is the base's when name and exact version are in it, and
// release and architecture as far as the SBOM states them; else when all its files are in
// the base's layers. Where SBOM and layers disagree, as for a package of the base with
// files changed on top, nothing is proven.
func (m Membership) Origins(packages []report.Package) []string {
	out := make([]string, len(packages))
	switch m.Boundary.State {
	case Unproven:
		for i := range out {
			out[i] = OriginUnproven
		}
		return out
	case Derived:
	default:
		return out
	}
	base := map[nameVersion][]memberKey{}
	for _, s := range m.BasePURLs {
		if key, ok := memberOf(s); ok {
			base[key.nameVersion] = append(base[key.nameVersion], key)
		}
	}
	inBase := map[string]bool{}
	for _, id := range m.DiffIDs[:min(m.Boundary.Layers, len(m.DiffIDs))] {
		inBase[id] = true
	}
	for i, p := range packages {
		key, ok := memberOf(p.PURL)
		if m.BasePURLs == nil || !ok {
			out[i] = m.byLayers(p, inBase)
			continue
		}
		below, above := 0, 0
		if len(inBase) > 0 { // else no layer tells where the base ends
			below, above = m.filesOf(p, inBase)
		}
		switch listed := slices.ContainsFunc(base[key.nameVersion], key.isIn); {
		case listed && above == 0:
			out[i] = OriginBase
		case listed, below > 0 && above == 0:
			out[i] = OriginUnproven
		default:
			out[i] = OriginApp
		}
	}
	return out
}

// filesOf counts the layers of the package's files below the boundary and above it.
func (m Membership) filesOf(p report.Package, inBase map[string]bool) (below, above int) {
	if m.FileLayers == nil {
		return 0, 0
	}
	for _, id := range m.FileLayers(p) {
		if inBase[id] {
			below++
		} else {
			above++
		}
	}
	return below, above
}

func (m Membership) byLayers(p report.Package, inBase map[string]bool) string {
	switch below, above := m.filesOf(p, inBase); {
	case below > 0 && above == 0:
		return OriginBase
	case above > 0 && below == 0:
		return OriginApp
	default:
		return OriginUnproven
	}
}

type nameVersion struct{ typ, namespace, name, version string }

// memberKey is what two SBOMs have to agree on to mean the same installed package. The
// spellings of a release differ between tools, so its number is compared, not the text.
type memberKey struct {
	nameVersion
	arch, release string
}

// isIn reports whether an entry of the base's SBOM is the package. The SBOM is of one
// image for one platform: what its entry leaves out does not have to be shown again.
func (k memberKey) isIn(entry memberKey) bool {
	return (entry.arch == "" || entry.arch == k.arch) && (entry.release == "" || entry.release == k.release)
}

func memberOf(s string) (memberKey, bool) {
	p, err := parsePURL(s)
	if err != nil || p.version == "" {
		return memberKey{}, false
	}
	k := memberKey{nameVersion: nameVersion{p.typ, p.namespace, p.name, p.version}, arch: arch(p.get("arch"))}
	if stated, n := statedReleases(&p); n > 0 {
		k.release = stated[0].id + " " + stated[0].version
		if parts := releaseParts(stated[0].id); parts > 0 {
			k.release = stated[0].id + " " + firstParts(stated[0].version, parts)
		}
	}
	return k, true
}

func firstParts(version string, n int) string {
	for i := range len(version) {
		if version[i] == '.' {
			if n--; n == 0 {
				return version[:i]
			}
		}
	}
	return version
}
