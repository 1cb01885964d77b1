// Package claims reads what verified attestations say and turns it into checks: where
// and by whom the image was built, what scans and tests found, what a verifier
// summarised. It sees only [attest.Verified] values, so nothing unverified can pass.
//
// Every function is pure. A claim that is absent or cannot be read is undecided or
// failed, never passed; each check names the rule and both values. The pass rules for
// scans are those that Docker publishes for its hardened images.
//
// Start reading at [Evaluate].
package claims
