package pipeline

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
)

// target is one image that is to be judged.
type target struct {
	// name is what it is called in the report, until it was read; label is that for good,
	// where the platform alone does not tell it from another.
	name, label string
	read        func(context.Context) (*registry.Manifest, error)
}

// onePlatform is the image that a runtime on platform want runs.
func onePlatform(img *registry.Image, want v1.Platform) []target {
	return []target{{name: want.String(), read: func(ctx context.Context) (*registry.Manifest, error) { return img.Manifest(ctx, want) }}}
}

// everyPlatform is everything of the image that a runtime may run. Two images for one
// platform, and one for a platform that nobody says, are told apart by their digests.
func everyPlatform(ctx context.Context, img *registry.Image) ([]target, error) {
	entries, err := img.Entries(ctx)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fault.Usagef("choose the platforms of "+img.Reference, "is it an image?",
			"the index %s lists no platform that can run", img.Root.Digest)
	}
	number, short := map[string]int{}, map[string]int{}
	brief := func(e registry.Entry) string { return e.Platform.String() + e.Descriptor.Digest.Hex[:12] }
	for _, e := range entries {
		number[e.Platform.String()]++
		short[brief(e)]++
	}
	var list []target
	for _, e := range entries {
		name := e.Platform.String()
		if name == "" || number[name] > 1 {
			digest := e.Descriptor.Digest.String()
			if short[brief(e)] == 1 {
				digest = e.Descriptor.Digest.Algorithm + ":" + e.Descriptor.Digest.Hex[:12]
			}
			if name == "" {
				name = "unnamed"
			}
			name += "@" + digest
		}
		list = append(list, target{name: name, label: name, read: func(ctx context.Context) (*registry.Manifest, error) { return img.Read(ctx, e) }})
	}
	return list, nil
}

// leftOut tells of the images that a runtime may run in place of the one that is judged.
func leftOut(m *registry.Manifest) []report.Observation {
	var out []report.Observation
	for _, r := range m.Rivals {
		out = append(out, report.Observation{Stage: report.StageResolve, Kind: report.LeftOut,
			Message: fmt.Sprintf("the entry %s of the index %s: some runtimes run it in place of %s, and it was not looked at (platforms all looks at every entry)", r.Digest, r.Reason, m.Descriptor.Digest)})
	}
	return out
}
