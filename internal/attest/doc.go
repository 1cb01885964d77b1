// Package attest finds the attestations of an image in every store that may keep
// them, verifies them, and hands out only what was verified. It is where evidence
// becomes evidence: a [Verified] can be made nowhere else.
//
// It guarantees that the bytes behind a Verified hash to the digests that lead from
// the image to them, that a signer whom the trust table names signed them, that the
// statement speaks of this image and of nothing else, and that its JSON reads the same
// in every parser. Each attestation ends as verified, unverified, unreadable or invalid
// with one reason, and each place that was asked is reported, so that "looked and found
// none" and "could not look" differ.
//
// Everything read is bounded by [Options] and treated as hostile. The package does not
// know what a predicate means (see attest/claims), and it reaches stores only through
// [Store].
//
// Start reading at [Verify].
package attest
