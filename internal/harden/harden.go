// Package harden says whether an image, and what builds and runs it, is really
// hardened. It gathers the checks of its sub-packages: imagecheck for images,
// dockerfile, compose, and runcheck for running containers; walks a tree of files for
// [Lint]; writes the remedies that are safe as a diff ([Fix]); and prints the checks
// themselves ([Markdown]).
//
// It reads what it is given and nothing else: no network, no environment, no process.
// A check that cannot decide says so, and that is never a pass.
//
// Start reading at [Lint], or at [Checks] for what there is.
package harden

import (
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/harden/compose"
	"github.com/imagegate/imagegate/internal/harden/dockerfile"
	"github.com/imagegate/imagegate/internal/harden/imagecheck"
	"github.com/imagegate/imagegate/internal/harden/runcheck"
)

// Check describes one check; see package check.
type Check = check.Check

// Checks lists every check there is: images, Dockerfiles, Compose files, running
// containers, each in the order of its ids.
func Checks() []*Check {
	return slices.Concat(imagecheck.Checks(), dockerfile.Checks(), compose.Checks(), runcheck.Checks())
}

// Find returns the check with an id, in any case, and whether there is one.
func Find(id string) (*Check, bool) {
	for _, c := range Checks() {
		if strings.EqualFold(c.ID, id) {
			return c, true
		}
	}
	return nil, false
}
