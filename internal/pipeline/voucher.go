package pipeline

import (
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
	"github.com/imagegate/imagegate/internal/registry"
)

// vouched reports whether Docker's key signed something over the image's very digest,
// or over the index that lists it. It is what a mirror needs to be known by its
// canonical name. Whoever else may sign for the repository does not speak for Docker:
// the marks of an index and the label of an image can be copied.
func (p *platform) vouched() bool {
	name := dhiRegistry + strings.TrimPrefix(p.report.Subject.DHI.Name, "dhi/")
	keys := dockerKeys(p.inputs.attestOptions(p.cfg, p.deps), p.img.Repository, name)
	return slices.ContainsFunc(p.verified, func(v attest.Verified) bool {
		return slices.ContainsFunc(keys, func(k trust.Key) bool { return v.Key() == k.Fingerprint() })
	})
}

// issued are those of an image's verified attestations that are Docker's: made by a key
// that stands for Docker over an image of Docker's by its registry or its marks, or by one
// of Docker's own over any. Somebody else's bill of an image of theirs lists what they
// installed, under Docker's name space too.
func (p *platform) issued(img *registry.Image, verified []attest.Verified) []attest.Verified {
	const canonical = dhiRegistry + "advisories" // whichever image it is
	row, _ := p.inputs.table.For(canonical, true)
	keys := row.Keys
	if isDHI(img) {
		keys = dockerKeys(p.inputs.attestOptions(p.cfg, p.deps), img.Repository, canonical)
	}
	return slices.DeleteFunc(slices.Clone(verified), func(v attest.Verified) bool {
		return !slices.ContainsFunc(keys, func(k trust.Key) bool { return v.Key() == k.Fingerprint() })
	})
}

// dockerKeys are the keys that stand for Docker: those of the trust row for the image's
// canonical name in Docker's own registry, those that the user names for the run, so that
// it can follow a rotation, and, where the user's row for the repository names none of
// Docker's, those in their stead. A key that stands beside one of Docker's in a row is
// somebody else's.
func dockerKeys(opt attest.Options, repository, canonical string) []trust.Key {
	docker, _ := opt.Table.For(canonical, true)
	if len(opt.Keys) > 0 || len(opt.Identities) > 0 {
		return slices.Concat(docker.Keys, opt.Keys)
	}
	row, _ := opt.Table.For(repository, true)
	if slices.ContainsFunc(row.Keys, func(k trust.Key) bool { return slices.ContainsFunc(docker.Keys, k.Equal) }) {
		return docker.Keys
	}
	return slices.Concat(docker.Keys, row.Keys)
}
