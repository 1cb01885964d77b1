// Package testkit is the outside world in one process: an OCI registry with a login
// and a request log, a signer, a builder of images in the layout of Docker Hardened
// Images, and the files of a GitHub runner. Everything speaks the real protocol over
// real HTTP with real signatures, so that what passes here passes outside.
//
// Honest is the zero value. A lie has to be asked for: [Registry.Inject] makes the
// registry lie, a [Mutator] makes the signer or the publisher lie, and each says in
// its name which link of the chain it breaks.
//
// The package knows nothing of the stages that it exercises and imports none of them.
// It does not import "testing" either, because the demo is built from it.
//
// Start reading at [StartRegistry], then [Image].
package testkit
