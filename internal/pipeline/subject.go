package pipeline

import (
	"maps"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/registry"
	"github.com/imagegate/imagegate/internal/report"
)

// dhiLabels is what the labels of Docker Hardened Images begin with.
const dhiLabels = "com.docker.dhi."

// subject says what the image is, from bytes that were read by digest.
func subject(img *registry.Image, m *registry.Manifest) report.Subject {
	s := report.Subject{
		Reference: img.Reference, Source: img.Source, Registry: img.Registry, Repository: img.Repository, Tag: img.Tag,
		Digest: m.Descriptor.Digest.String(), MediaType: string(m.Descriptor.MediaType), Platform: m.Platform.String(),
		Annotations: maps.Clone(m.Manifest.Annotations), ConfigDigest: m.Manifest.Config.Digest.String(),
		Labels: maps.Clone(m.Config.Config.Labels), User: m.Config.Config.User,
	}
	if img.Index != nil {
		s.IndexDigest = img.Root.Digest.String()
	}
	for i, l := range m.Manifest.Layers {
		layer := report.Layer{Digest: l.Digest.String(), MediaType: string(l.MediaType), Size: l.Size}
		if i < len(m.Config.RootFS.DiffIDs) {
			layer.DiffID = m.Config.RootFS.DiffIDs[i].String()
		}
		s.Layers = append(s.Layers, layer)
		s.Size += l.Size
	}
	if t := m.Config.Created.Time; !t.IsZero() {
		s.Created = &t
	}
	s.DHI = dhi(img, m)
	if s.DHI != nil {
		// A derived image inherits the label: it dates the base. What Docker built itself
		// has marks on its index, and there the label is the better date.
		if t, ok := date(s.DHI.Created); ok && (s.Created == nil || s.DHI.Index) {
			s.Created = &t
		}
		if t, ok := date(s.DHI.EndOfLife); ok {
			s.EndOfLife = &t
		}
	}
	return s
}

// dhi reads the labels of Docker Hardened Images; nil when there are none.
func dhi(img *registry.Image, m *registry.Manifest) *report.DHI {
	l := func(name string) string { return m.Config.Config.Labels[dhiLabels+name] }
	if l("name") == "" && !img.IsDHI() {
		return nil
	}
	d := &report.DHI{
		Name: l("name"), Version: l("version"), Variant: l("variant"), Flavor: l("flavor"), Distro: l("distro"),
		Shell: l("shell"), PackageManager: l("package-manager"), Released: l("date.release"), EndOfLife: l("date.end-of-life"),
		Created: l("created"), Definition: l("definition"), Entitlement: l("entitlement"), Title: l("title"), URL: l("url"),
		ChainID: l("chain-id"), Index: img.IsDHI(),
	}
	for _, c := range strings.Split(l("compliance"), ",") {
		if c = strings.TrimSpace(c); c != "" {
			d.Compliance = append(d.Compliance, c)
		}
	}
	if img.Index != nil {
		for _, desc := range img.Index.Manifests {
			if desc.Digest == m.Descriptor.Digest {
				d.BuildID = desc.Annotations[dhiLabels+"build.id"]
			}
		}
	}
	return d
}

// date reads a day or a moment as labels write them.
func date(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// isDHI says whether an image is one of Docker's by where it was read or by the marks of
// its index. Neither is proof without a signature over it.
func isDHI(img *registry.Image) bool { return fromDHI(img) || img.IsDHI() }

// fromDHI says whether the image comes from Docker's own registry for hardened images
// or a mirror of it on Docker Hub, by where it was read and not by what it claims.
func fromDHI(img *registry.Image) bool {
	return img.Registry == "dhi.io" || (img.Registry == "docker.io" && img.IsDHI())
}
