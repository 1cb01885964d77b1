package registry

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/imagegate/imagegate/internal/fault"
)

// The marks that Docker puts on the index of a Docker Hardened Image, and that an
// image derived from one does not inherit.
const (
	dhiTitle       = "org.opencontainers.image.title"
	dhiTitlePrefix = "dhi/"
	dhiBuildID     = "com.docker.dhi.build.id"
)

// IsDHI says whether the index carries Docker's marks: its title starts with "dhi/",
// and every manifest has a build id. It is a claim of whoever pushed the index, good
// enough to know where to look for attestations and for nothing else.
func (img *Image) IsDHI() bool {
	if img.Index == nil || len(img.Index.Manifests) == 0 || !strings.HasPrefix(img.Index.Annotations[dhiTitle], dhiTitlePrefix) {
		return false
	}
	for _, d := range img.Index.Manifests {
		if d.Annotations[dhiBuildID] == "" {
			return false
		}
	}
	return true
}

// externalPlan checks Options.AttestationRegistry and returns a function that makes
// the second store, or nil, once it is known whether the image is a DHI. own is the
// image's repository, zero for a source that is no registry.
func (img *Image) externalPlan(own name.Repository) (func() *Store, error) {
	const op = "use attestation-registry"
	const hint = "write HOST, HOST/PREFIX or none, for example registry.scout.docker.com"
	value := strings.TrimSuffix(strings.TrimSpace(img.opt.AttestationRegistry), "/")
	isRegistry := own.RegistryStr() != "" && img.Source == SourceRegistry
	none := func() *Store { return nil }
	switch {
	case strings.EqualFold(value, "none"):
		return none, nil
	case value == "" && isRegistry && placeOf(own).registry == hostHub:
		repo, err := name.NewRepository(hostScout + "/" + own.RepositoryStr())
		if err != nil {
			return nil, fault.Usagef(op, hint, "%w", err)
		}
		return func() *Store {
			if !img.IsDHI() {
				return nil
			}
			return img.newStore(repo)
		}, nil
	case value == "":
		return none, nil
	case strings.Contains(value, "://"), strings.ContainsAny(value, "@ "):
		return nil, fault.Usagef(op, hint, "%q is not a registry name", value)
	}
	host, prefix, _ := strings.Cut(value, "/")
	path := prefix
	if isRegistry {
		path = joinRepository(prefix, own.RepositoryStr())
	}
	if path == "" {
		return nil, fault.Usagef(op, "for a local image write HOST/REPOSITORY", "%q names no repository, and %s has none", value, img.Reference)
	}
	reg, err := name.NewRegistry(host, name.StrictValidation)
	if err != nil {
		return nil, fault.Usagef(op, hint, "%q: %w", value, err)
	}
	repo, err := name.NewRepository(reg.RegistryStr() + "/" + path)
	if err != nil || repo.RegistryStr() != reg.RegistryStr() {
		return nil, fault.Usagef(op, hint, "%q is not a registry name: write HOST with a dot or a port", value)
	}
	if isRegistry && repo.Name() == own.Name() {
		return none, nil // the image's own repository is a store already
	}
	return func() *Store { return img.newStore(repo) }, nil
}

// joinRepository puts the repository below the prefix, unless the prefix ends with it.
func joinRepository(prefix, repository string) string {
	switch {
	case prefix == "":
		return repository
	case prefix == repository, strings.HasSuffix(prefix, "/"+repository):
		return prefix
	default:
		return prefix + "/" + repository
	}
}

func (img *Image) newStore(repo name.Repository) *Store {
	r := newRepository(repo, img.rt, img.opt, img.deadline)
	return &Store{src: r, place: r.place, opt: img.opt, deadline: img.deadline}
}
