package pipeline

import (
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/attest/trust"
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

// dockerKeys are the keys that stand for Docker: those of the trust row for the image's
// canonical name in Docker's own registry, and, where the user names keys for this repository and none of Docker's is
// among them, those in its stead, so that a run can follow a rotation. A key that stands
// beside one of Docker's is somebody else's.
func dockerKeys(opt attest.Options, repository, canonical string) []trust.Key {
	docker, _ := opt.Table.For(canonical, true)
	named := opt.Keys
	if len(opt.Keys) == 0 && len(opt.Identities) == 0 {
		row, _ := opt.Table.For(repository, true)
		named = row.Keys
	}
	if slices.ContainsFunc(named, func(k trust.Key) bool { return slices.ContainsFunc(docker.Keys, k.Equal) }) {
		return docker.Keys
	}
	return slices.Concat(docker.Keys, named)
}
