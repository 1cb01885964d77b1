// Package trust says whose signatures count: public keys with their validity,
// identities of keyless signers, the Sigstore instances that vouch for those, and a
// table that maps registries to them.
//
// It decides nothing about an attestation; package attest asks it which signers to
// accept for a repository. Only [Fetch] uses the network, when it is asked to. Nothing is trusted by
// default but what a row of [Builtin] names, and every row says where it comes from.
//
// Start reading at [Table.For].
package trust

// LogPolicy says what a transparency log must say about a signature.
type LogPolicy string

// The log policies. Under [LogAuto] an entry that is there must verify, and a keyless
// signature needs one whenever its Sigstore instance runs a log. [LogRequire] wants
// one for every signature. [LogIgnore] reads none; a keyless signature then needs
// an RFC 3161 timestamp.
const (
	LogAuto    LogPolicy = "auto"
	LogRequire LogPolicy = "require"
	LogIgnore  LogPolicy = "ignore"
)

// Valid reports whether p is one of the three policies.
func (p LogPolicy) Valid() bool { return p == LogAuto || p == LogRequire || p == LogIgnore }
