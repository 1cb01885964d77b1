package vex

import "fmt"

// standing is whose word a document is about the image.
type standing struct {
	authority authority // 0: nobody's
	// baseOnly restricts it to packages that are proven to come from the base.
	baseOnly bool
	// why says why it has none, or only that.
	why string
	// superseded is the version that speaks in its place.
	superseded edition
}

// standings are worked out once for each document.
func standings(docs []*document, n *imageNames) []standing {
	out := make([]standing, len(docs))
	for i, d := range docs {
		out[i] = d.standing(n)
	}
	return out
}

func (d *document) standing(n *imageNames) standing {
	switch d.authority {
	case attached:
		switch {
		case meet(d.subjects, n.digests):
			return standing{authority: attached}
		case meet(d.subjects, n.based):
			return standing{authority: baseImage, baseOnly: true, why: "its document is the base image's"}
		}
		return standing{why: "its document is attached to another image"}
	case feed:
		switch {
		case meet(d.repos, n.base):
			return standing{authority: feed, baseOnly: true, why: "its feed is about the base image"}
		case meet(d.repos, n.repos):
			return standing{authority: feed}
		}
		return standing{why: "its document is not about this image"}
	}
	if d.subjects != nil && !meet(d.subjects, n.digests) {
		return standing{why: "its document is about another image"}
	}
	return standing{authority: d.authority}
}

// meet reports whether two sets have a member in common.
func meet(a, b map[string]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

func originName(o string) string {
	if o == "" {
		return "unknown"
	}
	return o
}

// sayf formats a reason when one is wanted.
func (m *matcher) sayf(format string, args ...any) string {
	if !m.say {
		return ""
	}
	return fmt.Sprintf(format, args...)
}
