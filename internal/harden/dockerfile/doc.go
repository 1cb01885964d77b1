// Package dockerfile reads a Dockerfile as BuildKit would and checks it. It uses
// BuildKit's own parser, so stages, ARG substitution, here-documents, ONBUILD, the
// escape directive and JSON forms mean here what they mean in a build.
//
// Nothing is run and nothing is fetched: what a base image brings is known by its
// name only, and a check that would need more says that it cannot decide. A file that
// BuildKit would refuse is refused with the same reason and its line.
//
// Start reading at [Parse], then [Run]; the checks are listed in checks.go.
package dockerfile
