// Package vex decides what VEX statements say of each finding, and says why.
//
// It guarantees four things. A finding is never deleted: it gets a decision beside
// it. Nothing suppresses but a statement whose document has authority over the image
// (see [FromAttestation], [FromFeed], [FromFile]) and whose product names the very
// package, version, distribution and architecture that is installed. The result is
// the same whatever order documents and findings come in. And each decision carries
// a sentence: which product line matched and how, or, for a finding that is left
// open, which statement came closest and what it lacked.
//
// One principle settles the doubtful cases: width works only against suppression. A
// product without a version is too broad to clear a finding (unless the signed
// document of the image itself has nothing narrower), yet it is heard when it warns.
//
// Documents are read with the model of go-vex; matching and deciding are our own,
// because the stock rules ignore versions where they should not and names where they
// should. The package does no I/O, reads no clock, and knows nothing of registries,
// signatures or scanners: whether a document was verified is told by its type.
//
// Start reading at [Decide].
package vex
